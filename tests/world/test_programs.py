"""Scene programs: exact edits, exact masks, captions that the reader understands, JSON that reads back."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.text.captions import find_mention
from atelier.world.fabrics import CLOTH_RGB, PATTERNS
from atelier.world.programs import GARMENTS, NAMES, Garment, Person, Scene, describe_scene, edit, edit_cut, slots_of
from atelier.world.render import lay_out, paint, render
from atelier.world.sample import sample_outfit

SHOTS = ("0042-0", "0042-0t", "0042-1", "0042-2", "0025-2", "0041-2")


def scene_of(world, seed: int) -> Scene:
    return sample_outfit(np.random.default_rng(seed), ("studio", "street")[seed % 2], held_out=True, world=world)


@pytest.mark.parametrize("seed", range(40))
def test_an_edit_changes_no_pixel_that_its_garment_does_not_cover(world, seed):
    scene, rng = scene_of(world, seed), np.random.default_rng(seed)
    slot = list(scene.garments)[int(rng.integers(len(scene.worn)))]
    colour = list(CLOTH_RGB)[int(rng.integers(len(CLOTH_RGB)))] if rng.random() < 0.7 else None
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))] if colour is None or rng.random() < 0.5 else None
    edited = edit(scene, slot, colour=colour, pattern=pattern, grid=float(rng.choice([0, 1 / 16])))
    layout = lay_out(scene, 128, world)
    changed = (paint(scene, layout) != paint(edited, layout)).any(-1)
    assert not changed[layout.coverage[slot] == 0].any()
    if edited != scene:
        assert changed[layout.masks[slot]].mean() > 0.1


def test_a_cut_is_edited_by_the_twin_in_the_same_fabrics(world):
    scene = next(s for s in (scene_of(world, seed) for seed in range(0, 40, 2)) if s.shot == "0042-0")
    slot, words, after = edit_cut(scene, world)
    assert (slot, words) == ("upper", "cropped")
    assert after.shot == "0042-0t"
    before = scene.garments
    for name, garment in after.worn:
        assert (garment.colour, garment.pattern, garment.style) == (
            before[name].colour, before[name].pattern, before[name].style)  # fmt: skip
    one, two = (lay_out(s, 128, world) for s in (scene, after))
    changed = np.abs(paint(scene, one).astype(int) - paint(after, two)).max(-1) > 24
    assert changed.any()
    cloth = one.coverage["upper"].astype(bool) | two.coverage["upper"].astype(bool)
    assert changed[~cloth].mean() < 0.01
    assert edit_cut(after, world) is None
    assert one.shot.shades == two.shot.shades, "the twin has colours of another brightness"


@pytest.mark.parametrize("shot", SHOTS)
@pytest.mark.parametrize("size", [32, 128, 160])
def test_masks_are_disjoint_and_fill_the_picture(world, shot, size):
    facts = world.facts[shot]
    worn = tuple((slot, Garment("dress", "red", "solid", 0.5)) for slot in slots_of(facts["outfit"]))
    scene = Scene(shot, facts["domain"], facts["view"], Person("p", "man"), worn, worn[0][0], bars=0.1)
    rendered = render(scene, size, world)
    assert rendered.image.shape == (size, size, 3)
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in rendered.masks.values()), 1)
    assert set(rendered.masks) == {*dict(worn), "body", "face", "background"}
    assert rendered.masks["background"][:, 0].all()
    assert (rendered.image[:, 0] == 12).all()
    red = rendered.image[rendered.masks[worn[0][0]]].astype(int)
    assert (red[:, 0] > red[:, 1] + 20).mean() > 0.8


def test_programs_are_read_back_as_they_were_written(world):
    for seed in range(12):
        scene = scene_of(world, seed)
        assert Scene.from_json(scene.to_json()) == scene
        np.testing.assert_array_equal(
            render(scene, 64, world).image, render(Scene.from_json(scene.to_json()), 64, world).image
        )
    for text in ("{}", "[]", '{"shot": 1}'):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Scene.from_json(text)


@given(
    kind=st.sampled_from(["shirt", "blouse", "t-shirt", "top", "sweater", "jacket", "dress", "skirt", "trousers"]),
    colour=st.sampled_from(list(CLOTH_RGB)),
    pattern=st.sampled_from(PATTERNS),
)
@settings(max_examples=30)
def test_edits_change_what_they_name_alone(kind, colour, pattern):
    worn = (("upper", Garment(kind, "red", "dots", 0.1)), ("lower", Garment("shorts", "blue", "stripes", 0.4)))
    scene = Scene("0001-0", "studio", "front", Person("p", "woman"), worn, "upper")
    edited = edit(scene, "upper", colour=colour, pattern=pattern)
    assert edited.garments["lower"] == scene.garments["lower"]
    assert (edited.garments["upper"].colour, edited.garments["upper"].pattern) == (colour, pattern)
    assert edit(edited, "upper", colour="red", pattern="dots") == scene
    with pytest.raises(ValueError, match="nothing is worn in slot 'full'; worn: upper, lower"):
        edit(scene, "full", colour=colour)


def test_captions_are_read_as_they_are_meant(world):
    """Every colour, print and garment, alone and in the captions of sampled scenes."""
    named = [*((kind, "") for kind in GARMENTS), ("shirt", NAMES["blouse"]), ("t-shirt", NAMES["top"])]
    garments = list(product(named, CLOTH_RGB, PATTERNS))[::3]
    wrong = []
    for (kind, name), colour, pattern in garments:
        worn = (("upper", Garment(kind, colour, pattern, 0, name=name)),)
        scene = Scene("0001-0", "studio", "front", Person("p", "man"), worn, "upper")
        wrong += [] if _is_read(scene, "upper") else [describe_scene(scene)]
    assert len(wrong) <= 0.002 * len(garments), wrong[:20]
    scenes = [scene_of(world, seed) for seed in range(150)]
    asked = [(scene, slot) for scene in scenes for slot in scene.garments]
    wrong = [describe_scene(scene) for scene, slot in asked if not _is_read(scene, slot)]
    assert len(wrong) <= 0.02 * len(asked), wrong


def _is_read(scene: Scene, slot: str) -> bool:
    garment = scene.garments[slot]
    found = find_mention(describe_scene(scene), garment.kind)
    pattern = None if garment.pattern == "solid" else garment.pattern
    return found is not None and (found.colour, found.pattern) == (garment.colour, pattern)

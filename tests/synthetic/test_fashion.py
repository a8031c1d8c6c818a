"""Rendered scenes: determinism, exact masks, and edits that change only the named garment."""

import itertools
import random
import re

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from skimage.color import rgb2lab

from atelier.synthetic import fashion
from atelier.synthetic.fashion.fabric import tile
from atelier.synthetic.fashion.figure import Layer
from atelier.text import instructions
from atelier.text.instructions import FULL, LOWER, PROMPTS, RENDERED_COLOURS, RENDERED_PATTERNS, UPPER

SIZE = 48
PATTERN_WORDS = {
    "solid": ("plain", "fabric", "remove the pattern"), "stripes": ("stripes", "striped"),
    "floral": ("floral", "flowers"), "dots": ("dots", "dotted"), "plaid": ("plaid",),
}  # fmt: skip
DOMAINS = ("studio", "street")


def draw_scenes(count: int, *, held_out: bool = True) -> list[fashion.Scene]:
    rngs = (np.random.default_rng([11, index]) for index in range(count))
    return [fashion.sample_outfit(rng, DOMAINS[n % 2], held_out=held_out) for n, rng in enumerate(rngs)]


def coverage_of(slot: str, layout: fashion.Layout) -> np.ndarray:
    """Return the share of every pixel that a garment covers, seams included: float (H, W)."""
    return layout.coverage[[Layer[slot.upper()], Layer[f"{slot.upper()}_INK"]]].sum(0)


@pytest.fixture(scope="module")
def scenes() -> list[fashion.Scene]:
    return draw_scenes(12)


@pytest.mark.parametrize("size", [32, 64, 96, 128])
def test_rendering_is_deterministic_at_any_size(scenes, size):
    for scene in scenes[:2]:
        first = fashion.render(scene, size)
        tile.cache_clear()
        second = fashion.render(scene, size)
        assert (first.image.shape, first.image.dtype) == ((size, size, 3), np.uint8)
        np.testing.assert_array_equal(first.image, second.image)
        assert first.masks.keys() == second.masks.keys()
        assert all(np.array_equal(mask, second.masks[name]) for name, mask in first.masks.items())


def test_a_picture_looks_the_same_at_any_size(scenes):
    """A large picture of a scene in solid fabrics, averaged down, is close to the small one."""
    for scene in scenes[:4]:
        plain = scene
        for slot in scene.garments:
            plain = fashion.edit(plain, slot, pattern="solid")
        small, large = (fashion.render(plain, size).image.astype(float) for size in (32, 128))
        averaged = large.reshape(32, 4, 32, 4, 3).mean((1, 3))
        assert np.abs(averaged - small).mean() < 6


def test_masks_are_exclusive_and_contain_the_pixels_of_their_garments(scenes):
    """A garment's mask contains every pixel that it covers by more than half, and none that it does not touch."""
    for scene in scenes:
        layout = fashion.lay_out(scene, SIZE)
        masks = fashion.render(scene, SIZE).masks
        assert set(masks) == {*scene.garments, "skin", "hair", "face", "background"}
        assert np.sum(list(masks.values()), axis=0).max() == 1
        np.testing.assert_allclose(layout.coverage.sum(0), 1, atol=1e-6)
        for slot in scene.garments:
            covered = coverage_of(slot, layout)
            assert masks[slot].sum() > 20
            np.testing.assert_array_equal(masks[slot], layout.masks[slot])
            assert masks[slot][covered > 0.5].all()
            assert (covered[masks[slot]] > 0).all()


@pytest.mark.parametrize("factors", [("colour",), ("pattern",), ("colour", "pattern")])
def test_an_edit_changes_its_garment_and_nothing_else(scenes, factors):
    """Beyond the soft edge of its mask an edit changes only slivers, of at most a quarter of a pixel (a hem, say)."""
    for scene in scenes:
        layout = fashion.lay_out(scene, SIZE)
        source = fashion.paint(scene, layout).astype(int)
        for slot, garment in scene.worn:
            other = {
                "colour": RENDERED_COLOURS[(RENDERED_COLOURS.index(garment.colour) + 3) % len(RENDERED_COLOURS)],
                "pattern": RENDERED_PATTERNS[(RENDERED_PATTERNS.index(garment.pattern) + 1) % len(RENDERED_PATTERNS)],
            }
            change = {factor: other[factor] for factor in factors}
            edited = fashion.edit(scene, slot, **change)
            assert {key: getattr(edited.garments[slot], key) for key in change} == change
            changed = np.any(fashion.render(edited, SIZE).image != source, axis=-1)
            mask, covered = layout.masks[slot], coverage_of(slot, layout)
            assert changed[mask].mean() > 0.2
            assert not changed[covered == 0].any()
            assert not changed[~binary_dilation(mask, np.ones((3, 3)), iterations=2) & (covered > 0.25)].any()


def test_recolouring_keeps_the_folds(scenes):
    """Shading (picture / fabric colour) is the same before and after, up to the rounding to 8 bits."""
    checked = 0
    for scene in scenes:
        layout = fashion.lay_out(scene, SIZE)
        for slot in scene.garments:
            whole = layout.coverage[Layer[slot.upper()]] == 1
            lowest, highest = -np.inf, np.inf  # bounds of each pixel's shading, from all colours
            for colour in ("pink", "brown", "blue"):
                picture = fashion.paint(fashion.edit(scene, slot, colour=colour, pattern="solid"), layout)[whole]
                rgb = np.array(fashion.COLOURS_RGB[colour])
                lowest = np.maximum(lowest, ((picture - 0.501) / rgb).max(-1))
                highest = np.minimum(highest, np.where(picture == 255, np.inf, (picture + 0.501) / rgb).min(-1))
            assert (lowest <= highest).all()
            assert np.std(lowest) > 0.01  # there are folds
            checked += len(lowest)
    assert checked > 1000


def test_impossible_edits_and_empty_instructions_are_errors(scenes):
    slot = "full" if "full" not in scenes[0].garments else "upper"
    with pytest.raises(ValueError, match=f"nothing is worn in slot '{slot}'"):
        fashion.edit(scenes[0], slot, colour="red")
    with pytest.raises(ValueError, match="'hat' is not a garment"):
        fashion.slot_of("hat")
    with pytest.raises(ValueError, match="a colour, a pattern or both"):
        instructions.instruct(random.Random(0), "shirt")


def test_palette_has_the_cielab_values_of_its_colours():
    assert tuple(fashion.COLOURS_RGB) == tuple(fashion.COLOURS_LAB) == RENDERED_COLOURS
    assert set(fashion.ACCENTS) == set(RENDERED_COLOURS)
    for name, rgb in fashion.COLOURS_RGB.items():
        lab = rgb2lab(np.array(rgb, float)[None, None] / 255)[0, 0]
        np.testing.assert_allclose(fashion.COLOURS_LAB[name], lab, atol=0.01)


def test_a_solid_garment_has_its_named_colour(scenes):
    """Nearest in CIELAB, as in the evaluation, inside the garment's mask."""
    for colour in RENDERED_COLOURS:
        scene = fashion.edit(scenes[0], scenes[0].item, colour=colour, pattern="solid")
        rendered = fashion.render(scene, SIZE)
        lab = np.median(rgb2lab(rendered.image)[rendered.masks[scene.item]], axis=0)
        assert min(fashion.COLOURS_LAB, key=lambda name: np.linalg.norm(lab - fashion.COLOURS_LAB[name])) == colour


def test_held_out_fabrics_are_sampled_only_if_allowed():
    assert not any(scene.held_out for scene in draw_scenes(400, held_out=False))
    seen = {(g.colour, g.pattern) for scene in draw_scenes(400) for _, g in scene.worn}
    assert seen >= fashion.HELD_OUT
    assert all(fashion.is_held_out(*fabric) == (fabric in fashion.HELD_OUT) for fabric in seen)


def test_a_scene_round_trips_through_json(scenes):
    for scene in scenes:
        again = fashion.Scene.from_json(scene.to_json())
        assert (again, hash(again)) == (scene, hash(scene))


def test_captions_follow_the_data_sets_grammar(scenes):
    colours = "|".join(RENDERED_COLOURS)
    pieces = rf"(a|an) ({colours}) ((striped|floral|dotted|plaid) )?({'|'.join((*UPPER, 'skirt', *FULL))})"
    plural = rf"({colours}) ((striped|floral|dotted|plaid) )?(trousers|shorts)"
    whole = re.compile(rf"a (woman|man) in ({pieces}|{plural})( and ({pieces}))?")
    for scene in draw_scenes(60):
        caption = fashion.describe_scene(scene)
        assert whole.fullmatch(caption), caption
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", caption), caption
        for _, garment in scene.worn:
            assert instructions.describe(garment.kind, garment.colour, garment.pattern) in caption


def test_describe_needs_neither_colour_nor_pattern():
    assert instructions.describe("dress") == "a dress"
    assert instructions.describe("shorts", "white") == "white shorts"
    assert instructions.describe("shirt", "orange", "stripes") == "an orange striped shirt"
    assert instructions.caption("woman", ["white shorts", "a t-shirt"]) == "a woman in white shorts and a t-shirt"


@pytest.mark.parametrize("garment", [*UPPER, *LOWER, *FULL])
def test_instructions_name_the_garment_and_mention_the_value(garment):
    names = {garment} if garment in LOWER else {garment, "clothes", *(["shirt"] if garment in UPPER else [])}
    others = {*UPPER, *LOWER, *FULL, "clothes"} - names
    fabrics = list(itertools.product((None, *RENDERED_COLOURS), (None, *RENDERED_PATTERNS)))[
        1:
    ]  # the first one names no change
    for (seed, (colour, pattern)), draw in itertools.product(enumerate(fabrics, start=1), range(8)):
        text = instructions.instruct(random.Random(f"{seed} {draw}"), garment, colour=colour, pattern=pattern)
        assert colour is None or re.search(rf"\b{colour}\b", text), text
        assert pattern is None or any(word in text for word in PATTERN_WORDS[pattern]), text
        named = re.fullmatch(r"change to a \w+ pattern", text) or any(re.search(rf"\b{n}\b", text) for n in names)
        assert named, text
        assert not any(re.search(rf"(?<![-\w]){name}\b", text) for name in others), text
        assert (garment in LOWER) <= (garment in text), text  # lower garments have no loose names


@pytest.mark.parametrize(("prompt", "change"), PROMPTS.items())
def test_the_papers_prompts_occur_among_training_instructions(prompt, change):
    factor, value = change
    assert prompt in {instructions.instruct(random.Random(seed), "shirt", **{factor: value}) for seed in range(200)}

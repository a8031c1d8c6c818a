"""Both rendered worlds behind one set of names: what a scene program or a source is of is found from itself."""

from dataclasses import replace

import numpy as np
import pytest

from atelier import scenes, world
from atelier.common.errors import UserError
from atelier.data.schemas import Request, read_items
from atelier.images.tensors import from_png
from atelier.synthetic import fashion
from atelier.text.colours import COLOURS_RGB
from atelier.world.fabrics import CLOTH_RGB, repeat_px

SIDE = 48
HOMES = {"world": fashion, "photographs": world}


def first(source: str) -> dict:
    return next(scenes.rows(source, 1, 3, SIDE))


@pytest.mark.parametrize("domain", ["studio", "street"])
@pytest.mark.parametrize("name", HOMES)
def test_a_source_gives_its_worlds_rows_and_scenes(name, domain):
    home, row = HOMES[name], first(f"{name}:{domain}")
    alone = next(home.rows(domain, 1, 3, SIDE))
    assert {key: row[key] for key in row if isinstance(row[key], str)} == {
        key: alone[key] for key in alone if isinstance(alone[key], str)
    }
    scene = scenes.read_scene(row["scene"])
    assert scene == home.Scene.from_json(row["scene"])
    assert isinstance(scene, home.Scene)
    slot, worn = scene.worn[0]
    edited = scenes.edit(scene, slot, colour="red" if worn.colour != "red" else "blue")
    assert edited == home.edit(scene, slot, colour="red" if worn.colour != "red" else "blue")
    assert scenes.describe_scene(edited) == home.describe_scene(edited) != scenes.describe_scene(scene)
    painted = scenes.paint(edited, scenes.lay_out(edited, SIDE))
    np.testing.assert_array_equal(painted, home.render(edited, SIDE).image)
    np.testing.assert_array_equal(painted, scenes.render(edited, SIDE).image)


def test_sources_are_those_of_both_worlds():
    assert list(scenes.SOURCES) == ["world:studio", "world:street", "photographs:studio", "photographs:street"]
    assert [scenes.is_photographic(one) for one in scenes.SOURCES] == [False, False, True, True]
    assert not scenes.is_photographic("photographs:beach")
    for program in ("", "[]", "{}", '{"shot": "0000-0"}', '{"person": 1}'):
        with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
            scenes.read_scene(program)


@pytest.mark.parametrize(
    ("source", "schema"), [("photographs:studio", "deepfashion"), ("photographs:street", "fashionpedia")]
)
def test_photographic_rows_are_read_into_items(source, schema):
    readings = list(read_items(Request(source, schema, "seen", 16, SIDE, "letterbox", 3)))
    assert [one.refused for one in readings] == [""] * 16
    for item in (one.item for one in readings):
        scene = scenes.read_scene(item.scene)
        slot = scenes.slot_of_kind(scene, item.garment)
        assert scene.garments[slot].kind == item.garment
        np.testing.assert_array_equal(from_png(item.image), scenes.render(scene, SIDE).image)
        assert (item.mask is not None) == (source == "photographs:studio")


def test_a_photographic_world_without_such_a_domain_is_named():
    with pytest.raises(UserError, match=r"no such rendered world; one of .*photographs:street"):
        list(read_items(Request("photographs:beach", "deepfashion", "seen", 1, SIDE, "letterbox", 3)))


def test_two_scenes_of_a_shot_or_of_its_twin_are_of_one_shot():
    scene = scenes.read_scene(first("photographs:studio")["scene"])
    twin = replace(scene, shot=f"{scene.shot}t")
    other = replace(scene, shot=f"{scene.shot[:-1]}{int(scene.shot[-1]) + 1}")
    drawn = scenes.read_scene(first("world:studio")["scene"])
    assert scenes.same_shot(scene, scenes.edit(scene, scene.item, colour="red"))
    assert scenes.same_shot(scene, twin)
    assert scenes.same_shot(twin, scene)
    assert not scenes.same_shot(scene, other)
    assert not scenes.same_shot(drawn, drawn)
    assert not scenes.same_shot(scene, drawn)


def test_a_flat_fabric_has_the_colours_and_prints_of_its_world():
    for photographic, colours in ((False, COLOURS_RGB), (True, CLOTH_RGB)):
        for colour in ("red", "navy"):
            fabric = scenes.fill_flat(colour, "solid", SIDE, photographic=photographic)
            assert (fabric is None) == (colour not in colours)
            if fabric is not None:
                np.testing.assert_array_equal(fabric, np.broadcast_to(np.float32(colours[colour]), (SIDE, SIDE, 3)))
    zebra = scenes.fill_flat("white", "zebra", SIDE, photographic=True)
    assert zebra.std() > 20
    stripes = scenes.fill_flat("blue", "stripes", 64, photographic=True)
    np.testing.assert_allclose(stripes[: 64 - repeat_px(64)], stripes[repeat_px(64) :], atol=1e-3)  # on the grid
    assert not np.allclose(stripes, scenes.fill_flat("blue", "stripes", 64, photographic=False))


def test_paints_are_what_a_scene_can_be_given():
    for source in ("world:studio", "photographs:studio"):
        scene = scenes.read_scene(first(source)["scene"])
        paints = scenes.list_paints(scene)
        for colour, pattern in zip(paints.colours, (*paints.patterns, *paints.patterns[:1] * 40), strict=False):
            edited = scenes.edit(scene, scene.item, colour=colour, pattern=pattern)
            assert edited.garments[scene.item].colour == colour
    assert ("navy" in paints.colours, "zebra" in paints.patterns) == (True, True)
    scenes.render(scenes.edit(scene, scene.item, colour="navy", pattern="zebra"), SIDE)

"""Composed rows have the columns, types and order of the drawn ones, which go through the loaders of real data."""

import inspect

import numpy as np
import pytest

from atelier import world as photographic
from atelier.common.errors import UserError
from atelier.synthetic import fashion
from atelier.text.garments import CATEGORIES
from atelier.text.garments import CLOTH_TYPES as KNOWN_TYPES
from atelier.world.rows import CLOTH_TYPES, FASHIONPEDIA, rows
from atelier.world.shards import Shards


def test_the_interface_is_that_of_the_drawn_world():
    assert set(fashion.__all__) <= set(photographic.__all__)
    for name in ("rows", "lay_out", "paint", "render", "edit", "describe_scene", "slot_of", "sample_outfit"):
        drawn, composed = (inspect.signature(getattr(one, name)).parameters for one in (fashion, photographic))
        assert list(composed)[: len(drawn)] == list(drawn), name
        assert all(
            composed[key].kind == drawn[key].kind and composed[key].default == drawn[key].default for key in drawn
        )
        further = [composed[key] for key in composed if key not in drawn]
        assert all(one.default is not inspect.Parameter.empty for one in further)


@pytest.mark.parametrize("domain", ["studio", "street"])
def test_rows_have_the_columns_of_the_drawn_ones(world_as_default, domain):
    drawn = next(fashion.rows(domain, 1, 0, 64))
    for row in rows(domain, 10, 0, 64):
        assert {name: type(value) for name, value in row.items()} == {name: type(drawn[name]) for name in drawn}
        scene = photographic.Scene.from_json(row["scene"])
        rendered = photographic.render(scene, 64)
        picture = row["images" if domain == "studio" else "image"]
        np.testing.assert_array_equal(np.asarray(picture), rendered.image)
        if domain == "studio":
            np.testing.assert_array_equal(np.asarray(row["mask"]) > 0, rendered.masks[scene.item])
            assert row["caption"] == photographic.describe_scene(scene)
            assert KNOWN_TYPES[row["cloth_type"]] == scene.garments[scene.item].kind
        else:
            for category, (x1, y1, x2, y2), area in zip(
                *(row["objects"][k] for k in ("category", "bbox", "area")), strict=True
            ):
                kind = CATEGORIES[category][1]
                (mask,) = (
                    rendered.masks[slot]
                    for slot, one in scene.worn
                    if one.kind == kind and rendered.masks[slot].sum() == area
                )
                assert mask[int(y1) : int(y2), int(x1) : int(x2)].sum() == area == mask.sum()  # fmt: skip


def test_rows_depend_on_seed_and_number_alone(world):
    pages = [list(rows("studio", count, 3, 32, start, world)) for start, count in ((0, 20), (13, 20))]
    assert [row["scene"] for row in pages[0][13:]] == [row["scene"] for row in pages[1]]
    assert next(rows("studio", 1, 4, 32, 0, world))["scene"] != pages[0][0]["scene"]
    poses = [row["pose"] for row in pages[0]]
    assert len(set(poses)) == len(poses), "a turn repeats variants of another"


def test_variants_of_an_item_have_their_own_fabrics_and_one_item(world):
    found = [
        (row["pose"][:2], photographic.Scene.from_json(row["scene"])) for row in rows("studio", 24, 0, 32, world=world)
    ]
    of_variant = {}
    for variant, scene in found:
        of_variant.setdefault(variant, set()).add(tuple((s, g.colour, g.pattern, g.style) for s, g in scene.worn))
    assert all(len(fabrics) == 1 for fabrics in of_variant.values())
    assert len(set.union(*of_variant.values())) >= 10
    assert len({scene.item for _, scene in found}) == 1
    assert {scene.shot for _, scene in found} == {"0042-0", "0042-1", "0042-2"}


def test_kinds_have_a_type_and_a_category():
    assert {KNOWN_TYPES[name] for name in CLOTH_TYPES.values()} == CLOTH_TYPES.keys()
    assert {kind: CATEGORIES[number][1] for kind, number in FASHIONPEDIA.items()} == {
        kind: kind for kind in FASHIONPEDIA
    }


def test_a_world_without_the_domain_is_refused(world, tmp_path):
    from click.testing import CliRunner

    from shoot import pack

    (tmp_path / "0041-2.shot").write_bytes(world.read("0041-2"))
    CliRunner().invoke(pack.main, [str(tmp_path), "--out", str(tmp_path / "out")])
    with pytest.raises(UserError, match="no outfit of the domain studio is stored for studies"):
        next(rows("studio", 1, 0, 32, world=Shards(tmp_path / "out")))

"""Real photographs through prepare, pair and mask: rows, masks, shapes, orientation and reports (no network is trained).

The photographs ship inside scikit-image and matplotlib (`photographs.py`); the segmenter is a real one that finds an
upper garment everywhere, so that Fashionpedia's boxes bound it.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import photographs
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation
from segmenters import build_segmenter

from atelier.config import Mask, Models, Pair, Prepare
from atelier.images import from_png
from atelier.instructions import PROMPTS
from atelier.masking import mask_all
from atelier.pairing import pair_items
from atelier.preparing import prepare_items
from atelier.records import Item, Probe, Triplet, Zones, read_rows, write_rows
from atelier.sources.fitting import fit_picture, plan_fit
from atelier.trimap import box_of

SIZE = 64


@dataclass(frozen=True)
class Prepared:
    """What the three stages leave, read back from their files."""

    items: list[Item]
    triplets: list[Triplet]
    probes: list[Probe]
    zones: dict[str, Zones]
    reports: dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=["letterbox", "crop"])
def prepared(request, tmp_path_factory) -> Prepared:
    folder = tmp_path_factory.mktemp(f"photographs-{request.param}")
    settings = Prepare(
        size=SIZE, fit=request.param, seen=str(photographs.write_seen(folder)), seen_schema="deepfashion", seen_rows=100,
        unseen=str(photographs.write_unseen(folder)), unseen_schema="fashionpedia", unseen_rows=100, max_refused=0.05, seed=7,
    )  # fmt: skip
    models = Models(
        editor="",
        clip="",
        lpips="",
        segmenter=str(build_segmenter(folder / "segmenter")),
        dtype="float32",
        device="cpu",
    )
    items, prepare = prepare_items(settings)
    write_rows(folder / "items.parquet", Item, items)
    items = read_rows(folder / "items.parquet", Item)
    triplets, probes, pair = pair_items(items, Pair(triplets=60, aligned=0.7, probes=60, near_duplicate=2, seed=7))
    write_rows(folder / "triplets.parquet", Triplet, triplets)
    write_rows(folder / "probes.parquet", Probe, probes)
    triplets, probes = read_rows(folder / "triplets.parquet", Triplet), read_rows(folder / "probes.parquet", Probe)
    zones, probe_zones, mask = mask_all(triplets, probes, Mask(box_scale=1.15, min_area=0.005), models)
    write_rows(folder / "zones.parquet", Zones, [*zones, *probe_zones])
    found = {zone.row_id: zone for zone in read_rows(folder / "zones.parquet", Zones)}
    return Prepared(items, triplets, probes, found, {"prepare": prepare, "pair": pair, "mask": mask})


def test_rows_are_kept_or_refused_by_name(prepared):
    report = prepared.reports["prepare"]["seen"]
    assert Counter(item.domain for item in prepared.items) == {"seen": 24, "unseen": 3}
    assert report["first_refused"] == {"01": "row 24, seen-000024-id_00000008_04_1_front: corrupt picture"}
    assert report["remarks"] == {"empty mask": 1, "no mask": 1}
    assert report["splits"] == {"train": 18, "val": 3, "test": 3}
    assert report["persons"] == 0  # the schema names none
    for pid in photographs.SEEN:
        assert len({item.split for item in prepared.items if item.item_id == pid}) == 1


def test_every_picture_and_mask_is_square_and_of_one_size(prepared):
    for item in prepared.items:
        assert from_png(item.image).shape == (SIZE, SIZE, 3)
        assert item.mask is None or from_png(item.mask).shape == (SIZE, SIZE)
    assert sum(item.mask is None for item in prepared.items if item.domain == "seen") == 2


def test_pictures_are_upright_and_not_squashed(prepared, request):
    """Against the photographs themselves: also the item that is stored lying on its side."""
    fit = request.node.callspec.params["prepared"]
    for item in prepared.items:
        if item.variant == "01":
            with Image.open(photographs.SEEN[item.item_id][0]) as opened:
                upright = opened.convert("RGB")
            expected = fit_picture(upright, plan_fit(*upright.size, SIZE, fit)).astype(float)
            given = from_png(item.image).astype(float)
            assert np.corrcoef(expected.ravel(), given.ravel())[0, 1] > 0.97, item.item_id


def test_masks_lie_on_the_garment(prepared):
    """The tinted colour way differs from the photograph as shot inside its mask, and nowhere else."""
    items = {(item.item_id, item.variant): item for item in prepared.items}
    for (pid, variant), item in items.items():
        if variant in ("02", "03") and item.mask:
            plain, tinted = (from_png(items[pid, v].image).astype(int) for v in ("01", variant))
            mask = from_png(item.mask) >= 128
            apart = np.abs(plain - tinted).max(axis=2) > 24  # JPEG blurs a little
            assert not (apart & ~binary_dilation(mask, iterations=2)).any(), pid
            x1, y1, x2, y2 = box_of(mask)
            shape = photographs.SEEN[pid][3]
            assert x2 - x1 == pytest.approx(y2 - y1, abs=60)
            assert 0.5 < mask.sum() / (np.pi / 4 * (x2 - x1) * (y2 - y1)) < 1.3, (
                shape
            )  # an ellipse, or what a crop left


def test_triplets_of_photographs(prepared):
    report = prepared.reports["pair"]
    assert Counter(one.split for one in prepared.triplets) == {"train": 48, "val": 6, "test": 6}
    assert report["kinds"] == {"aligned": 42, "same_item": 18}
    assert report["pictures_without_scene_or_mask"] == 2
    assert report["items_with_two_colour_ways"] == 8
    split_of = {item.item_id: item.split for item in prepared.items}
    for one in prepared.triplets:
        assert one.split == split_of[one.item_id]
        assert from_png(one.target).shape == (SIZE, SIZE, 3)
        if one.kind == "aligned":
            source, target, mask = from_png(one.source), from_png(one.target), from_png(one.source_mask) >= 128
            np.testing.assert_array_equal(source[~mask], target[~mask])
            assert (source[mask] != target[mask]).any()
            assert one.instruction
            assert one.target_caption != one.source_caption


def test_probes_of_photographs(prepared):
    assert prepared.reports["pair"]["probes"] == {"seen": 3, "unseen": 3}
    assert prepared.reports["pair"]["probe_shortfall"] == {"seen": 57, "unseen": 57}
    assert Counter(one.prompt for one in prepared.probes) == dict.fromkeys(PROMPTS, 6)
    assert {one.target for one in prepared.probes} == {None}  # nobody knows a photograph's exact edit
    for one in prepared.probes:
        assert (one.box is not None) == (one.domain == "unseen")


def test_zones_of_photographs(prepared):
    report = prepared.reports["mask"]
    assert report["triplets"]["refused"] == report["probes"]["refused"] == {"total": 0}
    assert prepared.zones.keys() == {one.triplet_id for one in prepared.triplets} | {
        one.probe_id for one in prepared.probes
    }
    assert report["probes"]["predicted_iou"] == {}  # no exact mask to compare with
    for one in prepared.triplets:
        zone = prepared.zones[one.triplet_id]
        masks = [one.source_mask] if one.kind == "aligned" else [one.source_mask, one.target_mask]
        assert zone.origin == ("predicted" if None in masks else "given")
        if zone.origin == "given":
            union = np.logical_or.reduce([from_png(mask) >= 128 for mask in masks])
            np.testing.assert_array_equal(from_png(zone.tight) >= 128, union)
    for one in prepared.probes:
        zone = prepared.zones[one.probe_id]
        x1, y1, x2, y2 = zone.box
        assert 0 <= x1 < x2 <= SIZE
        assert 0 <= y1 < y2 <= SIZE
        if one.domain == "unseen":  # everything in the scaled box is "upper"
            assert zone.origin == "predicted"
            assert box_of(from_png(zone.tight)) == pytest.approx(zone.box, abs=0.51)

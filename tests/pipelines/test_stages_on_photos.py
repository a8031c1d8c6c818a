"""Real photos through all six stages: rows, masks, shapes, orientation and reports.

The photos are part of scikit-image and matplotlib (`photographs.py`). The networks are random, but the segmenter
predicts an upper garment everywhere, so that the masks are Fashionpedia's boxes.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import photographs
import pytest
from import_graph import ROOT
from PIL import Image
from pipelines import copy_tables, run_stages
from ruamel.yaml import YAML
from scipy.ndimage import binary_dilation
from segmenters import build_segmenter

from atelier.common.records import Edit, Item, Probe, TestProbe, Triplet, Zones, read_rows
from atelier.images.boxes import box_of
from atelier.images.letterbox import fit_picture, plan_fit
from atelier.images.tensors import from_png, mask_from_png
from atelier.text.instructions import PROMPTS

SIZE = 64


@dataclass(frozen=True)
class Prepared:
    """The outputs of prepare, pair and mask, read from their files."""

    folder: Path
    items: list[Item]
    triplets: list[Triplet]
    probes: list[Probe]
    zones: dict[str, Zones]
    reports: dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=["letterbox", "crop"])
def prepared(request, tmp_path_factory, tiny_editor_folder, tiny_clip_folder, tiny_features_folder) -> Prepared:
    folder = tmp_path_factory.mktemp(f"photographs-{request.param}")
    networks = {"editor": tiny_editor_folder, "clip": tiny_clip_folder, "lpips": tiny_features_folder,
                "segmenter": build_segmenter(folder / "segmenter")}  # fmt: skip
    photos = {"seen": photographs.write_seen(folder), "unseen": photographs.write_unseen(folder)}
    values = YAML().load(ROOT / "params.yaml")
    values["models"].update({name: str(path) for name, path in networks.items()}, device="cpu", threads=1)
    values["prepare"].update({name: str(path) for name, path in photos.items()}, size=SIZE, fit=request.param)
    values["pair"].update(triplets=60, aligned=0.7)
    values["train"].update(epochs=1, batch_size=8, validation=4)
    values["generate"].update(steps=1)
    values["evaluate"].update(draws=100, sheet_rows=2)
    YAML().dump(values, folder / "params.yaml")
    run_stages(folder, ("prepare", "pair", "mask"))
    zones = [row for name in ("triplets", "probes") for row in read_rows(folder / f"data/masks/{name}.parquet", Zones)]
    return Prepared(
        folder,
        items=read_rows(folder / "data/prepared/items.parquet", Item),
        triplets=read_rows(folder / "data/pairs/triplets.parquet", Triplet),
        probes=read_rows(folder / "data/pairs/probes.parquet", Probe),
        zones={zone.row_id: zone for zone in zones},
        reports={file.stem: json.loads(file.read_text()) for file in (folder / "metrics").glob("*.json")},
    )


def test_valid_rows_are_kept_and_split_by_item(prepared):
    report = prepared.reports["prepare"]["seen"]
    assert Counter(item.domain for item in prepared.items) == {"seen": 24, "unseen": 3}
    assert report["splits"] == {"train": 18, "val": 3, "test": 3}
    assert report["persons"] == 0  # the schema names none
    for pid in photographs.SEEN:
        assert len({item.split for item in prepared.items if item.item_id == pid}) == 1


def test_images_and_masks_are_square_and_images_upright_and_undistorted(prepared, request):
    """Compare with the photos themselves; one item is stored rotated with an EXIF orientation."""
    fit = request.node.callspec.params["prepared"]
    assert sum(item.mask is None for item in prepared.items if item.domain == "seen") == 2
    for item in prepared.items:
        assert from_png(item.image).shape == (SIZE, SIZE, 3)
        assert item.mask is None or from_png(item.mask).shape == (SIZE, SIZE)
        if item.variant == "01":
            with Image.open(photographs.SEEN[item.item_id][0]) as opened:
                upright = opened.convert("RGB")
            upright.thumbnail((photographs.SIDE, photographs.SIDE))
            expected = fit_picture(upright, plan_fit(*upright.size, SIZE, fit)).astype(float)
            given = from_png(item.image).astype(float)
            assert np.corrcoef(expected.ravel(), given.ravel())[0, 1] > 0.97, item.item_id


def test_masks_lie_on_the_garment(prepared):
    """The tinted variant differs from the original photo inside its mask only."""
    items = {(item.item_id, item.variant): item for item in prepared.items}
    for (pid, variant), item in items.items():
        if variant in ("02", "03") and item.mask:
            plain, tinted = (from_png(items[pid, v].image).astype(int) for v in ("01", variant))
            mask = mask_from_png(item.mask)
            apart = np.abs(plain - tinted).max(axis=2) > 24  # tolerance for JPEG
            assert not (apart & ~binary_dilation(mask, iterations=2)).any(), pid
            x1, y1, x2, y2 = box_of(mask)
            assert x2 - x1 == pytest.approx(y2 - y1, abs=60)
            assert 0.5 < mask.sum() / (np.pi / 4 * (x2 - x1) * (y2 - y1)) < 1.3, pid  # an ellipse, or what a crop left


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
            source, target, mask = from_png(one.source), from_png(one.target), mask_from_png(one.source_mask)
            np.testing.assert_array_equal(source[~mask], target[~mask])
            assert (source[mask] != target[mask]).any()
            assert one.instruction
            assert one.target_caption != one.source_caption


def test_probes_of_photographs(prepared):
    assert prepared.reports["pair"]["probes"] == {"seen": 3, "unseen": 3}
    assert prepared.reports["pair"]["probe_shortfall"] == {"seen": 57, "unseen": 57}
    assert Counter(one.prompt for one in prepared.probes) == dict.fromkeys(PROMPTS, 6)
    assert {one.target for one in prepared.probes} == {None}  # photos have no exact target
    for one in prepared.probes:
        assert (one.box is not None) == (one.domain == "unseen")


def test_zones_of_photographs(prepared):
    report = prepared.reports["mask"]
    assert report["triplets"]["refused"] == report["probes"]["refused"] == {"total": 0}
    ids = [*(one.triplet_id for one in prepared.triplets), *(one.probe_id for one in prepared.probes)]
    assert prepared.zones.keys() == set(ids)
    assert report["probes"]["predicted_iou"] == {}  # no exact mask to compare with
    for one in prepared.triplets:
        zone = prepared.zones[one.triplet_id]
        masks = [one.source_mask] if one.kind == "aligned" else [one.source_mask, one.target_mask]
        assert zone.origin == ("predicted" if None in masks else "given")
        if zone.origin == "given":
            union = np.logical_or.reduce([mask_from_png(mask) for mask in masks])
            np.testing.assert_array_equal(mask_from_png(zone.tight), union)
    for one in prepared.probes:
        zone = prepared.zones[one.probe_id]
        x1, y1, x2, y2 = zone.box
        assert 0 <= x1 < x2 <= SIZE
        assert 0 <= y1 < y2 <= SIZE
        if one.domain == "unseen":  # everything in the scaled box is "upper"
            assert zone.origin == "predicted"
            assert box_of(from_png(zone.tight)) == pytest.approx(zone.box, abs=0.51)


@pytest.mark.slow
@pytest.mark.parametrize("prepared", ["letterbox"], indirect=True)
def test_the_other_three_stages_run_on_photographs(prepared, tiny_editor_folder):
    copy_tables(prepared.folder)
    run_stages(prepared.folder, ("train", "generate", "evaluate"), str(tiny_editor_folder))
    for model in ("baseline", "finetuned"):
        edits = read_rows(prepared.folder / f"data/edits/{model}.parquet", Edit)
        usual = [edit.probe_id for edit in edits if edit.kind == "edit"]
        assert usual == [probe.probe_id for probe in prepared.probes]
        assert {from_png(edit.edited).shape for edit in edits} == {(SIZE, SIZE, 3)}
    report = json.loads((prepared.folder / "metrics/evaluate.json").read_text())
    for domain in ("seen", "unseen"):
        assert report[domain].keys() >= {"baseline", "finetuned", "copy", "composite", "gain"}
        assert "target" not in report[domain]  # photos have no exact target
        assert report[domain]["finetuned"]["clip_directional"]["n"] == 12
        assert report[domain]["composite"]["leakage_share"]["mean"] == pytest.approx(0, abs=1e-6)
    tests, third = read_rows(prepared.folder / "data/pairs/tests.parquet", TestProbe), report["test_triplets"]
    kinds = Counter(test.kind for test in tests)
    assert {kind: part["probes"] for kind, part in third["kinds"].items()} == kinds
    assert third["finetuned"]["target_mae"]["n"] == kinds["aligned"]
    assert third["finetuned"]["target_similarity"]["n"] == kinds.total()

"""Zones of triplets and probes: given masks unchanged, predicted masks inside the box, refusals counted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from segmenters import build_segmenter

from atelier.common.errors import UserError
from atelier.common.records import Probe, Triplet, Zones, read_rows, write_rows
from atelier.config import Mask, Models
from atelier.images.tensors import from_png, mask_from_png, to_png
from atelier.masks.make import CHUNK, MaskResult, mask_all, mask_rows, measure_agreement, summarise
from atelier.masks.predict import Finder, MaskRequest, of_probe, of_triplet
from atelier.masks.segformer import load_segmenter

PARAMS = Mask(box_scale=1.15, min_area=0.005)
SQUARE = (0, 0, 20, 20)


def mask_of(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def png(mask: np.ndarray) -> bytes:
    return to_png(mask.astype(np.uint8) * 255)


def grey(shade: int) -> bytes:
    return to_png(np.full((40, 40, 3), shade, np.uint8))


PICTURE = grey(0)


def no_segmenter(pictures, garments):
    raise AssertionError("every row has a mask: the segmenter must not be called")


def always(mask: np.ndarray) -> Finder:
    """Return a segmenter that finds one mask in every picture."""
    return lambda pictures, garments: [mask] * len(pictures)


def request(*masks: np.ndarray | None, row_id: str = "a", **changes: Any) -> MaskRequest:
    given = tuple(None if mask is None else png(mask) for mask in masks)
    return replace(MaskRequest(row_id, "train", "shirt", (PICTURE,) * len(masks), given, None), **changes)


@pytest.fixture
def mask(tmp_path) -> Callable[[list[MaskRequest], Finder], tuple[list[Zones], dict[str, Any]]]:
    """Mask rows; return their zones, read back, and the report."""

    def run(rows: list[MaskRequest], find: Finder) -> tuple[list[Zones], dict[str, Any]]:
        results = mask_rows(rows, tmp_path / "zones.parquet", PARAMS, find)
        return read_rows(tmp_path / "zones.parquet", Zones), summarise(results)

    return run


def test_a_given_mask_is_unchanged_and_its_box_scaled(mask):
    given = mask_of(10, 20, 20, 40)
    (zone,), report = mask([request(given)], no_segmenter)
    np.testing.assert_array_equal(mask_from_png(zone.tight), given)
    assert zone.box == pytest.approx([9.25, 18.5, 20.75, 40.0])
    assert (zone.row_id, zone.origin) == ("a", "given")
    assert report["tight_share"] == pytest.approx(given.mean())


def test_masks_of_two_pictures_are_united(mask):
    first, second = mask_of(0, 0, 10, 10), mask_of(20, 20, 40, 30)
    for other, find, origin in ((second, no_segmenter, "given"), (None, always(second), "predicted")):
        (zone,), _ = mask([request(first, other)], find)
        np.testing.assert_array_equal(mask_from_png(zone.tight), first | second)
        assert zone.origin == origin


def test_a_predicted_mask_stays_inside_the_scaled_box(mask):
    (zone,), report = mask([request(None, box=[10.0, 10.0, 30.0, 30.0])], always(np.ones((40, 40), bool)))
    assert zone.box == pytest.approx([8.5, 8.5, 31.5, 31.5])
    np.testing.assert_array_equal(mask_from_png(zone.tight), mask_of(8, 8, 31, 31))
    assert (report["given"], report["predicted"]) == (0, 1)


def test_a_picture_that_rows_share_is_predicted_once(mask):
    calls = []

    def find(pictures, garments):
        calls.extend(zip([int(picture.max()) for picture in pictures], garments, strict=True))
        return [mask_of(0, 0, int(picture.max()) + 1, 20) for picture in pictures]

    shades = [*range(9, 20)] * 20
    rows = [request(None, row_id=str(n), pictures=(grey(shade),)) for n, shade in enumerate(shades)]
    rows.append(replace(rows[0], garment="dress", row_id="dress"))
    assert len(rows) > 3 * CHUNK
    zones, _ = mask(rows, find)
    assert calls == [*((shade, "shirt") for shade in range(9, 20)), (9, "dress")]
    assert [zone.row_id for zone in zones] == [row.row_id for row in rows]
    assert [round(from_png(zone.tight).mean() / 255 * 80) for zone in zones[:-1]] == [shade + 1 for shade in shades]


def test_the_cache_of_masks_is_bounded(mask, monkeypatch):
    monkeypatch.setattr("atelier.masks.predict.REMEMBERED", 2)
    find = Mock(wraps=always(mask_of(*SQUARE)))
    rows = [request(None, row_id=str(n), pictures=(grey(n % CHUNK),)) for n in range(2 * CHUNK)]
    late = [request(None, row_id="late", pictures=(grey(shade),)) for shade in (0, CHUNK - 1)]
    other = [request(None, row_id="other", group="val", garment="skirt")] * CHUNK
    zones, _ = mask([*rows, *other, *late], find)
    assert len(zones) == 3 * CHUNK + 2
    pictures = [len(call.args[0]) for call in find.call_args_list]
    assert pictures == [CHUNK, 1, 1]  # the second chunk repeats the first; its two newest masks remain cached


def test_at_most_a_chunk_of_rows_is_read_before_the_first_zones_are_written(mask):
    taken, seen = [], []

    def rows():
        for number in range(3 * CHUNK):
            taken.append(number)
            yield request(None, row_id=str(number))

    def find(pictures, garments):
        seen.append(len(taken))
        return [mask_of(*SQUARE)] * len(pictures)

    zones, _ = mask(rows(), find)
    assert (len(zones), seen) == (3 * CHUNK, [CHUNK])


def test_empty_masks_are_refused_counted_and_named(mask):
    rows = [
        request(mask_of(*SQUARE), row_id="good"),
        request(mask_of(0, 0, 0, 0), row_id="empty"),
        request(mask_of(3, 3, 5, 5), row_id="tiny"),
        request(None, row_id="unfound"),
        request(None, row_id="elsewhere", box=[30.0, 30.0, 40.0, 40.0]),
    ]
    zones, report = mask(rows, always(mask_of(0, 0, 0, 0)))
    assert [zone.row_id for zone in zones] == ["good"]
    refused = {"total": 4, "empty mask": 1, "garment under min_area": 1, "no garment found": 2}
    assert report["refused"] == refused
    assert report["first_refused"]["02"] == "tiny: garment under min_area"
    assert (report["rows"], report["kept"]) == (5, 1)


def test_a_group_without_masks_stops_the_run_and_writes_nothing(mask, tmp_path):
    rows = [request(mask_of(*SQUARE), row_id="t"), request(mask_of(0, 0, 0, 0), row_id="v", group="val")]
    with pytest.raises(UserError, match="none of the 1 val rows has a usable mask; 1 of them: empty mask"):
        mask(rows, no_segmenter)
    assert list(tmp_path.iterdir()) == []


def triplet(kind: str, **changes) -> Triplet:
    texts = ("item_id", "person_id", "source_id", "instruction", "source_caption", "target_caption")
    values = {
        **dict.fromkeys(texts, ""), "triplet_id": "train-00000", "split": "train", "kind": kind, "garment": "shirt",
        "factor": "colour", "source": PICTURE, "target": PICTURE, "box": None,
        "source_mask": png(mask_of(*SQUARE)), "target_mask": png(mask_of(0, 0, 20, 40)),
    }  # fmt: skip
    return Triplet(**values | changes)


def probe(**changes) -> Probe:
    texts = ("source_id", "item_id", "person_id", "prompt", "value", "source_caption", "target_caption")
    absent = ("mask", "box", "target", "other_mask", "face_mask", "noop")
    values = {
        **dict.fromkeys(texts, ""), **dict.fromkeys(absent), "probe_id": "p", "domain": "unseen", "garment": "shirt",
        "factor": "colour", "source": PICTURE, "exact_mask": png(mask_of(10, 10, 30, 30)),
    }  # fmt: skip
    return Probe(**values | changes)


def test_a_pair_of_two_photographs_needs_two_masks_and_a_probe_does_not_use_its_exact_one():
    assert len(of_triplet(triplet("same_item")).masks) == 2
    for kind in ("aligned", "given"):
        assert of_triplet(triplet(kind)).masks == (png(mask_of(*SQUARE)),)
    assert of_probe(probe()).masks == (None,)


def test_agreement_is_the_iou_of_predicted_masks(tmp_path):
    found = always(mask_of(10, 10, 30, 20))
    for row, agreement in (
        (probe(), {"unseen": {"mean": 0.5, "min": 0.5, "n": 1}}),
        (probe(mask=png(mask_of(*SQUARE))), {}),
        (probe(exact_mask=None), {}),
    ):
        results = mask_rows([of_probe(row)], tmp_path / "zones.parquet", PARAMS, found)
        assert measure_agreement(results) == agreement
    overlaps = [MaskResult("p", "seen", "predicted", overlap=overlap) for overlap in (0.25, None, 0.75)]
    assert measure_agreement(overlaps) == {"seen": {"mean": 0.5, "min": 0.25, "n": 2}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return build_segmenter(tmp_path_factory.mktemp("segmenter"))


def mask_files(folder: Path, triplets: list[Triplet], probes: list[Probe], segmenter: Path):
    """Mask rows in files; return the zones of both files and the report."""
    models = Models(
        editor="none", clip="none", lpips="none", segmenter=str(segmenter), dtype="float32", device="cpu", threads=1
    )
    write_rows(folder / "triplets", Triplet, triplets)
    write_rows(folder / "probes", Probe, probes)
    outs = folder / "zones" / "triplets", folder / "zones" / "probes"
    report = mask_all(folder / "triplets", folder / "probes", *outs, PARAMS, models)
    return read_rows(outs[0], Zones), read_rows(outs[1], Zones), report


def test_the_stage(folder, tmp_path):
    rows = [triplet("aligned"), triplet("same_item", triplet_id="train-00001")]
    zones, probe_zones, report = mask_files(tmp_path, rows, [probe(box=[10.0, 10.0, 30.0, 30.0])], folder)
    assert [zone.row_id for zone in zones] == ["train-00000", "train-00001"]
    assert [zone.origin for zone in (*zones, *probe_zones)] == ["given", "given", "predicted"]
    overlap = round(400 / 529, 6)
    assert report["probes"]["predicted_iou"]["unseen"] == {"mean": overlap, "min": overlap, "n": 1}


def test_the_segmenter_is_loaded_once(folder, tmp_path, monkeypatch):
    load = Mock(wraps=load_segmenter)
    monkeypatch.setattr("atelier.masks.predict.load_segmenter", load)
    unmasked = [{"triplet_id": f"train-{n}", "source": grey(n), "source_mask": None} for n in range(CHUNK + 2)]
    rows = [triplet("given", **changes) for changes in unmasked]
    zones, probe_zones, _ = mask_files(tmp_path, rows, [probe()], folder)
    assert {zone.origin for zone in (*zones, *probe_zones)} == {"predicted"}
    assert [call.args[0] for call in load.call_args_list] == [str(folder)]


def test_without_missing_masks_no_segmenter_is_needed(tmp_path):
    rows = [probe(mask=png(mask_of(0, 0, 9, 9)))]
    zones, probe_zones, _ = mask_files(tmp_path, [triplet("aligned")], rows, tmp_path / "nothing here")
    assert len(zones) == len(probe_zones) == 1


def test_without_masks_for_the_probes_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="none of the 1 unseen rows has a usable mask; 1 of them: empty mask"):
        mask_files(tmp_path, [triplet("aligned")], [probe(mask=png(mask_of(0, 0, 0, 0)))], tmp_path)
    assert list((tmp_path / "zones").iterdir()) == []

"""Zones of triplets and probes: given masks unchanged, predicted masks inside the box, refusals counted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

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
PICTURE = to_png(np.zeros((40, 40, 3), np.uint8))


def mask_of(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def png(mask: np.ndarray) -> bytes:
    return to_png(mask.astype(np.uint8) * 255)


def no_segmenter(pictures, garments):
    raise AssertionError("every row has a mask: the segmenter must not be called")


def request(
    *masks: np.ndarray | None, row_id: str = "a", box: list[float] | None = None, group: str = "train"
) -> MaskRequest:
    return MaskRequest(
        row_id, group, "shirt", (PICTURE,) * len(masks), tuple(None if m is None else png(m) for m in masks), box
    )


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
    (zone,), _ = mask([request(first, second)], no_segmenter)
    np.testing.assert_array_equal(mask_from_png(zone.tight), first | second)
    (zone,), _ = mask([request(first, None)], lambda pictures, garments: [second])
    np.testing.assert_array_equal(mask_from_png(zone.tight), first | second)
    assert zone.origin == "predicted"


def test_a_predicted_mask_stays_inside_the_scaled_box(mask):
    row = request(None, box=[10.0, 10.0, 30.0, 30.0])
    (zone,), report = mask([row], lambda pictures, garments: [np.ones((40, 40), bool)])
    assert zone.box == pytest.approx([8.5, 8.5, 31.5, 31.5])
    np.testing.assert_array_equal(mask_from_png(zone.tight), mask_of(8, 8, 31, 31))
    assert (report["given"], report["predicted"]) == (0, 1)


def test_a_picture_that_rows_share_is_predicted_once(mask):
    calls = []

    def find(pictures, garments):
        calls.extend(zip([int(picture.max()) for picture in pictures], garments, strict=True))
        return [mask_of(0, 0, int(picture.max()) + 1, 20) for picture in pictures]

    shades = [*range(9, 20)] * 20
    pictures = [to_png(np.full((40, 40, 3), shade, np.uint8)) for shade in shades]
    rows = [replace(request(None, row_id=str(n)), pictures=(picture,)) for n, picture in enumerate(pictures)]
    rows.append(replace(rows[0], garment="dress", row_id="dress"))
    assert len(rows) > 3 * CHUNK
    zones, _ = mask(rows, find)
    assert calls == [*((shade, "shirt") for shade in range(9, 20)), (9, "dress")]
    assert [zone.row_id for zone in zones] == [row.row_id for row in rows]
    assert [round(from_png(zone.tight).mean() / 255 * 80) for zone in zones[:-1]] == [shade + 1 for shade in shades]


def test_the_cache_of_masks_is_bounded(mask, monkeypatch):
    monkeypatch.setattr("atelier.masks.predict.REMEMBERED", 2)
    calls = []

    def find(pictures, garments):
        calls.append(len(pictures))
        return [mask_of(0, 0, 20, 20)] * len(pictures)

    pictures = [to_png(np.full((40, 40, 3), shade, np.uint8)) for shade in range(CHUNK)]
    rows = [replace(request(None, row_id=str(n)), pictures=(pictures[n % CHUNK],)) for n in range(2 * CHUNK)]
    late = [replace(request(None, row_id="late"), pictures=(pictures[n],)) for n in (0, CHUNK - 1)]
    other = [replace(request(None, row_id="other", group="val"), garment="skirt")] * CHUNK
    zones, _ = mask([*rows, *other, *late], find)
    assert len(zones) == 3 * CHUNK + 2
    assert calls == [CHUNK, 1, 1]  # the second chunk repeats the first; its two newest masks remain cached


def test_rows_are_read_a_chunk_at_a_time(mask):
    """At most a chunk of rows is read before the first zones are written."""
    taken, seen = [], []

    def rows():
        for number in range(3 * CHUNK):
            taken.append(number)
            yield request(None, row_id=str(number))

    def find(pictures, garments):
        seen.append(len(taken))
        return [mask_of(0, 0, 20, 20)] * len(pictures)

    zones, _ = mask(rows(), find)
    assert (len(zones), seen) == (3 * CHUNK, [CHUNK])


def test_empty_masks_are_refused_counted_and_named(mask):
    rows = [
        request(mask_of(0, 0, 20, 20), row_id="good"),
        request(mask_of(0, 0, 0, 0), row_id="empty"),
        request(mask_of(3, 3, 5, 5), row_id="tiny"),
        request(None, row_id="unfound"),
        request(None, row_id="elsewhere", box=[30.0, 30.0, 40.0, 40.0]),
    ]

    def find(pictures, garments):
        return [mask_of(0, 0, 0, 0)] * len(pictures)

    zones, report = mask(rows, find)
    assert [zone.row_id for zone in zones] == ["good"]
    refused = {"total": 4, "empty mask": 1, "garment under min_area": 1, "no garment found": 2}
    assert report["refused"] == refused
    assert report["first_refused"]["02"] == "tiny: garment under min_area"
    assert (report["rows"], report["kept"]) == (5, 1)


def test_a_group_without_masks_stops_the_run_and_writes_nothing(mask, tmp_path):
    rows = [request(mask_of(0, 0, 20, 20), row_id="t"), request(mask_of(0, 0, 0, 0), row_id="v", group="val")]
    with pytest.raises(UserError, match="none of the 1 val rows has a usable mask; 1 of them: empty mask"):
        mask(rows, no_segmenter)
    assert list(tmp_path.iterdir()) == []


def triplet(kind: str, **changes) -> Triplet:
    values = {
        "triplet_id": "train-00000", "split": "train", "kind": kind, "item_id": "i", "person_id": "", "source_id": "s",
        "instruction": "", "source_caption": "", "target_caption": "", "garment": "shirt", "factor": "colour",
        "source": PICTURE, "target": PICTURE, "source_mask": png(mask_of(0, 0, 20, 20)),
        "target_mask": png(mask_of(0, 0, 20, 40)), "box": None,
    }  # fmt: skip
    return Triplet(**values | changes)


def probe(**changes) -> Probe:
    texts = ("source_id", "item_id", "person_id", "prompt", "value", "source_caption", "target_caption")
    values = {
        **dict.fromkeys(texts, ""), "probe_id": "p", "domain": "unseen", "garment": "shirt", "factor": "colour",
        "source": PICTURE, "mask": None, "box": None, "target": None, "other_mask": None,
        "face_mask": None, "noop": None,
        "exact_mask": png(mask_of(10, 10, 30, 30)),
    }  # fmt: skip
    return Probe(**values | changes)


def test_only_a_pair_of_two_photographs_needs_two_masks():
    assert len(of_triplet(triplet("same_item")).masks) == 2
    for kind in ("aligned", "given"):
        assert of_triplet(triplet(kind)).masks == (png(mask_of(0, 0, 20, 20)),)


def test_the_exact_mask_of_a_probe_is_not_used():
    assert of_probe(probe()).masks == (None,)


def test_agreement_is_the_iou_of_predicted_masks(tmp_path):
    def agreement(row: Probe) -> dict[str, Any]:
        found = [mask_of(10, 10, 30, 20)]
        return measure_agreement(
            mask_rows([of_probe(row)], tmp_path / "zones.parquet", PARAMS, lambda pictures, garments: found)
        )

    assert agreement(probe()) == {"unseen": {"mean": 0.5, "min": 0.5, "n": 1}}
    assert agreement(probe(mask=png(mask_of(0, 0, 20, 20)))) == {}
    assert agreement(probe(exact_mask=None)) == {}
    overlaps = [MaskResult("p", "seen", "predicted", overlap=overlap) for overlap in (0.25, None, 0.75)]
    assert measure_agreement(overlaps) == {"seen": {"mean": 0.5, "min": 0.25, "n": 2}}


# --- the stage -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return build_segmenter(tmp_path_factory.mktemp("segmenter"))


def models(segmenter: Path) -> Models:
    return Models(editor="", clip="", lpips="", segmenter=str(segmenter), dtype="float32", device="cpu", threads=1)


def mask_files(
    folder: Path, triplets: list[Triplet], probes: list[Probe], segmenter: Path
) -> tuple[list[Zones], list[Zones], dict[str, Any]]:
    """Mask rows in files; return the zones of both files and the report."""
    write_rows(folder / "triplets", Triplet, triplets)
    write_rows(folder / "probes", Probe, probes)
    outs = folder / "zones" / "triplets", folder / "zones" / "probes"
    report = mask_all(folder / "triplets", folder / "probes", *outs, PARAMS, models(segmenter))
    return read_rows(outs[0], Zones), read_rows(outs[1], Zones), report


def test_the_stage(folder, tmp_path):
    rows = [triplet("aligned"), triplet("same_item", triplet_id="train-00001")]
    zones, probe_zones, report = mask_files(tmp_path, rows, [probe(box=[10.0, 10.0, 30.0, 30.0])], folder)
    assert [zone.row_id for zone in zones] == ["train-00000", "train-00001"]
    assert [zone.origin for zone in (*zones, *probe_zones)] == ["given", "given", "predicted"]
    overlap = round(400 / 529, 6)
    assert report["probes"]["predicted_iou"]["unseen"] == {"mean": overlap, "min": overlap, "n": 1}


def test_the_segmenter_is_loaded_once(folder, tmp_path, monkeypatch):
    loaded = []

    def counted(name, device):
        loaded.append(name)
        return load_segmenter(name, device)

    monkeypatch.setattr("atelier.masks.predict.load_segmenter", counted)
    pictures = [to_png(np.full((40, 40, 3), shade, np.uint8)) for shade in range(CHUNK + 2)]
    rows = [
        triplet("given", triplet_id=f"train-{n}", source=picture, source_mask=None)
        for n, picture in enumerate(pictures)
    ]
    zones, probe_zones, _ = mask_files(tmp_path, rows, [probe()], folder)
    assert {zone.origin for zone in (*zones, *probe_zones)} == {"predicted"}
    assert loaded == [str(folder)]


def test_without_missing_masks_no_segmenter_is_needed(tmp_path):
    rows = [probe(mask=png(mask_of(0, 0, 9, 9)))]
    zones, probe_zones, _ = mask_files(tmp_path, [triplet("aligned")], rows, tmp_path / "nothing here")
    assert len(zones) == len(probe_zones) == 1


def test_without_masks_for_the_probes_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="none of the 1 unseen rows has a usable mask; 1 of them: empty mask"):
        mask_files(tmp_path, [triplet("aligned")], [probe(mask=png(mask_of(0, 0, 0, 0)))], tmp_path)
    assert list((tmp_path / "zones").iterdir()) == []

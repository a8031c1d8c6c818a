"""Zones of triplets and probes: given masks as they are, predicted ones inside the box, refusals counted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from segmenters import build_segmenter

from atelier.config import Mask, Models
from atelier.errors import UserError
from atelier.images import from_png, to_png
from atelier.masking import Wanted, mask_all, mask_rows, measure_agreement, of_probe, of_triplet
from atelier.records import Probe, Triplet, Zones
from atelier.segment import find_garments, load_segmenter

PARAMS = Mask(box_scale=1.15, min_area=0.005)
PICTURE = to_png(np.zeros((40, 40, 3), np.uint8))


def mask_of(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def png(mask: np.ndarray) -> bytes:
    return to_png(mask.astype(np.uint8) * 255)


def never(pictures, garments):
    raise AssertionError("every row brings its mask: the segmenter must not be asked")


def wanted(
    *masks: np.ndarray | None, row_id: str = "a", box: list[float] | None = None, group: str = "train"
) -> Wanted:
    return Wanted(
        row_id, group, "shirt", (PICTURE,) * len(masks), tuple(None if m is None else png(m) for m in masks), box
    )


def test_a_given_mask_is_taken_as_it_is_and_its_box_scaled():
    mask = mask_of(10, 20, 20, 40)
    (zone,), report = mask_rows([wanted(mask)], PARAMS, never)
    np.testing.assert_array_equal(from_png(zone.tight) >= 128, mask)
    assert zone.box == pytest.approx([9.25, 18.5, 20.75, 40.0])
    assert (zone.row_id, zone.origin) == ("a", "given")
    assert report["tight_share"] == pytest.approx(mask.mean())


def test_two_pictures_are_joined():
    first, second = mask_of(0, 0, 10, 10), mask_of(20, 20, 40, 30)
    (zone,), _ = mask_rows([wanted(first, second)], PARAMS, never)
    np.testing.assert_array_equal(from_png(zone.tight) >= 128, first | second)
    (zone,), _ = mask_rows([wanted(first, None)], PARAMS, lambda pictures, garments: [second])
    np.testing.assert_array_equal(from_png(zone.tight) >= 128, first | second)
    assert zone.origin == "predicted"


def test_a_predicted_mask_stays_inside_the_scaled_box():
    row = wanted(None, box=[10.0, 10.0, 30.0, 30.0])
    (zone,), report = mask_rows([row], PARAMS, lambda pictures, garments: [np.ones((40, 40), bool)])
    assert zone.box == pytest.approx([8.5, 8.5, 31.5, 31.5])
    np.testing.assert_array_equal(from_png(zone.tight) >= 128, mask_of(8, 8, 31, 31))
    assert (report["given"], report["predicted"]) == (0, 1)


def test_a_picture_is_predicted_once_however_many_rows_share_it():
    asked = []

    def find(pictures, garments):
        asked.append(len(pictures))
        return [mask_of(0, 0, 20, 20)] * len(pictures)

    zones, _ = mask_rows([wanted(None, row_id=str(n)) for n in range(4)], PARAMS, find)
    assert (len(zones), asked) == (4, [1])


def test_empty_masks_are_refused_counted_and_named():
    rows = [
        wanted(mask_of(0, 0, 20, 20), row_id="good"),
        wanted(mask_of(0, 0, 0, 0), row_id="empty"),
        wanted(mask_of(3, 3, 5, 5), row_id="tiny"),
        wanted(None, row_id="unfound"),
        wanted(None, row_id="elsewhere", box=[30.0, 30.0, 40.0, 40.0]),
    ]

    def find(pictures, garments):
        return [mask_of(0, 0, 0, 0)] * len(pictures)

    zones, report = mask_rows(rows, PARAMS, find)
    assert [zone.row_id for zone in zones] == ["good"]
    refused = {"total": 4, "empty mask": 1, "garment under min_area": 1, "no garment found": 2}
    assert report["refused"] == refused
    assert report["first_refused"]["02"] == "tiny: garment under min_area"
    assert (report["rows"], report["kept"]) == (5, 1)


def test_a_group_without_any_mask_stops_the_run():
    rows = [wanted(mask_of(0, 0, 20, 20), row_id="t"), wanted(mask_of(0, 0, 0, 0), row_id="v", group="val")]
    with pytest.raises(UserError, match="none of the 1 val rows has a usable mask; 1 of them: empty mask"):
        mask_rows(rows, PARAMS, never)


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
        "exact_mask": png(mask_of(10, 10, 30, 30)),
    }  # fmt: skip
    return Probe(**values | changes)


def test_only_a_pair_of_two_photographs_needs_two_masks():
    assert len(of_triplet(triplet("same_item")).masks) == 2
    assert of_triplet(triplet("aligned")).masks == (png(mask_of(0, 0, 20, 20)),)


def test_a_probe_never_shows_its_exact_mask():
    assert of_probe(probe()).masks == (None,)


def test_agreement_is_intersection_over_union_of_what_was_predicted():
    zones = [Zones("p", png(mask_of(10, 10, 30, 20)), [0, 0, 1, 1], "predicted")]
    assert measure_agreement([probe()], zones) == {"unseen": {"mean": 0.5, "min": 0.5, "n": 1}}
    assert measure_agreement([probe()], [Zones("p", zones[0].tight, [0, 0, 1, 1], "given")]) == {}
    assert measure_agreement([probe(exact_mask=None)], zones) == {}


# --- the segmenter --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return build_segmenter(tmp_path_factory.mktemp("segmenter"))


def test_the_segmenter_finds_by_slot(folder):
    segmenter = load_segmenter(str(folder), torch.device("cpu"))
    pictures = [from_png(PICTURE)] * 35  # more than a batch, of another size than the model's
    masks = find_garments(segmenter, pictures, ["t-shirt", "trousers", "clothes", "dress", "coat"] * 7)
    assert {mask.shape for mask in masks} == {(40, 40)}
    assert [bool(mask.all()) for mask in masks] == [True, False, True, False, True] * 7
    assert not any(mask.any() for mask in masks[1::5])


def test_labels_of_one_slot_are_joined(tmp_path):
    labels = ("Background", "Upper-clothes", "Skirt", "Pants", "Dress", "shirt, blouse", "Bag")
    segmenter = load_segmenter(str(build_segmenter(tmp_path, "Pants", labels)), torch.device("cpu"))
    assert segmenter.labels == {"upper": [1, 5], "lower": [2, 3], "full": [4]}
    skirt, bag = find_garments(segmenter, [from_png(PICTURE)] * 2, ["skirt", "shirt"])
    assert skirt.all()
    assert not bag.any()


def test_what_is_no_segmenter_is_one_line(tmp_path):
    with pytest.raises(
        UserError, match=r"^models.segmenter: .*: no SegFormer \(model, image processor\) here: "
    ) as caught:
        load_segmenter(str(tmp_path), torch.device("cpu"))
    assert "\n" not in str(caught.value)
    folder = build_segmenter(tmp_path / "roads", "road", ("road", "sky"))
    with pytest.raises(UserError, match="none of its labels is a garment's: road, sky"):
        load_segmenter(str(folder), torch.device("cpu"))


def models(segmenter: Path) -> Models:
    return Models(editor="", clip="", lpips="", segmenter=str(segmenter), dtype="float32", device="cpu")


def test_the_whole_stage(folder):
    rows, probes = (
        [triplet("aligned"), triplet("same_item", triplet_id="train-00001")],
        [probe(box=[10.0, 10.0, 30.0, 30.0])],
    )
    zones, probe_zones, report = mask_all(rows, probes, PARAMS, models(folder))
    assert [zone.row_id for zone in zones] == ["train-00000", "train-00001"]
    assert [zone.origin for zone in (*zones, *probe_zones)] == ["given", "given", "predicted"]
    assert report["probes"]["predicted_iou"]["unseen"] == {
        "mean": round(400 / 529, 6),
        "min": round(400 / 529, 6),
        "n": 1,
    }


def test_without_missing_masks_no_segmenter_is_needed(tmp_path):
    zones, probe_zones, _ = mask_all(
        [triplet("aligned")], [probe(mask=png(mask_of(0, 0, 9, 9)))], PARAMS, models(tmp_path / "nothing here")
    )
    assert len(zones) == len(probe_zones) == 1

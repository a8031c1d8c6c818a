"""The segmenter: garments by slot, label names, and one-line errors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from segmenters import build_segmenter

from atelier.common.errors import UserError
from atelier.masks.segformer import find_garments, load_segmenter

PICTURE = np.zeros((40, 40, 3), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return build_segmenter(tmp_path_factory.mktemp("segmenter"))


def test_garments_are_found_by_slot(folder):
    segmenter = load_segmenter(str(folder), torch.device("cpu"))
    pictures = [PICTURE] * 35  # more than a batch, of another size than the model's
    masks = find_garments(segmenter, pictures, ["t-shirt", "trousers", "clothes", "dress", "coat"] * 7)
    assert {mask.shape for mask in masks} == {(40, 40)}
    assert [bool(mask.all()) for mask in masks] == [True, False, True, False, True] * 7
    assert not any(mask.any() for mask in masks[1::5])


def test_labels_of_one_slot_are_united(tmp_path):
    labels = ("Background", "Upper-clothes", "Skirt", "Pants", "Dress", "shirt, blouse", "Bag")
    segmenter = load_segmenter(str(build_segmenter(tmp_path, "Pants", labels)), torch.device("cpu"))
    assert segmenter.labels == {"upper": [1, 5], "lower": [2, 3], "full": [4]}
    skirt, bag = find_garments(segmenter, [PICTURE] * 2, ["skirt", "shirt"])
    assert skirt.all()
    assert not bag.any()


def test_an_unusable_segmenter_gives_a_one_line_error(tmp_path):
    message = r"^models.segmenter: .*: not a SegFormer \(model and image processor\): "
    with pytest.raises(UserError, match=message) as caught:
        load_segmenter(str(tmp_path), torch.device("cpu"))
    assert "\n" not in str(caught.value)
    folder = build_segmenter(tmp_path / "roads", "road", ("road", "sky"))
    with pytest.raises(UserError, match="none of its labels is a garment: road, sky"):
        load_segmenter(str(folder), torch.device("cpu"))

"""What `atelier edit` says of a photo: what was found, how large it is, and whether its kind is known."""

from pathlib import Path

import numpy as np
import photographs
import pytest
import torch
from import_graph import ROOT
from PIL import Image

from atelier.images.contact_sheet import TIGHT_TINT
from atelier.images.photo import Photograph, open_photograph
from atelier.masks.segformer import Found, load_segmenter, search_garments
from atelier.sampling import regions
from atelier.sampling.regions import Region, find_regions, save_overlay, warnings
from atelier.synthetic.fashion import rows

SIDE = 64


def photo(path: Path, width: int, height: int) -> Photograph:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return open_photograph(path, SIDE)


def region(share: float = 0.2, box: tuple[int, int] = (20, 20), confidence: float = 0.95) -> Region:
    return Region("shirt", np.ones((1, 1), bool), share, box, confidence)


def rendered(domain: str, column: str, number: int) -> np.ndarray:
    """Return a picture of the embedded study's data, uint8 (SIDE, SIDE, 3)."""
    (row,) = rows(domain, number + 1, 7, SIDE, start=number)
    return np.asarray(row[column].convert("RGB"))


@pytest.mark.parametrize(
    ("width", "height", "found", "said"),
    [
        (64, 48, None, []),
        (256, 128, None, []),
        (260, 130, None, ["260 × 130 px at 64 × 32 px: what it changes is 4 times coarser"]),
        (1600, 1200, region(), ["1600 × 1200 px at 64 × 48 px: what it changes is 25 times coarser"]),
        (64, 64, region(), []),
        (64, 64, region(share=0.0049), ["next to nothing was found: less than 0.5 % of the picture (mask.min_area)"]),
        (64, 64, region(box=(40, 3)), ["the shirt is small: its shorter side has 3 px there"]),
        (64, 64, region(box=(40, 4)), []),
        (64, 64, region(confidence=0.889), ["unsure of this picture (mean confidence 0.89, below 0.89)"]),
        (64, 64, region(confidence=regions.UNSURE), []),
        (64, 64, region(share=0.001, box=(2, 2), confidence=0.5), ["next to nothing", "unsure of this picture"]),
    ],
)
def test_each_reason_for_a_poor_edit_is_one_sentence(tmp_path, width, height, found, said):
    given = list(warnings(photo(tmp_path / "photo.png", width, height), found, 0.005))
    assert len(given) == len(said)
    for sentence, part in zip(given, said, strict=True):
        assert part in sentence
        assert "\n" not in sentence


def test_share_and_size_are_those_of_the_photo_without_the_padding(tmp_path):
    photograph = photo(tmp_path / "photo.png", 256, 128)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[:32, 10:30] = True  # the photo fills rows 16 to 48; the mask reaches into the padding
    (found,) = find_regions(lambda pictures, garments: [Found(mask, 0.9)], [(photograph, "shirt")])
    assert (found.garment, found.box, found.confidence) == ("shirt", (20, 16), 0.9)
    assert found.share == pytest.approx(20 * 16 / (64 * 32), abs=0.01)


def test_the_overlay_keeps_the_photo_s_size_and_tints_the_mask_only(tmp_path):
    photograph = photo(tmp_path / "photo.png", 90, 700)
    mask = np.indices((700, 90))[0] < 300
    save_overlay(photograph, mask, tmp_path / "seen.png")
    drawn = np.asarray(Image.open(tmp_path / "seen.png")).astype(float)
    assert (np.ptp(drawn[300:], axis=-1) == 0).all()  # grey
    expected = photograph.own_pixels[:300] * 0.6 + np.array(TIGHT_TINT) * 0.4
    assert np.abs(drawn[:300] - expected).max() <= 0.5


def test_the_threshold_of_confidence_tells_rendered_people_from_photographs():
    """Of what the segmenter knows, few lie below; of photographs, most."""
    segmenter = load_segmenter(str(ROOT / "models/base/segmenter"), torch.device("cpu"))
    names = ["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "brick.png", "grass.png", "horse.png",
             "hubble_deep_field.jpg", "coins.png", "motorcycle_left.png"]  # fmt: skip
    pictures = {
        "studio": [rendered("studio", "images", 8 * item) for item in range(50)],
        "street": [rendered("street", "image", item) for item in range(50)],
        "photographs": [open_photograph(photographs.SKIMAGE / name, SIDE).square for name in names],
    }
    below = {}
    for kind, shown in pictures.items():
        found = search_garments(segmenter, shown, ["clothes"] * len(shown))
        below[kind] = np.mean([one.confidence < regions.UNSURE for one in found])
    assert below["studio"] <= 0.04
    assert below["street"] <= 0.1
    assert below["photographs"] >= 0.9

"""The region of a photo that an edit may change: what the segmenter found, what to warn of, and pictures of it.

Legend: H W pixels of the upright photo, S side of the editor's square.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atelier.common.errors import UserError
from atelier.images.boxes import box_of
from atelier.images.contact_sheet import TIGHT_TINT
from atelier.images.depth import strips
from atelier.images.photo import Photograph, mask_from_square, save
from atelier.images.tensors import mask_pixels
from atelier.masks.predict import Search

# The next two are the 1st percentiles of the embedded study's pictures: the segmenter's confidence on the validation
# pictures, and the shorter side of the box of a garment that the editor was fine-tuned on, as a share of its square.
# Of the confidence, 27 of 30 photographs of scikit-image and matplotlib lie below, and 2 of 60 rendered pictures of
# the unseen kind. The error of the VAE, which would tell kinds of pictures apart as well, does not serve: above its
# 99th percentile lie 24 of the photographs and 41 of the 60 unseen rendered pictures.
UNSURE = 0.89
SMALL = 1 / 16
COARSE = 4.0  # pixels of the photo, along a side, for one of the editor's
MASK_FORMATS = (".png", ".webp")  # without loss


@dataclass(frozen=True)
class Region:
    """The garment that the segmenter found in a photo."""

    garment: str
    mask: np.ndarray  # bool (H, W)
    share: float  # of the photo, in (0, 1]
    box: tuple[int, int]  # width and height, in pixels of the editor's square
    confidence: float  # of the segmenter, mean over the picture, in [0, 1]


def find_regions(search: Search, requests: Sequence[tuple[Photograph, str]]) -> list[Region | UserError]:
    """Find a garment in each photo; return an error where it is not found.

    The segmenter sees the photo letterboxed to S × S, as in the study; a large photo therefore costs no more.
    """
    if not requests:
        return []
    found = search([photograph.square for photograph, _ in requests], [garment for _, garment in requests])
    regions: list[Region | UserError] = []
    for (photograph, garment), one in zip(requests, found, strict=True):
        mask = mask_from_square(one.mask, photograph)
        if mask.any():
            left, top, right, bottom = box_of(mask)
            box = round((right - left) / photograph.scale), round((bottom - top) / photograph.scale)
            regions.append(Region(garment, mask, float(mask.mean()), box, one.confidence))
        else:
            regions.append(UserError(f"{photograph.path}: no {garment} found in it; --mask none edits all of it"))
    return regions


def describe_region(region: Region, photograph: Photograph) -> str:
    """Say which garment was found, its share of the photo, and its size in the editor's square."""
    (width, height), side = region.box, len(photograph.square)
    seen = f"{width} × {height} px of the editor's {side} × {side}"
    return f"found {region.garment}: {100 * region.share:.1f} % of the picture, {seen}"


def warnings(photograph: Photograph, region: Region | None, min_area: float) -> Iterator[str]:
    """Yield a sentence for each reason why an edit may be poor.

    Args:
        region: what the segmenter found; None if the mask was given, or none is used.
        min_area: share of the picture below which the study leaves a mask out.
    """
    side = len(photograph.square)
    if photograph.scale > COARSE:
        width, height = photograph.size
        left, top, right, bottom = photograph.fit.place
        yield (
            f"the editor sees this picture of {width} × {height} px at {right - left} × {bottom - top} px: "
            f"what it changes is {photograph.scale:.0f} times coarser than the picture"
        )
    if region is None:
        return
    if region.share < min_area:
        yield f"next to nothing was found: less than {100 * min_area:g} % of the picture (mask.min_area); see --overlay"
    elif min(region.box) < SMALL * side:
        yield f"the {region.garment} is small: its shorter side has {min(region.box)} px there; crop the picture to it"
    if region.confidence < UNSURE:
        yield (
            f"the segmenter is unsure of this picture (mean confidence {region.confidence:.2f}, below {UNSURE}): "
            "it may be of a kind that segmenter and editor do not know; see --overlay"
        )


def check_mask_format(path: Path) -> None:
    """Check the suffix of a mask file to write.

    Raises:
        UserError: the format is none, or would change the mask.
    """
    if path.suffix.lower() not in MASK_FORMATS:
        raise UserError(f"{path}: expected a mask as {' or '.join(MASK_FORMATS)}, which store it without loss")


def save_mask(mask: np.ndarray, path: Path) -> None:
    """Write bool (H, W) as an image of the photo's size: white may change."""
    save(mask_pixels(mask), path)


def save_overlay(photograph: Photograph, mask: np.ndarray, path: Path) -> None:
    """Write the photo with the mask tinted green and the rest faded to grey."""
    drawn = np.empty((*mask.shape, 3), np.uint8)
    for (_, top, _, bottom), pixels in strips(photograph.own.pixels):  # so that a large photo is held once more only
        grey = pixels.mean(-1, keepdims=True, dtype=np.float32) / 2 + 127.5
        tinted = pixels * np.float32(0.6) + np.float32(0.4) * np.array(TIGHT_TINT, np.float32)
        drawn[top:bottom] = np.where(mask[top:bottom, :, None], tinted, grey).round()
    save(drawn, path, photograph.profile)

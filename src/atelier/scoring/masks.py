"""Find the mask of the garment that an instruction names, where no mask is given.

Legend: H W pixels of the source. Pictures are uint8 (H, W, 3), masks bool (H, W).
"""

import numpy as np
from PIL import Image

from atelier.images.letterbox import fit_picture, plan_fit
from atelier.images.tensors import inside_mask, mask_pixels
from atelier.masks.predict import Search
from atelier.text.garments import UNKNOWN_GARMENT
from atelier.text.requests import read_request

SIDE = 512  # of the square that the segmenter is given, px


def find_mask(search: Search, source: np.ndarray, instruction: str) -> np.ndarray | None:
    """Return the mask of the garment that an instruction names, of everything worn if it names none; None: not found.

    The segmenter sees the picture letterboxed, as in the study.
    """
    height, width = source.shape[:2]
    fit = plan_fit(width, height, SIDE, "letterbox")
    garment = read_request(instruction).garment or UNKNOWN_GARMENT
    (found,) = search([fit_picture(Image.fromarray(source), fit)], [garment])
    inner = Image.fromarray(mask_pixels(found.mask)).crop(fit.place)
    mask = inside_mask(np.asarray(inner.resize((width, height), Image.Resampling.BILINEAR)))
    return mask if mask.any() and not mask.all() else None

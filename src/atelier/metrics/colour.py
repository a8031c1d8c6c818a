"""Colour of the garment: ΔE2000 and hue error between its median colour and the named one.

ΔE2000 (CIE 142-2001): about 2 is just noticeable, 10 is another shade, black to white is 100. Shading darkens a garment
of exactly the named colour, so compare with the ΔE of the exact target, not with 0. The hue error is the angle in
CIELAB's a*b* plane, which shading does not change.
"""

import math

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

GREY = 5.0  # CIELAB chroma below which a colour has no hue; the named black has 4.3, the named white 1.0


def median_lab(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the median CIELAB colour (3,), D65, of the masked pixels of an image.

    The median ignores shadowed folds and the less frequent colour of a pattern.

    Args:
        picture: uint8 (H, W, 3).
        mask: bool (H, W), not empty.
    """
    if not mask.any():
        raise ValueError("the mask is empty: there is no garment whose colour could be measured")
    return np.median(rgb2lab(picture[mask][None, :, :])[0], axis=0)


def delta_e(picture: np.ndarray, mask: np.ndarray, named_lab: tuple[float, float, float]) -> float:
    """Return ΔE2000 between the garment's median colour and the named colour in CIELAB (D65)."""
    return float(deltaE_ciede2000(median_lab(picture, mask), np.asarray(named_lab, dtype=float)))


def hue_error(picture: np.ndarray, mask: np.ndarray, named_lab: tuple[float, float, float]) -> float:
    """Return the angle in degrees between the hues (CIELAB's h_ab) of the garment's median colour and the named one.

    0 the same hue … 180 the opposite; lower is better. NaN if the named colour is grey (black, white), which has no
    hue. A grey garment under a named hue counts as 90, the mean of a random hue.
    """
    if math.hypot(*named_lab[1:]) < GREY:
        return math.nan
    _, a, b = median_lab(picture, mask)
    if math.hypot(a, b) < GREY:
        return 90.0
    turn = math.degrees(math.atan2(b, a) - math.atan2(named_lab[2], named_lab[1]))
    return abs((turn + 180) % 360 - 180)

"""Did the garment take the named colour? ΔE2000 and hue error between its median colour and the named one.

ΔE2000 (CIE 142-2001): about 2 is just noticeable; 10 is another shade; black against white is 100. Shading darkens a
garment that was given exactly the named colour, so the exact target's own ΔE is the yardstick, not 0. The hue error
forgives shading: it is the angle in CIELAB's a*b* plane alone.
"""

import math

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

GREY = 5.0  # CIELAB chroma below which a colour has no hue to speak of: our black has 4.3, our white 1.0


def median_lab(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Median CIELAB colour (3,), D65, of the masked pixels of a uint8 (H, W, 3) picture; mask bool (H, W), not empty.

    The median ignores folds in shadow and the lesser colour of a pattern.
    """
    if not mask.any():
        raise ValueError("the mask is empty: there is no garment to take the colour of")
    return np.median(rgb2lab(picture[mask][None, :, :])[0], axis=0)


def delta_e(picture: np.ndarray, mask: np.ndarray, named_lab: tuple[float, float, float]) -> float:
    """ΔE2000 between the garment's median colour and the named colour in CIELAB (D65)."""
    return float(deltaE_ciede2000(median_lab(picture, mask), np.asarray(named_lab, dtype=float)))


def hue_error(picture: np.ndarray, mask: np.ndarray, named_lab: tuple[float, float, float]) -> float:
    """Angle in degrees between the hues (CIELAB's h_ab) of the garment's median colour and the named colour.

    0 the same hue … 180 the opposite; lower is better. NaN where the named colour is a grey (black, white): it has no
    hue. A garment that is grey though a hue was named counts as 90, what a hue by chance has on average.
    """
    if math.hypot(*named_lab[1:]) < GREY:
        return math.nan
    _, a, b = median_lab(picture, mask)
    if math.hypot(a, b) < GREY:
        return 90.0
    turn = math.degrees(math.atan2(b, a) - math.atan2(named_lab[2], named_lab[1]))
    return abs((turn + 180) % 360 - 180)

"""Did the garment take the named colour? ΔE2000 (CIE 142-2001) between its median colour and the named one.

About 2 is just noticeable; 10 is another shade; black against white is 100. Shading darkens a garment that was given
exactly the named colour, so the exact target's own ΔE is the yardstick, not 0.
"""

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab


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

"""Two spreads of one figure, kept apart: between training seeds, and over the pictures it was measured on.

A longer test set shrinks the second and not the first; more trainings shrink the first and not the second.

Legend: S training seeds, M figures.
"""

from statistics import NormalDist

import numpy as np

from atelier.measures.statistics import LEVEL


def between_seeds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, each (M,), over S ≥ 2 seeds of figures (S, M); the deviation divides by S − 1."""
    return values.mean(0), values.std(0, ddof=1)


def over_pictures(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Standard error (M,) over pictures: what a normal 95 % interval as wide as those, each (S, M), would have."""
    width = 2 * NormalDist().inv_cdf((1 + LEVEL) / 2)
    return ((high - low) / width).mean(0)

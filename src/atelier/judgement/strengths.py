"""Bradley-Terry strengths: one scale for all systems, from whatever pairs of them were compared. Legend: S systems."""

import choix
import numpy as np
from scipy.sparse.csgraph import connected_components


def bradley_terry(wins: np.ndarray, compared: np.ndarray) -> np.ndarray:
    """Log strengths (S,), their mean 0: P(i is preferred to j) = 1 / (1 + exp(s_j - s_i)).

    The maximum-likelihood estimate by `choix`, with one more tie between all systems that were compared: without it a
    system that never lost would be infinitely strong (for two systems this is the Haldane-Anscombe correction).

    Args:
        wins: float (S, S), [i, j] how often i was preferred to j, a tie half a time; the diagonal is 0.
        compared: bool (S, S), symmetric: which systems the study compared at all; they must be connected.
    """
    return choix.ilsr_pairwise_dense(wins + 0.5 * compared)


def connected(compared: np.ndarray) -> bool:
    """Whether a chain of comparisons leads from each system to each other one: else they are not on one scale."""
    return connected_components(compared, directed=False, return_labels=False) == 1

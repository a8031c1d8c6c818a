"""Shares with Wilson intervals, and agreement of raters beyond chance. Labels are names of systems, or `tie`.

Computed here: scipy's Wilson interval takes no half successes, and no dependency has Krippendorff's α.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)  # 97.5th percentile, for a 95 % interval
DIGITS = 6  # decimals in reports


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of a share of n > 0 independent answers; a tie is half a success."""
    share = successes / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    spread = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, centre - spread), min(1.0, centre + spread)


def rate(successes: float, n: int) -> dict[str, float]:
    """Return mean, ci_lo, ci_hi (Wilson) and n; only n if it is 0."""
    if n == 0:
        return {"n": 0}
    low, high = wilson(successes, n)
    return {"mean": round(successes / n, DIGITS), "ci_lo": round(low, DIGITS), "ci_hi": round(high, DIGITS), "n": n}


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return Krippendorff's α for nominal labels: 1 is full agreement, 0 is chance; raters may skip units.

    α = 1 - D_observed / D_expected, from the coincidences of labels within units ("Computing Krippendorff's
    Alpha-Reliability", 2011). None if no unit has two labels or all labels are equal: chance is undefined then.

    Args:
        units: the raters' labels of each judged pair.
    """
    coincidences: Counter[tuple[Hashable, Hashable]] = Counter()
    for labels in units:
        counts = Counter(labels)
        for one, ones in counts.items():
            for other, others in counts.items():
                if len(labels) > 1:
                    coincidences[one, other] += ones * (others - (one == other)) / (len(labels) - 1)
    margins: Counter[Hashable] = Counter()
    for (one, _), count in coincidences.items():
        margins[one] += count
    total = sum(margins.values())
    expected = total**2 - sum(count**2 for count in margins.values())
    if expected <= 0:
        return None
    observed = sum(count for (one, other), count in coincidences.items() if one != other)
    return 1 - (total - 1) * observed / expected


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return Cohen's κ of two raters' labels of the same units; None if there are none or chance gives full agreement.

    κ = (p_observed - p_chance) / (1 - p_chance)
    """
    n = len(pairs)
    ones, others = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(ones[label] * others[label] for label in ones)  # × n²
    if chance == n**2:
        return None
    return (n * sum(one == other for one, other in pairs) - chance) / (n**2 - chance)

"""Shares with intervals, and how far raters agree beyond chance. Labels are names of systems, or `tie`."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)  # of a 95 % interval
DIGITS = 6  # of reported figures


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share of n > 0 answers, each taken as independent. Half successes are ties."""
    share = successes / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    spread = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, centre - spread), min(1.0, centre + spread)


def rate(successes: float, n: int) -> dict[str, float]:
    """A report's cell: mean, ci_lo, ci_hi (Wilson) and n; of nothing, n alone."""
    if n == 0:
        return {"n": 0}
    low, high = wilson(successes, n)
    return {"mean": round(successes / n, DIGITS), "ci_lo": round(low, DIGITS), "ci_hi": round(high, DIGITS), "n": n}


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Krippendorff's α for nominal labels: 1 is full agreement, 0 what chance gives. Any number of raters, with gaps.

    α = 1 - D_observed / D_expected, by the coincidences of labels within units ("Computing Krippendorff's
    Alpha-Reliability", 2011). None where no unit has two labels, or all labels are the same: chance is undefined then.

    Args:
        units: for each pair that was judged, its raters' labels.
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
    """Cohen's κ of two raters' labels on the same things; None where there are none, or chance alone gives all.

    κ = (p_observed - p_chance) / (1 - p_chance)
    """
    n = len(pairs)
    ones, others = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(ones[label] * others[label] for label in ones)  # × n²
    if chance == n**2:
        return None
    return (n * sum(one == other for one, other in pairs) - chance) / (n**2 - chance)

"""Counts for reports, as nested scalars: DVC silently drops lists from metrics."""

from collections import Counter
from collections.abc import Iterable

NAMED = 20  # largest number of refused rows that a report names per reason


def tally(names: Iterable[str]) -> dict[str, int]:
    """Count each name; sorted by name."""
    return dict(sorted(Counter(names).items()))


def tally_refused(reasons: Iterable[str]) -> dict[str, int]:
    """Count refused rows, in total and by reason."""
    counts = tally(reasons)
    return {"total": sum(counts.values()), **counts}


def name_first(refused: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name the first NAMED (row, reason) of each reason as "row: reason", in the given order, numbered from 01."""
    counts: Counter[str] = Counter()
    named: dict[str, str] = {}
    for row, reason in refused:
        counts[reason] += 1
        if counts[reason] <= NAMED:
            named[f"{len(named) + 1:02d}"] = f"{row}: {reason}"
    return named

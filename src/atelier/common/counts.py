"""Counts for reports: nested scalars only, because DVC drops lists from metrics without a word."""

from collections import Counter
from collections.abc import Iterable

NAMED = 20  # bad rows of each reason that a report names, at most


def tally(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, by name."""
    return dict(sorted(Counter(names).items()))


def tally_refused(reasons: Iterable[str]) -> dict[str, int]:
    """Refused rows: in all, and by reason."""
    counts = tally(reasons)
    return {"total": sum(counts.values()), **counts}


def name_first(refused: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first NAMED rows (row, reason) of each reason, "row: reason" in the order given, numbered from 01."""
    times: Counter[str] = Counter()
    named: dict[str, str] = {}
    for row, reason in refused:
        times[reason] += 1
        if times[reason] <= NAMED:
            named[f"{len(named) + 1:02d}"] = f"{row}: {reason}"
    return named

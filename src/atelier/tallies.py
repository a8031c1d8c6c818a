"""Counts for reports: nested scalars only, because DVC drops lists from metrics without a word."""

from collections import Counter
from collections.abc import Iterable, Sequence

NAMED = 20  # bad rows that a report names, at most


def tally(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, by name."""
    return dict(sorted(Counter(names).items()))


def tally_refused(reasons: Iterable[str]) -> dict[str, int]:
    """Refused rows: in all, and by reason."""
    counts = tally(reasons)
    return {"total": sum(counts.values()), **counts}


def name_first(lines: Sequence[str]) -> dict[str, str]:
    """The first NAMED lines, numbered from 01."""
    return {f"{number:02d}": line for number, line in enumerate(lines[:NAMED], start=1)}

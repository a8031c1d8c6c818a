"""Windows on long texts: the part in which texts differ, short enough to be read."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile


def change_window(texts: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Return texts that differ in some words so that all of these words are read; texts that fit are unchanged.

    From all texts the same number of first words is left out, as few as possible, and then the same number of last
    words, as few as possible: both only of words that the texts share. Where the differing words alone do not fit,
    where nothing would be left of a text, and where the texts do not differ, they are returned as they are, too long.

    Args:
        fits: whether all of a text is read.
    """
    whole = list(texts)
    if all(map(fits, texts)):
        return whole
    words = [text.split() for text in texts]
    first = _shared(words)
    last = min(_shared(map(reversed, words)), min(map(len, words)) - first)

    def cut(start: int, kept: int) -> list[str]:
        return [" ".join(part[start : len(part) - last + kept]) for part in words]

    def reads(start: int, kept: int) -> bool:
        return all(map(fits, cut(start, kept)))

    start = bisect_left(range(first + 1), True, key=lambda number: reads(number, 0))
    if start > first:
        return whole
    kept = bisect_left(range(last + 1), True, key=lambda number: not reads(start, number)) - 1
    window = cut(start, kept)
    return window if all(window) and len(set(window)) > 1 else whole


def _shared(texts: Iterable[Iterable[str]]) -> int:
    """Return how many first words all texts share."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False)))

"""Fair choice: one from every group before a second from any."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

One = TypeVar("One")


def take_turns(groups: Iterable[Iterator[One]]) -> Iterator[One]:
    """The first of each group, then the second of each, and so on; a group is asked only when its turn has come."""
    while groups:
        rest = []
        for group in groups:
            for one in group:
                yield one
                rest.append(group)
                break
        groups = rest

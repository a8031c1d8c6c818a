"""Helpers for iterables: batches, map with threads in order, one element of every group in turn."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NoReturn, TypeVar

In, Out = TypeVar("In"), TypeVar("Out")

AHEAD = 4  # inputs per worker that are submitted but not yet consumed; bounds memory


def batched(rows: Sequence[In], size: int) -> Iterator[Sequence[In]]:
    """Yield slices of `size` consecutive rows; the last may be shorter."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def map_in_order(
    function: Callable[[In], Out],
    inputs: Iterable[In],
    workers: int | None = None,
    *,
    weigh: Callable[[In], int] = lambda _: 0,
    limit: int = 0,
) -> Iterator[Out]:
    """Map a function over inputs with a thread pool and yield the outputs in input order.

    The outputs equal those of `map` for any number of workers. An exception raised by the function or by the inputs is
    raised at the same position as with `map`, after all earlier outputs.

    Args:
        workers: number of threads; None: one per available core.
        weigh: size of an input, such as its bytes.
        limit: inputs are submitted only while their sizes add up to no more; one by itself may be larger.
    """
    workers = workers or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[tuple[Future[Out], int]] = deque()
        held = 0
        try:
            for job, size in _jobs(function, inputs, weigh):
                while pending and (held + size > limit > 0 or len(pending) >= workers * AHEAD - 1):
                    future, freed = pending.popleft()
                    held -= freed
                    yield future.result()
                pending.append((pool.submit(job), size))
                held += size
            while pending:
                yield pending.popleft()[0].result()
        finally:  # after an exception, or when the consumer closes the generator
            for future, _ in pending:
                future.cancel()


def _jobs(
    function: Callable[[In], Out], inputs: Iterable[In], weigh: Callable[[In], int]
) -> Iterator[tuple[Callable[[], Out], int]]:
    try:
        for value in inputs:
            yield partial(function, value), weigh(value)
    except Exception as error:  # raised by the inputs: re-raise it at its position in the output
        yield partial(_fail, error), 0


def _fail(error: Exception) -> NoReturn:
    raise error


def take_turns(groups: Iterable[Iterator[Out]]) -> Iterator[Out]:
    """Yield the first element of each group, then the second of each, and so on (round robin).

    Groups are consumed lazily: each is asked for its next element only when its turn comes.
    """
    while groups:
        remaining = []
        for group in groups:
            for value in group:
                yield value
                remaining.append(group)
                break
        groups = remaining

"""Work on many rows at once, in order: decoding a picture leaves Python free for the next one."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NoReturn, TypeVar

In, Out = TypeVar("In"), TypeVar("Out")

AHEAD = 4  # rows a worker that are under way at most, so that memory is bounded


def map_in_order(function: Callable[[In], Out], inputs: Iterable[In], workers: int | None = None) -> Iterator[Out]:
    """function(one) for each input, in their order, by `workers` threads (None: one a core that may be used).

    The outputs are those of `map`, whatever the number of workers. An error, of the function or of the inputs, is
    raised where `map` would raise it: after the outputs before it.
    """
    workers = workers or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[Out]] = deque()
        try:
            for job in _jobs(function, inputs):
                under_way.append(pool.submit(job))
                if len(under_way) >= workers * AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:  # after an error, or when no more is wanted
            for future in under_way:
                future.cancel()


def _jobs(function: Callable[[In], Out], inputs: Iterable[In]) -> Iterator[Callable[[], Out]]:
    try:
        for one in inputs:
            yield partial(function, one)
    except Exception as error:  # waits for its turn
        yield partial(_fail, error)


def _fail(error: Exception) -> NoReturn:
    raise error

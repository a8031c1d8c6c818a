"""Rows decoded by several threads: in order, bounded, and with errors where they belong."""

import threading
import time

import pytest

from atelier.common.iterables import AHEAD, batched, map_in_order


def slow_at_first(number: int) -> int:
    time.sleep(0.02 if number % 5 == 0 else 0)
    return number * number


@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_the_outputs_are_those_of_map(workers):
    assert list(map_in_order(slow_at_first, range(40), workers)) == [number * number for number in range(40)]
    assert list(map_in_order(slow_at_first, [], workers)) == []


def test_work_is_shared_and_bounded():
    taken, threads = [], set()

    def inputs():
        for number in range(100):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        threads.add(threading.get_ident())
        time.sleep(0.002)
        return number

    outputs = map_in_order(work, inputs(), 3)
    for number in outputs:
        assert len(taken) - number <= 3 * AHEAD
    assert len(threads) == 3


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_function_comes_after_what_is_before_it(workers):
    outputs = map_in_order(lambda number: 1 // (7 - number), range(20), workers)
    assert [next(outputs) for _ in range(7)] == [0, 0, 0, 0, 0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(outputs)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_inputs_comes_after_what_is_before_it(workers):
    def inputs():
        yield from range(4)
        raise LookupError("no more")

    outputs = map_in_order(slow_at_first, inputs(), workers)
    assert [next(outputs) for _ in range(4)] == [0, 1, 4, 9]
    with pytest.raises(LookupError, match="no more"):
        next(outputs)


def test_what_is_no_longer_wanted_is_not_done():
    done = []
    outputs = map_in_order(lambda number: time.sleep(0.01) or done.append(number), range(1000), 2)
    next(outputs)
    outputs.close()
    assert len(done) <= 2 * AHEAD


@pytest.mark.parametrize("size", [1, 3, 4, 10, 11])
def test_batches_are_consecutive_and_only_the_last_may_be_shorter(size):
    batches = list(batched(range(10), size))
    assert [row for batch in batches for row in batch] == list(range(10))
    assert {len(batch) for batch in batches[:-1]} <= {size}
    assert 0 < len(batches[-1]) <= size
    assert list(batched([], size)) == []

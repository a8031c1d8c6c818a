"""map_in_order: output order, bounded queue, exceptions at their position; round robin; batches."""

import threading
import time

import pytest

from atelier.common.iterables import AHEAD, batched, map_in_order, take_turns


def slow_at_first(number: int) -> int:
    time.sleep(0.02 if number % 5 == 0 else 0)
    return number * number


@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_outputs_equal_those_of_map(workers):
    assert list(map_in_order(slow_at_first, range(40), workers)) == [number * number for number in range(40)]
    assert list(map_in_order(slow_at_first, [], workers)) == []


def test_work_is_shared_and_the_queue_is_bounded():
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
def test_an_exception_of_the_function_or_the_inputs_comes_after_the_earlier_outputs(workers):
    def inputs():
        yield from range(4)
        raise LookupError("no more")

    for function, numbers, earlier, error, message in (
        (lambda number: 1 // (7 - number), range(20), [0, 0, 0, 0, 0, 0, 1], ZeroDivisionError, "by zero"),
        (slow_at_first, inputs(), [0, 1, 4, 9], LookupError, "no more"),
    ):
        outputs = map_in_order(function, numbers, workers)
        assert [next(outputs) for _ in earlier] == earlier
        with pytest.raises(error, match=message):
            next(outputs)


def test_closing_the_iterator_cancels_pending_work():
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


def test_take_turns_is_round_robin_and_lazy():
    consumed = []

    def group(name: str, size: int):
        for number in range(size):
            consumed.append(name)
            yield f"{name}{number}"

    turns = take_turns(group(name, size) for name, size in (("a", 2), ("b", 0), ("c", 3)))
    assert (next(turns), consumed) == ("a0", ["a"])
    assert list(turns) == ["c0", "a1", "c1", "c2"]

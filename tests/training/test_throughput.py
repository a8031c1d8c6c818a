"""The meter's arithmetic, with a scripted clock and device."""

from types import SimpleNamespace

import pytest
import torch

from atelier.training import throughput
from atelier.training.throughput import Meter

GIB = 2**30


@pytest.fixture(name="clock")
def _clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now.seconds)
    return now


def take(meter: Meter, clock: SimpleNamespace, steps: int, each: float) -> None:
    for number in range(steps):
        clock.seconds += each
        meter.count(last=number == steps - 1)


def test_only_steps_are_timed_and_without_any_there_is_no_rate(clock):
    meter = Meter(torch.device("cpu"))
    take(meter, clock, 4, 0.5)
    clock.seconds += 1000  # validation
    assert meter.close() == 2.0
    clock.seconds += 1000  # logging
    meter.start()
    take(meter, clock, 2, 1.0)
    assert meter.close() == 1.0
    assert meter.close() is None
    found = meter.costs()
    assert (found["timed_steps"], found["train_seconds"]) == (6, 4.0)
    assert found["seconds_per_step"] == pytest.approx(4 / 6)
    unused = Meter(torch.device("cpu"))
    assert unused.close() is None
    assert "seconds_per_step" not in unused.costs()


def test_on_a_cpu_the_peak_is_the_process_s_resident_memory():
    before = Meter(torch.device("cpu")).costs()["peak_rss_gib"]
    held = torch.ones(2**28, dtype=torch.uint8) * 2  # 256 MiB, written; twice that for a moment
    after = Meter(torch.device("cpu")).costs()
    assert 0.05 < before <= after["peak_rss_gib"] < 64
    assert "peak_cuda_gib" not in after
    assert len(held) == 2**28


def test_on_cuda_the_peak_is_that_of_steps_alone(clock, monkeypatch):
    device = SimpleNamespace(peak=0)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: device.peak)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: setattr(device, "peak", 0))
    meter = Meter(torch.device("cuda"))
    for peak in (3, 2):
        device.peak = peak * GIB
        take(meter, clock, 2, 1.0)
        device.peak = 9 * GIB  # validation
        meter.close()
        meter.start()
    assert meter.costs()["peak_cuda_gib"] == 3.0

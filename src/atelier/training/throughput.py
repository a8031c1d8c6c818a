"""Throughput and peak memory of training, which are logged and part of no file of results."""

import resource
import time

import torch

_GIB = 2**30


class Meter:
    """Times training steps and their peak memory on the device, leaving out what happens between `close` and `start`.

    It does not synchronise with the device while steps run.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds, self._steps, self._peak = 0.0, 0, 0
        self.start()

    def start(self) -> None:
        """Start timing. Call before the first step."""
        self._fresh = 0
        self._started = self._counted = time.perf_counter()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def count(self, last: bool) -> None:
        """Count a step. Read the loss of the `last` one before `close`, so that the device has finished it."""
        self._fresh += 1
        self._counted = time.perf_counter()
        if last and self._device.type == "cuda":
            self._peak = max(self._peak, torch.cuda.max_memory_allocated(self._device))

    def close(self) -> float | None:
        """Stop timing and return steps per second, None if there were no steps."""
        if not self._fresh:
            return None
        took, fresh = self._counted - self._started, self._fresh
        self._seconds, self._steps, self._fresh = self._seconds + took, self._steps + fresh, 0
        return fresh / took

    def costs(self) -> dict[str, float]:
        """Return the number of timed steps, their seconds, and the peak memory in GiB.

        On CUDA the peak is what torch had allocated during steps, on this process's device. On a CPU it is the
        process's resident memory since it began (`peak_rss_gib`), libraries and data included.
        """
        found = {"timed_steps": float(self._steps), "train_seconds": self._seconds}
        if self._steps:
            found["seconds_per_step"] = self._seconds / self._steps
        if self._device.type == "cuda":
            return found | {"peak_cuda_gib": self._peak / _GIB}
        return found | {"peak_rss_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _GIB}

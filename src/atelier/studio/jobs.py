"""One job at a time: a queue with one thread, progress by steps, and jobs that can be cancelled while they wait or run.

The networks are used in this thread only: what edits at the same time would share memory and cores.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

POLL = 0.1  # seconds between two looks at a job's progress


class CancelledJobError(Exception):
    """The job was cancelled; nothing of it is kept."""


class Job:
    """Work that waits, runs or has ended."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.text = ""  # what is being done
        self.done, self.steps = 0, 0  # steps of all; 0: not known yet
        self._stop = threading.Event()
        self._future: Future[Any] = Future()

    def step(self) -> None:
        """Count a step that begins.

        Raises:
            CancelledJobError: the job was cancelled.
        """
        self.check()
        self.done += 1

    def check(self) -> None:
        """Go on only if the job was not cancelled.

        Raises:
            CancelledJobError: it was.
        """
        if self._stop.is_set():
            raise CancelledJobError

    def cancel(self) -> None:
        """End the job before its next step; one that waits ends at once."""
        self._stop.set()
        self._future.cancel()

    @property
    def running(self) -> bool:
        """Whether the job has begun and not ended."""
        return self._future.running()

    @property
    def ended(self) -> bool:
        """Whether the job has a result or an error, or was cancelled."""
        return self._future.done()

    @property
    def share(self) -> float:
        """Share of the steps that have begun, in [0, 1]."""
        return min(1.0, self.done / self.steps) if self.steps else 0.0

    def watch(self) -> Iterator["Job"]:
        """Yield the job every POLL seconds until it has ended; cancel it if this iterator is closed before."""
        try:
            while not self.ended:
                yield self
                try:
                    self._future.exception(timeout=POLL)
                except (TimeoutError, CancelledError):
                    continue
        finally:
            self.cancel()

    def result(self) -> Any:
        """Wait for the result.

        Raises:
            CancelledJobError: the job was cancelled.
            Exception: whatever the work raised.
        """
        try:
            return self._future.result()
        except CancelledError:
            raise CancelledJobError from None


class Jobs:
    """A queue whose jobs run one after another in one thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "atelier-studio")
        self._open: list[Job] = []  # waiting or running, in order
        self._lock = threading.Lock()

    def submit(self, owner: str, work: Callable[[Job], Any]) -> Job:
        """Add a job; `work` gets it to tell its progress."""
        job = Job(owner)
        with self._lock:
            self._open = [one for one in self._open if not one.ended] + [job]
            job._future = self._thread.submit(work, job)
        return job

    def ahead(self, job: Job) -> int:
        """Return how many jobs run or wait before this one."""
        with self._lock:
            before = self._open[: self._open.index(job)] if job in self._open else []
            return sum(not one.ended for one in before)

    def cancel(self, owner: str) -> None:
        """Cancel every job of an owner."""
        with self._lock:
            mine = [one for one in self._open if one.owner == owner]
        for job in mine:
            job.cancel()

    def close(self) -> None:
        """Cancel everything and wait for the thread to end."""
        with self._lock:
            jobs = list(self._open)
        for job in jobs:
            job.cancel()
        self._thread.shutdown()

"""The queue: one job at a time, in order, with progress; cancelled while it waits or runs."""

import threading

import pytest

from atelier.studio.jobs import CancelledJobError, Job, Jobs


@pytest.fixture(name="jobs")
def _jobs():
    jobs = Jobs()
    yield jobs
    jobs.close()


def steps_until(released: threading.Event):
    def work(job: Job) -> str:
        job.steps = 4
        job.step()
        while not released.wait(0.01):
            job.check()
        job.step()
        return "made"

    return work


def test_jobs_run_one_after_another_and_tell_their_place_and_progress(jobs):
    released = threading.Event()
    first, second = jobs.submit("a", steps_until(released)), jobs.submit("b", lambda job: "second")
    assert (jobs.ahead(first), jobs.ahead(second)) == (0, 1)
    watched = first.watch()
    while next(watched).done < 1:
        pass
    assert (first.running, second.running, first.share) == (True, False, 0.25)
    released.set()
    assert (first.result(), second.result()) == ("made", "second")
    assert list(watched) == []
    assert jobs.ahead(second) == 0


def test_a_running_and_a_waiting_job_are_cancelled_and_those_of_others_go_on(jobs):
    never, released = threading.Event(), threading.Event()
    running, waiting = jobs.submit("a", steps_until(never)), jobs.submit("a", steps_until(never))
    other = jobs.submit("b", steps_until(released))
    jobs.cancel("a")
    for job in (running, waiting):
        with pytest.raises(CancelledJobError):
            job.result()
    released.set()
    assert other.result() == "made"


def test_a_visitor_who_leaves_cancels_the_job(jobs):
    job = jobs.submit("a", steps_until(threading.Event()))
    watched = job.watch()
    next(watched)
    watched.close()
    with pytest.raises(CancelledJobError):
        job.result()


def test_an_error_of_the_work_is_the_result(jobs):
    def fail(job: Job) -> None:
        raise KeyError("what")

    job = jobs.submit("a", fail)
    assert all(not one.ended or one is job for one in job.watch())
    with pytest.raises(KeyError):
        job.result()

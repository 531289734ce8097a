"""One piece of work at a time, watched and cancelled."""

import threading
import time

import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.page.jobs import FINISHED, KEEPING, Worker
from diffmst_jax.page.refusal import RefusalError


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    assert worker.close(5)


def finished(job):
    deadline = time.monotonic() + 5
    while job.state not in FINISHED:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return job


def test_a_job_gives_its_result(worker):
    job = finished(worker.start("song", "mix", lambda tell: {"a": 1}))
    assert (job.state, job.result, job.fraction) == ("done", {"a": 1}, 1.0)


def test_only_one_job_runs(worker):
    hold = threading.Event()
    job = worker.start("song", "mix", lambda tell: hold.wait(5))
    with pytest.raises(RefusalError, match="still at work on song"):
        worker.start("other", "mix", lambda tell: None)
    hold.set()
    finished(job)
    finished(worker.start("other", "mix", lambda tell: None))


def test_what_nobody_waits_for_gives_way(worker):
    reached, go = threading.Event(), threading.Event()

    def level(tell):
        reached.set()
        go.wait(5)
        tell("Next", 0.5)

    job = worker.start("song", "level", level)
    assert reached.wait(5)
    with pytest.raises(RefusalError, match="still at work on song"):
        worker.start("song", "level", lambda tell: None)
    assert job.state == "running"
    after = worker.start("song", "render", lambda tell: "mix.wav")
    assert job.state == "cancelled"
    go.set()
    assert finished(after).result == "mix.wav"
    go.clear()
    worker.start("song", "level", level)
    worker.give_way()
    assert worker.current() is None
    go.set()


def test_a_cancelled_job_stops_at_its_next_report_and_its_result_is_thrown_away(worker):
    reached, go = threading.Event(), threading.Event()
    went_on = []

    def task(tell):
        reached.set()
        go.wait(5)
        tell("Next", 0.5)
        went_on.append(True)

    job = worker.start("song", "mix", task)
    assert reached.wait(5)
    worker.cancel(job.number)
    assert job.state == "cancelled"
    after = worker.start("song", "open", lambda tell: "fine")
    go.set()
    assert finished(after).result == "fine"
    assert not went_on
    assert job.state == "cancelled"


def test_a_job_that_writes_its_results_is_not_cancelled_halfway(worker):
    reached, go = threading.Event(), threading.Event()

    def task(tell):
        tell(KEEPING, 1.0)
        reached.set()
        go.wait(5)
        return "written"

    job = worker.start("song", "mix", task)
    assert reached.wait(5)
    assert worker.cancel(job.number).state == "running"
    go.set()
    assert (finished(job).state, job.result) == ("done", "written")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("a.wav", "is silent", "give another"), "a.wav: is silent; give another"),
        (MemoryError(), "memory ran out"),
        (KeyError("x"), "failed by a fault of diffmst (KeyError)"),
    ],
)
def test_a_failure_is_one_line_and_the_thread_goes_on(worker, error, text):
    def task(tell):
        raise error

    job = finished(worker.start("song", "mix", task))
    assert job.state == "failed"
    assert text in job.error
    assert "\n" not in job.error
    assert finished(worker.start("song", "mix", lambda tell: 1)).result == 1

"""Long work, one piece at a time, in a thread of its own; it can be watched and cancelled."""

import itertools
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diffmst_jax.errors import InputError
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.progress import Tell

Task = Callable[[Tell], Any]
"""Work, given what it tells; that raises `CancelledError` when it should stop."""

FINISHED = ("done", "failed", "cancelled")
KEEPING = "Keeping"
"""The stage in which a job writes what it found, all or nothing: too late to cancel it."""

UNASKED = "level"
"""The kind of job that the page begins by itself: it gives way to whatever is asked for."""

REMEMBERED = 50


class CancelledError(Exception):
    """Raised inside a task that was cancelled, at its next report of progress."""


@dataclass
class Job:
    """A piece of work.

    Attributes:
        number: counts up from 1.
        song: name of the song it is for.
        kind: what it does.
        state: `waiting`, `running`, `done`, `failed` or `cancelled`.
        stage: what it is at.
        fraction: how much is done, 0 to 1.
        error: why it failed, one line.
        result: what it gave, as JSON.
        stop: set when it is cancelled.
        over: set when its thread is done with it, which one that is cancelled may not be yet.
    """

    number: int
    song: str
    kind: str
    state: str = "waiting"
    stage: str = "Waiting"
    fraction: float = 0.0
    error: str = ""
    result: Any = None
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    over: threading.Event = field(default_factory=threading.Event, repr=False)

    def document(self) -> dict[str, Any]:
        """What the page is told."""
        names = ("number", "song", "kind", "state", "stage", "fraction", "error", "result")
        return {name: getattr(self, name) for name in names}


class Worker:
    """Runs jobs in one thread, in the order they came."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._queue: queue.SimpleQueue[tuple[Job, Task] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="diffmst-jobs", daemon=True)
        self._thread.start()

    def start(self, song: str, kind: str, task: Task) -> Job:
        """Begin a job; one that is `UNASKED` gives way to other kinds.

        Raises:
            RefusalError: another one is not finished.
        """
        if kind != UNASKED:
            self.give_way()
        with self._lock:
            busy = self.current()
            if busy is not None:
                raise RefusalError(409, f"still at work on {busy.song}; wait or cancel that first")
            job = Job(next(self._numbers), song, kind)
            self._jobs[job.number] = job
            for number in list(self._jobs)[:-REMEMBERED]:
                del self._jobs[number]
        self._queue.put((job, task))
        return job

    def find(self, number: int) -> Job:
        """Return a job by its number.

        Raises:
            RefusalError: there is none.
        """
        if number not in self._jobs:
            raise RefusalError(404, f"there is no job {number}")
        return self._jobs[number]

    def current(self) -> Job | None:
        """Return the job that is not finished, if any."""
        jobs = list(self._jobs.values())
        return next((job for job in jobs if job.state not in FINISHED), None)

    def give_way(self) -> None:
        """Cancel the job under way if it is `UNASKED`; whoever began it may have left the page."""
        job = self.current()
        if job is not None and job.kind == UNASKED:
            self.cancel(job.number)

    def cancel(self, number: int) -> Job:
        """Cancel a job; its thread stops at its next report, and what it gives is thrown away.

        One that is `KEEPING` its results goes on to its end.
        """
        job = self.find(number)
        with self._lock:
            if job.state not in FINISHED and job.stage != KEEPING:
                job.state = "cancelled"
                job.stop.set()
        return job

    def let_go(self, song: str) -> None:
        """Wait until nothing that was cancelled is still at work on a song."""
        for job in list(self._jobs.values()):
            if job.song == song and job.stop.is_set():
                job.over.wait()

    def close(self, timeout_s: float) -> bool:
        """Stop; returns whether the thread ended in time."""
        current = self.current()
        if current is not None:
            self.cancel(current.number)
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            self._work(*item)

    def _work(self, job: Job, task: Task) -> None:
        def tell(stage: str, fraction: float) -> None:
            with self._lock:
                if job.stop.is_set():
                    raise CancelledError
                job.stage, job.fraction = stage, float(fraction)

        try:
            tell("Starting", 0.0)
            with self._lock:
                job.state = "cancelled" if job.stop.is_set() else "running"
            result = task(tell)
            self._finish(job, "done", result=result)
        except CancelledError:
            pass
        except (InputError, RefusalError) as error:
            self._finish(job, "failed", error=str(error))
        except MemoryError:
            self._finish(job, "failed", error=f"{job.song}: memory ran out; use shorter tracks")
        except Exception as error:  # a fault of ours must not end the thread
            kind = type(error).__name__
            sys.stderr.write(f"diffmst: {job.kind} of {job.song} failed: {kind}: {error}\n")
            self._finish(job, "failed", error=f"{job.kind} failed by a fault of diffmst ({kind})")
        finally:
            job.over.set()

    def _finish(self, job: Job, state: str, *, error: str = "", result: Any = None) -> None:
        with self._lock:
            if job.state == "cancelled":
                return
            job.error, job.result = error, result
            job.fraction = 1.0 if state == "done" else job.fraction
            job.state = state

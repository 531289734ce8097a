"""Work on many items in several processes, in order, without leaving any behind."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import TypeVar

import jax

from diffmst_jax.files import remove_unfinished

T = TypeVar("T")
R = TypeVar("R")

# A started process costs seconds of imports; less work than this is done faster without one.
FEWEST_ITEMS = 8
# Items handed out ahead for each process, so that none waits for the next.
AHEAD = 2


def work_through(
    function: Callable[[T], R], items: Iterable[T], *, processes: int, fewest: int = FEWEST_ITEMS
) -> Iterator[tuple[T, R]]:
    """Yield each item with its result, as they are done, in any order.

    Args:
      function: importable by name, for the processes are spawned, not forked.
      items: what to work on; taken as it is needed.
      processes: 1 works in this process.
      fewest: items for which others are started; fewer are worked on in this process.
    """
    items = iter(items)
    first = list(islice(items, fewest))
    if processes < 2 or len(first) < fewest:
        for item in [*first, *items]:
            yield item, function(item)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=begin) as pool:
        pending: dict[Future[R], T] = {pool.submit(function, item): item for item in first}
        try:
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
                for item in items:
                    pending[pool.submit(function, item)] = item
                    if len(pending) >= AHEAD * processes:
                        break
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def stop_signals() -> list[int]:
    """Return the signals by which a system, a scheduler or a person says that time is up.

    submitit sends SIGUSR2, of old SIGUSR1. Not every system has all of them.
    """
    names = ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def stay_off_accelerators() -> None:
    """Keep the JAX of a process that prepares data off the devices that another trains on."""
    jax.config.update("jax_platforms", "cpu")


def begin(*_: object) -> None:
    """Keep to the processor, and end when the process that started this one ends, however.

    What is being written then is taken away. Signals to end often go to every process of a program:
    the one that started this one decides.
    """
    stay_off_accelerators()
    hang_up = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
    for number in [*stop_signals(), *hang_up]:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_leave, args=(parent,), daemon=True).start()


def _wait_and_leave(parent: object) -> None:
    parent.join()  # type: ignore[attr-defined]
    remove_unfinished()
    os._exit(1)

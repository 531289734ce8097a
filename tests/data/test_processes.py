"""Processes that work for another one."""

import os
import signal
import time

import pytest

from diffmst_jax.data.processes import FEWEST_ITEMS, work_through


def signalled(number: int) -> int:
    """Get a signal, as from a scheduler that sends it to every process of a run."""
    os.kill(os.getpid(), number)
    time.sleep(0.02)
    return number


def test_they_leave_signals_to_the_process_they_work_for():
    numbers = [signal.SIGINT, signal.SIGTERM] * (FEWEST_ITEMS // 2)
    answers = work_through(signalled, numbers, processes=2)
    assert sorted(answer for _, answer in answers) == sorted(numbers)


def test_an_error_in_one_is_an_error_here():
    with pytest.raises(ValueError, match="invalid literal"):
        list(work_through(int, ["1"] * FEWEST_ITEMS + ["one"], processes=2))


def process_of(number: int) -> int:
    del number
    return os.getpid()


@pytest.mark.parametrize(("items", "elsewhere"), [(1, False), (2, True)])
def test_others_are_started_for_as_many_items_as_are_worth_it(items, elsewhere):
    answers = list(work_through(process_of, range(items), processes=2, fewest=2))
    assert len(answers) == items
    assert all((process != os.getpid()) is elsewhere for _, process in answers)

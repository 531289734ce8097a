"""Processes that work for another one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diffmst_jax.data.processes import FEWEST_ITEMS, work_through
from diffmst_jax.files import written_beside


def signalled(number: int) -> int:
    """Get a signal, as from a scheduler that sends it to every process of a run."""
    os.kill(os.getpid(), number)
    time.sleep(0.02)
    return number


def test_they_leave_signals_to_the_process_they_work_for():
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] * FEWEST_ITEMS
    answers = work_through(signalled, numbers, processes=2)
    assert sorted(answer for _, answer in answers) == sorted(numbers)


def test_an_error_in_one_is_an_error_here():
    with pytest.raises(ValueError, match="invalid literal"):
        list(work_through(int, ["1"] * FEWEST_ITEMS + ["one"], processes=2))


def writes(path: Path) -> None:
    """Begin to write a file, and be at it for longer than the other process lives."""
    with written_beside(path) as temporary:
        temporary.touch()
        time.sleep(60)


KILLED = """
import signal, sys
from pathlib import Path
from diffmst_jax.data.processes import work_through
from tests.data.test_processes import writes

if __name__ == "__main__":
    list(work_through(writes, [Path(sys.argv[1])], processes=2, fewest=1))
"""


def test_they_take_what_they_write_away_when_that_process_is_killed(tmp_path):
    program, folder = tmp_path / "killed.py", tmp_path / "folder"
    program.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(program), str(folder / "a.wav")], env=environment
    ) as process:
        wait_for(folder.exists)
        process.kill()
    wait_for(lambda: not folder.exists())


def wait_for(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def process_of(number: int) -> int:
    del number
    return os.getpid()


@pytest.mark.parametrize(("items", "elsewhere"), [(1, False), (2, True)])
def test_others_are_started_for_as_many_items_as_are_worth_it(items, elsewhere):
    answers = list(work_through(process_of, range(items), processes=2, fewest=2))
    assert len(answers) == items
    assert all((process != os.getpid()) is elsewhere for _, process in answers)

"""What a person sees on the terminal while a run goes on."""

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY_S = 60.0
"""How often a file or pipe is told how far work is."""


class Display:
    """A progress bar per kind of work; on anything but a terminal, a line now and then."""

    def __init__(self, console: Console):
        self.console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._last_line = Pace()

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def report(self, what: str, done: int, total: int, note: str = "") -> None:
        """Move the bar named `what`; where there are none, say now and then how far it is."""
        if not self.console.is_terminal and self._last_line.elapsed_s >= LINE_EVERY_S:
            self._last_line = Pace()
            self.say(f"{what} {done}/{total}{note and ', '}{note}")
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, note=note)
        self._progress.update(self._tasks[what], completed=done, total=total, note=note)

    def say(self, line: str) -> None:
        """Print one line that stays."""
        self.console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)


class Pace:
    """Seconds since the start, and since the last look."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since this object was made."""
        return time.monotonic() - self._start

    def lap(self) -> float:
        """Return the seconds since the last call, or since the start."""
        now = time.monotonic()
        passed, self._last = max(now - self._last, 1e-9), now
        return passed

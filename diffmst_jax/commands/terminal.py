"""What commands show: lines on standard output, a progress bar on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from diffmst_jax.names import legible

Tell = Callable[[str, float], None]
"""Takes the stage under way and the fraction of the whole job that is done."""


def output() -> Console:
    """Return standard output; long lines stay lines, so that they can be piped and pasted.

    Names are shown as they are, whatever brackets and colons mean to rich.
    """
    return Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """Print one line on standard output as it is, but `legible`."""
    output().print(legible(text))


@contextmanager
def progress() -> Iterator[Tell]:
    """Show a bar while a command works; it is gone afterwards, and never in a pipe or a log."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    disable = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as bar:
        task = bar.add_task("Starting", total=1.0)

        def tell(stage: str, done: float) -> None:
            bar.update(task, description=stage, completed=done)

        yield tell

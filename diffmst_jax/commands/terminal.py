"""What commands show: lines on standard output, a progress bar on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from diffmst_jax.errors import InputError
from diffmst_jax.names import legible
from diffmst_jax.progress import Tell


def show(what: RenderableType) -> None:
    """Print on standard output; long lines stay lines, so that they can be piped and pasted.

    Names are shown as they are, whatever brackets and colons mean to rich.

    Raises:
        InputError: standard output takes nothing, as a file on a full disk.
    """
    console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
    try:
        console.print(what)
    except BrokenPipeError:  # somebody has read enough
        raise
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise InputError("standard output", problem, "send it elsewhere or make room") from error


def say(text: str) -> None:
    """Print lines on standard output as they are, but `legible`."""
    show("\n".join(legible(line) for line in text.split("\n")))


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

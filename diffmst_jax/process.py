"""How the program behaves as a process: quiet libraries, kept compilations, an end on signals."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

from diffmst_jax.errors import InputError
from diffmst_jax.files import remove_unfinished
from diffmst_jax.places import cache_folder

EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
STOPPED = "diffmst: stopped, nothing was written\n"
STOPPED_ON_THE_WAY = "diffmst: stopped; what is done is kept, run it again to go on\n"
KEPT_IN = "JAX_COMPILATION_CACHE_DIR"
KEPT_FROM_S = "0.2"
"""Compilations that took less are not worth keeping; a text, for it goes to the environment."""
SHOW_CURSOR_ON_CLEAN_LINE = "\x1b[?25h\r\x1b[2K"


@contextmanager
def as_program(stopped: str) -> Iterator[TextIO]:
    """Own the process while a command runs; gives the stream to report errors on.

    Signals to end are answered with `stopped`.

    Where standard error is not the process's own (in a test, in a notebook) or the caller is not
    the main thread, nothing changes: then this is a function call, not a program.
    """
    is_main_thread = threading.current_thread() is threading.main_thread()
    if sys.stderr is None or sys.stderr is not sys.__stderr__ or not is_main_thread:
        yield sys.stderr
        return
    keep_compilations()
    with _libraries_silenced() as stderr, _signals_end_at_once(stderr, stopped):
        yield stderr


def open_streams() -> None:
    """Let what is said reach whoever listens, or nobody: it is no reason for work to fail.

    A stream that was closed before the program started (`>&-`) takes everything. Characters that
    the encoding of standard output lacks are said as question marks.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nobody = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
            setattr(sys, name, nobody)
            setattr(sys, f"__{name}__", nobody)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def keep_compilations() -> None:
    """Let JAX keep what it compiled for the next run, which then starts in half the time.

    The place is `diffmst` in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`), or what
    `JAX_COMPILATION_CACHE_DIR` says already. To take effect it has to come before JAX is imported.
    """
    folder = cache_folder()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        os.environ.setdefault(KEPT_IN, str(folder))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", KEPT_FROM_S)


def check_kept() -> None:
    """See that compilations are kept.

    Raises:
        InputError: their place cannot be written to.
    """
    if KEPT_IN not in os.environ:
        remedy = "set XDG_CACHE_HOME to a folder that can be written to"
        folder = cache_folder()
        if folder is None:
            raise InputError("~/.cache", "is nowhere without a home, so nothing is kept", remedy)
        raise InputError(folder, "cannot be written to, so nothing is kept", remedy)


@contextmanager
def end_answered(answer: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Answer the signals that end a command: Ctrl-C, SIGTERM, and SIGHUP but under nohup."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has all of them
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ignored = [n for n in numbers[1:] if signal.getsignal(n) == signal.SIG_IGN]
    before = {n: signal.signal(n, answer) for n in numbers if n not in ignored}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _libraries_silenced() -> Iterator[TextIO]:
    """Keep C libraries off standard error, where MP3 decoders chat; Python still writes there."""
    before = sys.stderr
    before.flush()
    own = os.dup(before.fileno())
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, before.fileno())
    os.close(silence)
    sys.stderr = os.fdopen(own, "w", buffering=1, encoding="utf-8", errors="replace")
    try:
        yield sys.stderr
    finally:
        sys.stderr.flush()
        os.dup2(own, before.fileno())
        sys.stderr.close()
        sys.stderr = before


@contextmanager
def _signals_end_at_once(stderr: TextIO, stopped: str) -> Iterator[None]:
    """Take away what is being written and leave, instead of unwinding through native code.

    A `KeyboardInterrupt` in the midst of importing or compiling can crash the process on its way
    out.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        del frame
        remove_unfinished()
        with suppress(OSError):  # the terminal may be gone
            stderr.write((SHOW_CURSOR_ON_CLEAN_LINE if stderr.isatty() else "") + stopped)
            stderr.flush()
        os._exit(128 + number)

    with end_answered(leave):
        yield

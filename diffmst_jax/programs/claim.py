"""A lock on the folder of a run, so that two runs never write into the same one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from diffmst_jax.errors import InputError
from diffmst_jax.files import remove_left_behind
from diffmst_jax.programs.argument import argument

try:
    import fcntl
except ImportError:  # Windows has other locks; by default, folders have other names anyway
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = ".lock"


@contextmanager
def claimed(folder: Path, holds_run: Callable[[Path], bool] | None) -> Iterator[None]:
    """Keep a folder, which is made if need be, to this process while a run goes on in it.

    The lock is the system's and ends with the process, however that ends, so a run that was killed
    before it had anything to go on from is in nobody's way.

    Args:
      folder: of the run.
      holds_run: says of the folder of a new run whether there is one in it to go on with, or to
        use; None to go on with what is there, but for what it was writing when it was killed.

    Raises:
      InputError: it holds a run, or another process has it, or it cannot be written to.
    """
    lock = folder / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        problem = f"cannot be written to ({error.strerror})"
        raise InputError(folder, problem, "give another hydra.run.dir") from error
    try:
        if not _is_ours(handle, lock):
            problem = "is in use by another run, which began at the same time or still goes on"
            raise InputError(folder, problem, "give another hydra.run.dir, or wait for it")
        try:
            if holds_run is not None and holds_run(folder):
                remedy = (
                    f"go on with {argument('resume', str(folder))}, or give another hydra.run.dir"
                )
                raise InputError(folder, "holds a run already", remedy)
            if holds_run is None:
                remove_left_behind(folder)
            yield
        finally:
            with suppress(PermissionError):  # Windows keeps what is open
                lock.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _is_ours(handle: int, lock: Path) -> bool:
    """Lock an open file; False if another process has it, or had it and took it away meanwhile."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # there are no locks on this disk
    try:
        return os.path.samestat(os.fstat(handle), lock.stat())
    except FileNotFoundError:
        return False

"""Whether a path is a file, a folder or nothing, even if a folder on the way may not be entered.

`Path.exists` and its like raise there, so a drive with `lost+found` in it would end a program.
"""

import os
import stat
from pathlib import Path

from diffmst_jax.errors import InputError


def status(path: Path) -> os.stat_result | None:
    """Ask the system about a path; None where nothing is.

    Raises:
        InputError: the path cannot be reached.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for a null character
        return None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its rights") from error


def existing(path: Path) -> os.stat_result:
    """Ask the system about what has to be there.

    Raises:
        InputError: nothing is there, or it cannot be reached.
    """
    found = status(path)
    if found is not None:
        return found
    if path.is_symlink():
        raise InputError(path, "is a link to what is not there", "restore that or remove it")
    raise InputError(path, "does not exist", "check the name")


def is_there(path: Path) -> bool:
    """Whether something is there that can be reached."""
    return _mode(path) is not None


def is_file(path: Path) -> bool:
    """Whether it is a file that can be reached, though perhaps not read."""
    return stat.S_ISREG(_mode(path) or 0)


def is_folder(path: Path) -> bool:
    """Whether it is a folder that can be reached, though perhaps not entered."""
    return stat.S_ISDIR(_mode(path) or 0)


def _mode(path: Path) -> int | None:
    try:
        found = status(path)
    except InputError:
        return None
    return None if found is None else found.st_mode

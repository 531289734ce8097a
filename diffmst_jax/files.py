"""Writing that never leaves half a file: everything is written beside its place, then renamed.

What is being written is on a list while it is, so that a program that must end at once, without
unwinding, can still take it away: `remove_unfinished`.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from diffmst_jax.errors import InputError
from diffmst_jax.reaching import is_folder, is_there

LONGEST_STEM = 32
"""Of a temporary name, which has to fit where the longest name does: 255 bytes."""


PARTIAL = ".partial"


class _Unfinished(NamedTuple):
    temporary: Path
    made: list[Path]  # parent folders that were not there before, innermost first


_unfinished: list[_Unfinished] = []


@contextmanager
def written_beside(path: str | Path) -> Iterator[Path]:
    """Give a temporary path next to `path`; on success it becomes `path`, else it is removed.

    The rename is atomic, so a reader sees the old file or the whole new one, also when several
    write it at once. The temporary name ends in the suffix of `path`, because writers choose
    their format by it. Missing parent folders are made.

    Raises:
        InputError: the place cannot be written to, or the disk is full.
    """
    path = Path(path)
    if is_folder(path):
        raise InputError(path, "is a folder", "give the name of a file to write")
    made = _make_parents(path.parent)
    temporary = path.with_name(
        f".{path.stem[:LONGEST_STEM]}.{secrets.token_hex(6)}{PARTIAL}{path.suffix}"
    )
    with _listed(_Unfinished(temporary, made), path):
        yield temporary
        _allow_like_new_file(temporary)
        temporary.replace(path)


@contextmanager
def folder_written_beside(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder; on success its files move into `folder`, else nothing is left.

    Files that `folder` holds already stay, except those of the same name, which are replaced
    one rename each once all of them are complete.

    Raises:
        InputError: the place cannot be written to, or the disk is full.
    """
    folder = Path(folder)
    check_folder(folder)
    made = _make_parents(folder.parent)
    # Inside a folder that is there, for what is above it may be read-only or another disk.
    beside = folder if folder.exists() else folder.parent
    try:
        prefix = f".{folder.name[:LONGEST_STEM]}."
        temporary = Path(tempfile.mkdtemp(prefix=prefix, suffix=PARTIAL, dir=beside))
    except OSError as error:
        _remove_folders(made)
        raise _cannot_write(folder, error) from error
    with _listed(_Unfinished(temporary, made), folder):
        yield temporary
        for item in (temporary, *temporary.iterdir()):
            _allow_like_new_file(item)
        if not folder.exists():
            temporary.rename(folder)
            return
        for item in sorted(temporary.rglob("*")):
            place = folder / item.relative_to(temporary)
            if item.is_dir():
                place.mkdir(exist_ok=True)
            else:
                item.replace(place)
        shutil.rmtree(temporary)


@contextmanager
def appending(path: str | Path) -> Iterator[None]:
    """While more is written to what is there already, say in one line why it cannot be.

    Raises:
        InputError: the place cannot be written to, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise _cannot_write(Path(path), error) from error


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all.

    Raises:
        InputError: the place cannot be written to, or the disk is full.
    """
    with written_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_folder(folder: str | Path) -> None:
    """See before any work is done that results can go into a folder, existing or not.

    Raises:
        InputError: it is a file, or it cannot be written to.
    """
    folder = Path(folder)
    if is_there(folder) and not is_folder(folder):
        raise InputError(folder, "is a file, not a folder", "give another folder to write to")
    existing = next(parent for parent in (folder, *folder.absolute().parents) if is_there(parent))
    if not is_folder(existing) or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(folder, "cannot be written", "choose another place")


def free_name(name: str, taken: Container[str]) -> str:
    """Add a number to a name that is taken, upper and lower case alike: `kick (2).wav`.

    Args:
        name: what it should be called.
        taken: the names in use, case-folded.
    """
    path = PurePosixPath(name)
    count, candidate = 1, name
    while candidate.casefold() in taken:
        count += 1
        candidate = f"{path.stem} ({count}){path.suffix}"
    return candidate


def remove_unfinished() -> None:
    """Take away everything that is being written at the moment, by whomever."""
    while _unfinished:
        _remove(_unfinished.pop())


def remove_left_behind(folder: Path) -> None:
    """Take away what a program that was killed was writing; no other may be writing there."""
    for path in [*folder.rglob(f".*{PARTIAL}*")]:
        _remove(_Unfinished(path, []))


@contextmanager
def _listed(unfinished: _Unfinished, place: Path) -> Iterator[None]:
    """Keep something on the list while it is written, and remove it if that fails."""
    _unfinished.append(unfinished)
    try:
        yield
    except OSError as error:
        _remove(unfinished)
        raise _cannot_write(place, error) from error
    except InputError as error:
        _remove(unfinished)
        if not Path(error.path).is_relative_to(unfinished.temporary):
            raise
        wanted = place / Path(error.path).relative_to(unfinished.temporary)
        raise InputError(wanted, error.problem, error.remedy) from error
    except BaseException:
        _remove(unfinished)
        raise
    finally:
        if unfinished in _unfinished:
            _unfinished.remove(unfinished)


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder and its parents; returns the ones that were missing, innermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not is_there(parent)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return missing


def _remove(unfinished: _Unfinished) -> None:
    """Remove what was written so far, and the folders that were made for it if now empty."""
    with suppress(OSError):
        if unfinished.temporary.is_dir():
            shutil.rmtree(unfinished.temporary)
        else:
            unfinished.temporary.unlink()
    _remove_folders(unfinished.made)


def _remove_folders(made: list[Path]) -> None:
    """Remove those that are empty, innermost first."""
    for folder in made:
        with suppress(OSError):
            folder.rmdir()


def _allow_like_new_file(path: Path) -> None:
    """Undo the private mode that temporary files may carry: apply the user's own umask."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def _cannot_write(path: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    return InputError(path, f"cannot be written ({reason})", "choose another place or make room")

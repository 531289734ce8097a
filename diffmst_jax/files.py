"""Writing that never leaves half a file: everything is written beside its place, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from diffmst_jax.errors import InputError


@contextmanager
def written_beside(path: str | Path) -> Iterator[Path]:
    """Give a temporary path next to `path`; on success it becomes `path`, else it is removed.

    The rename is atomic, so a reader sees the old file or the whole new one. The temporary
    name ends in the suffix of `path`, because writers choose their format by it. Missing
    parent folders are made.

    Raises:
        InputError: the place cannot be written to, or the disk is full.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(path, "is a folder", "give the name of a file to write")
    made = _make_parents(path.parent)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        _allow_like_new_file(temporary)
        temporary.replace(path)
    except OSError as error:
        _remove(temporary, made)
        raise _cannot_write(path, error) from error
    except BaseException:
        _remove(temporary, made)
        raise


@contextmanager
def folder_written_beside(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder; on success its files move into `folder`, else nothing is left.

    Files that `folder` holds already stay, except those of the same name, which are replaced
    one rename each once all of them are complete.

    Raises:
        InputError: the place cannot be written to, or the disk is full.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(folder, "is a file, not a folder", "give another folder to write to")
    made = _make_parents(folder.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        _remove(None, made)
        raise _cannot_write(folder, error) from error
    try:
        yield temporary
        folder.mkdir(exist_ok=True)
        for item in sorted(temporary.iterdir()):
            _allow_like_new_file(item)
            item.replace(folder / item.name)
        temporary.rmdir()
    except OSError as error:
        _remove(temporary, made)
        raise _cannot_write(folder, error) from error
    except BaseException:
        _remove(temporary, made)
        raise


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder and its parents; returns the ones that were missing, innermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return missing


def _remove(temporary: Path | None, made: list[Path]) -> None:
    """Remove what was written so far, and the folders that were made for it if now empty."""
    with suppress(OSError):
        if temporary is not None and temporary.is_dir():
            shutil.rmtree(temporary)
        elif temporary is not None:
            temporary.unlink()
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

"""No result may take the place of what it is made from."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from diffmst_jax.errors import InputError

ANOTHER_FOLDER = "give --out another folder"


def check_apart(written: Sequence[Path], read: Iterable[Path], *, remedy: str) -> None:
    """See before any work that nothing is written over what is read, or over another result.

    Files are told apart as the system does it, so neither a link nor the case of a letter hides
    that two names are one file.

    Args:
        written: files that will be written, existing or not.
        read: tracks, references and settings.
        remedy: what the user can do, as in `InputError`.

    Raises:
        InputError: names the file.
    """
    sources = {_identity(path) for path in read}
    taken = set()
    for path in written:
        identity = _identity(path)
        if identity in sources:
            raise InputError(path, "is read here and would be written over", remedy)
        if identity in taken:
            raise InputError(path, "would be written twice", "give each result a name of its own")
        taken.add(identity)


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return path.resolve()
    return status.st_dev, status.st_ino

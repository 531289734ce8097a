"""No result may take the place of what it is made from, or be taken for a part of it later."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from diffmst_jax.errors import InputError
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME, Source, is_place_of_tracks
from diffmst_jax.reaching import is_folder

ANOTHER_FOLDER = "give --out another folder"


def check_apart(written: Sequence[Path], read: Iterable[Path], *, remedy: str) -> None:
    """See before any work that no result has the place of what is read, of another or of a folder.

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
        if is_folder(path):
            raise InputError(path, "is a folder", remedy)
        identity = _identity(path)
        if identity in sources:
            raise InputError(path, "is read here and would be written over", remedy)
        if identity in taken:
            raise InputError(path, "would be written twice", "give each result a name of its own")
        taken.add(identity)


def check_not_among_tracks(written: Sequence[Path], tracks: Source) -> None:
    """See before any work that no result would be a track the next time the song is mixed.

    Args:
        written: files that will be written, existing or not.
        tracks: as for `find_tracks`; files that are named one by one have no such place.

    Raises:
        InputError: names the file.
    """
    if not isinstance(tracks, str | Path) or not is_folder(Path(tracks)):
        return
    # With its settings beside it, a mix in a subfolder is known for what it is.
    known = {path.parent for path in written if path.name == CONSOLE_FILE_NAME}
    for path in written:
        is_known = path.parent in known and path.resolve().parent != Path(tracks).resolve()
        if not is_known and is_place_of_tracks(path, Path(tracks)):
            problem = "would be taken for a track of the song from then on"
            raise InputError(path, problem, "give --out a place outside the folder of the tracks")


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return path.resolve()
    return status.st_dev, status.st_ino

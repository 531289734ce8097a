"""Which files a song is made of: found in folders, named by patterns, asked for by strips."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from diffmst_jax.audio import AUDIO_SUFFIXES, audio_files
from diffmst_jax.errors import InputError

CONSOLE_FILE_NAME = "console.json"

Patterns = str | Sequence[str]
"""One pattern of file names, or several; see `matches`."""


def find_tracks(source: str | Path | Sequence[str | Path]) -> tuple[Path, list[Path]]:
    """Find the audio files of one song.

    Args:
        source: a folder (its files, then those of its subfolders, one level down), one file,
            or several files. A subfolder that holds a `console.json` is the result of an
            earlier mix and is passed over.

    Returns:
        The folder that names are relative to, and the files.

    Raises:
        InputError: nothing there, or no audio in it.
    """
    if isinstance(source, str | Path) and not Path(source).is_file():
        return Path(source), _find_in_folder(Path(source))
    files = [Path(source)] if isinstance(source, str | Path) else [Path(item) for item in source]
    if not files:
        raise InputError("tracks", "no file was given", "give a folder or some audio files")
    parents = {file.resolve().parent for file in files}
    base = parents.pop() if len(parents) == 1 else _common_parent(parents)
    resolved = [file.resolve() for file in files]
    if len(set(resolved)) < len(resolved):
        twice = next(file for file in files if resolved.count(file.resolve()) > 1)
        raise InputError(twice, "was given twice", "give each track once")
    return base, resolved


def is_place_of_tracks(path: Path, folder: Path) -> bool:
    """Whether `find_tracks(folder)` would take a file at `path` for a track."""
    place, folder = path.resolve().parent, folder.resolve()
    is_audio = path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    return is_audio and (place == folder or (place.parent == folder and _holds_tracks(place)))


def matches(file: str, patterns: Patterns) -> bool:
    """Whether a file is meant by one of the patterns: `*` and `?` as in a shell, case ignored.

    A pattern stands for the whole path, the file name, or the file name without its ending.
    """
    path = PurePosixPath(file.casefold())
    names = (str(path), path.name, path.stem)
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(name, p.casefold()) for p in listed for name in names)


def check_patterns(option: str, patterns: Patterns, files: Sequence[str]) -> None:
    """Require that each pattern means a track: a slip in one would go unnoticed.

    Raises:
        InputError: one matches no file; names it and the option.
    """
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if not any(matches(file, pattern) for file in files):
            problem = f"matches no track ({', '.join(files)})"
            raise InputError(f"{option} {pattern!r}", problem, "use * for any characters")


def _find_in_folder(folder: Path) -> list[Path]:
    files = audio_files(folder)
    subfolders = [item for item in folder.iterdir() if item.is_dir()]
    for subfolder in sorted(subfolders, key=lambda item: item.name):
        if _holds_tracks(subfolder):
            files += audio_files(subfolder)
    if not files:
        raise InputError(
            folder, "holds no audio files", "give a folder of WAV, FLAC, MP3, OGG or AIFF"
        )
    return files


def _holds_tracks(subfolder: Path) -> bool:
    return not subfolder.name.startswith(".") and not (subfolder / CONSOLE_FILE_NAME).exists()


def _common_parent(folders: Iterable[Path]) -> Path:
    parents = [[*reversed(folder.parents), folder] for folder in folders]
    return [level[0] for level in zip(*parents, strict=False) if len(set(level)) == 1][-1]

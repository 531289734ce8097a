"""Which files a song is made of: found in folders, named by patterns, asked for by strips."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from diffmst_jax.audio import audio_files, has_audio_name
from diffmst_jax.errors import InputError
from diffmst_jax.names import legible, one_spelling
from diffmst_jax.reaching import is_file, is_folder, is_there, status

CONSOLE_FILE_NAME = "console.json"

OTHER_AUDIO_SUFFIXES = (
    *(".aac", ".aifc", ".au", ".bwf", ".caf", ".m4a", ".mp2", ".oga", ".opus", ".rf64", ".w64"),
    *(".wave", ".wma", ".wv"),
)
"""Endings, in lower case, of recordings that folders are not searched for: missing tracks."""

Source = str | Path | Sequence[str | Path]
"""A song on disk: a folder, or files."""

Patterns = str | Sequence[str]
"""One pattern of file names, or several; see `matches`."""


def find_tracks(source: Source) -> tuple[Path, list[Path]]:
    """Find the audio files of one song.

    Args:
        source: a folder (its files, then those of its subfolders, one level down), one file,
            or several files. A subfolder that holds a `console.json` is the result of an
            earlier mix and is passed over, as are `left_out_of_folder`.

    Returns:
        The folder that names are relative to, and the files.

    Raises:
        InputError: nothing there, no audio in it, or one of several files is missing.
    """
    if isinstance(source, str | Path) and not is_file(Path(source)):
        found = tracks_in_folder(Path(source))
        if not found:
            raise InputError(
                source, "holds no audio files", "give a folder of WAV, FLAC, MP3, OGG or AIFF"
            )
        return Path(source), found
    files = [Path(source)] if isinstance(source, str | Path) else [Path(item) for item in source]
    if not files:
        raise InputError("tracks", "no file was given", "give a folder or some audio files")
    for file in files:
        if status(file) is None:
            raise InputError(file, "does not exist", "check the name")
    parents = {file.resolve().parent for file in files}
    base = parents.pop() if len(parents) == 1 else _common_parent(parents)
    resolved = [file.resolve() for file in files]
    if len(set(resolved)) < len(resolved):
        twice = next(file for file in files if resolved.count(file.resolve()) > 1)
        raise InputError(twice, "was given twice", "give each track once")
    return base, resolved


def files_by_name(base: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Name files as everything that is written about a mix does: in one spelling, from `base` on.

    Raises:
        InputError: two would have one name.
    """
    named: dict[str, Path] = {}
    for file in files:
        name = one_spelling(file.relative_to(base).as_posix())
        if name in named:
            raise InputError(file, "is the name of another file, too, as it is shown", "rename it")
        named[name] = file
    return named


def left_out_of_folder(source: Source) -> dict[str, str]:
    """Name the subfolders and recordings that `find_tracks` does not take, and say why.

    Some subfolders may not be entered, so that nobody knows whether they hold tracks (`lost+found`,
    at the root of a drive), and some lie in other subfolders; recordings may have another format.
    Files that are given one by one have none.
    """
    if not isinstance(source, str | Path) or not is_folder(Path(source)):
        return {}
    reasons = {}
    searched = [Path(source)]
    for folder, found in _groups(Path(source)):
        if isinstance(found, InputError):
            reasons[legible(folder.name)] = "it may not be entered"
            continue
        searched.append(folder)
        for inner, audio in _groups(folder):
            if isinstance(audio, list) and audio:
                name = legible(inner.relative_to(source).as_posix())
                reasons[name] = "it lies in another subfolder; move its tracks up"
    for file in sorted(item for folder in searched for item in folder.iterdir()):
        if file.suffix.lower() in OTHER_AUDIO_SUFFIXES and not file.name.startswith("."):
            name = legible(file.relative_to(source).as_posix())
            reasons[name] = "it is no WAV, FLAC, MP3, OGG or AIFF by its name; export it as one"
    return reasons


def is_place_of_tracks(path: Path, folder: Path) -> bool:
    """Whether `find_tracks(folder)` would take a file at `path` for a track."""
    place, folder = path.resolve().parent, folder.resolve()
    is_group = place.parent == folder and _holds_tracks(place)
    return has_audio_name(path) and (place == folder or is_group)


def pattern_list(patterns: Patterns) -> tuple[str, ...]:
    """All of the patterns, in one spelling."""
    listed = [patterns] if isinstance(patterns, str) else patterns
    return tuple(one_spelling(pattern) for pattern in listed)


def matches(file: str, patterns: Patterns) -> bool:
    """Whether a file is meant by one of the patterns: `*` and `?` as in a shell, case ignored.

    A pattern stands for the whole path, the file name, or the file name without its ending; of
    names that are no text, as typed or as shown.
    """
    path = PurePosixPath(one_spelling(file).casefold())
    names = (str(path), path.name, path.stem)
    listed = pattern_list(patterns)
    return any(fnmatchcase(name, pattern.casefold()) for pattern in listed for name in names)


def check_patterns(option: str, patterns: Patterns, files: Sequence[str]) -> None:
    """Require that each pattern means a track: a slip in one would go unnoticed.

    Raises:
        InputError: one matches no file; names it and the option.
    """
    listed = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(listed, Iterable) or not all(isinstance(item, str) for item in listed):
        raise InputError(option, f"is {patterns!r}", "give a pattern of names, or several")
    for pattern in listed:
        if not any(matches(file, pattern) for file in files):
            problem = f"matches no track ({', '.join(files)})"
            raise InputError(f"{option} {pattern!r}", problem, "use * for any characters")


def tracks_in_folder(folder: Path) -> list[Path]:
    """Find what `find_tracks` does in a folder, which may hold nothing.

    Raises:
        InputError: it may not be entered, or holds nothing but subfolders that may not be.
    """
    files = audio_files(folder)
    closed = []
    for _, found in _groups(folder):
        if isinstance(found, InputError):
            closed.append(found)
        else:
            files += found
    if closed and not files:
        raise closed[0]
    return files


def _groups(folder: Path) -> Iterator[tuple[Path, list[Path] | InputError]]:
    """Yield subfolders with their audio files, or with what keeps one from looking into them."""
    subfolders = [item for item in folder.iterdir() if is_folder(item)]
    for subfolder in sorted(subfolders, key=lambda item: item.name):
        if _holds_tracks(subfolder):
            try:
                yield subfolder, audio_files(subfolder)
            except InputError as error:
                yield subfolder, error


def _holds_tracks(subfolder: Path) -> bool:
    return not subfolder.name.startswith(".") and not is_there(subfolder / CONSOLE_FILE_NAME)


def _common_parent(folders: Iterable[Path]) -> Path:
    parents = [[*reversed(folder.parents), folder] for folder in folders]
    return [level[0] for level in zip(*parents, strict=False) if len(set(level)) == 1][-1]

"""What the adapters share: looking through folders, and metadata files that may be damaged."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml

from diffmst_jax.audio import has_audio_name, natural_key
from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError
from diffmst_jax.reaching import is_folder

T = TypeVar("T")

# Folders that archives and systems leave behind, which hold no songs.
IGNORED_FOLDERS = ("__MACOSX", "System Volume Information", "lost+found")


class TrackMaker(Protocol):
    """Makes the record of one file; reads its header unless `duration_s` is known already."""

    def __call__(
        self,
        path: Path,
        *,
        instrument: str = "",
        artist: str = "",
        duration_s: float | None = None,
    ) -> Track:
        """Return the record of `path`."""
        ...


class Layout(Protocol):
    """How one corpus lies on disk: a module of this package."""

    def recognises(self, root: Path) -> bool:
        """Tell whether `root` is certainly laid out like this."""
        ...

    def songs(self, root: Path, track: TrackMaker) -> Iterator[Song]:
        """Yield the songs that have raw tracks."""
        ...

    def mixes(self, root: Path, track: TrackMaker) -> Iterator[Track]:
        """Yield the finished mixes."""
        ...


def subfolders(folder: Path) -> list[Path]:
    """List the folders in a folder, hidden and ignored ones left out, in natural order."""
    try:
        with os.scandir(folder) as items:
            names = [item.name for item in items if _may_hold_songs(item.name) and _is_folder(item)]
    except OSError as error:
        raise InputError(
            folder, f"cannot be read ({error.strerror})", "check its rights"
        ) from error
    return [folder / name for name in sorted(names, key=natural_key)]


def _is_folder(item: "os.DirEntry[str]") -> bool:
    # Only links are asked about: one in a circle, which `is_dir` raises for, leads nowhere, and one
    # to a folder that holds it leads to what is met anyway.
    if item.is_symlink():
        path = Path(item.path)
        return is_folder(path) and not path.parent.resolve().is_relative_to(path.resolve())
    return item.is_dir()


def folders_below(root: Path, depth: int) -> Iterator[Path]:
    """Yield `root` and the folders below it down to `depth` levels, parents first."""
    yield root
    if depth:
        for folder in subfolders(root):
            yield from folders_below(folder, depth - 1)


def audio_below(root: Path) -> list[Path]:
    """List the audio files below a folder, however deep, in natural order.

    Links to folders are followed, but each folder is read once, by its own path where it lies below
    `root`, and links to folders that hold `root` are not.
    """
    found: list[Path] = []
    met = {*root.resolve().parents}
    waiting = [root]
    while waiting:  # links wait until what lies below is read by its own path
        for place, inner, names in os.walk(waiting.pop(0)):
            folder = Path(place)
            real = folder.resolve()
            if real in met:
                inner.clear()
                continue
            met.add(real)
            inner[:] = sorted(name for name in inner if _may_hold_songs(name))
            waiting += [folder / name for name in inner if (folder / name).is_symlink()]
            found += [path for name in names if has_audio_name(path := folder / name)]
    return sorted(found, key=lambda path: natural_key(str(path.relative_to(root))))


def _may_hold_songs(name: str) -> bool:
    return not name.startswith(".") and name not in IGNORED_FOLDERS


def load_mapping(path: Path) -> dict[str, Any]:
    """Read a metadata file, YAML or JSON by its ending, that must hold a mapping.

    Raises:
      InputError: unreadable, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, "cannot be read as metadata", "copy it from the corpus again") from (
            error
        )
    if not isinstance(values, dict):
        raise InputError(path, "holds no metadata", "copy it from the corpus again")
    return values


def in_shape(value: Any, shape: type[T], path: Path) -> T:
    """Return a part of the metadata in `path` that must be of a type.

    Raises:
      InputError: it is of another.
    """
    if not isinstance(value, shape):
        raise InputError(path, "holds metadata of another shape", "copy it from the corpus again")
    return value


def is_yes(value: Any) -> bool:
    """Read a yes or no, which some corpora write as a word and YAML may turn into a bool."""
    return value is True or str(value).strip().lower() in ("yes", "true", "1")


def as_text(value: Any) -> str:
    """Read a word that may be missing or come as a list of words."""
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    return "" if value is None else str(value)


def first_existing(*paths: Path) -> Path | None:
    """Return the first of the files that is there."""
    return next((path for path in paths if path.is_file()), None)


def instrument_from_name(path: Path) -> str:
    """Read an instrument from a file name such as `01_KickIn.wav`, without its number."""
    name = re.sub(r"^[0-9]{1,2}[\s_.\u2013-]+", "", path.stem)
    return name.replace("_", " ").strip() or path.stem

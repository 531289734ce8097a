"""Cambridge-MT ("Mixing Secrets" library): one unpacked archive per song.

    ROOT/Angela Thomas Wade - Milk Cow Blues/01_Kick.wav
    ROOT/AClassicEducation_NightOwl_Full/01_Kick.wav
    ROOT/00358/AClassicEducation_NightOwl_Full/01_Kick.wav        unpacked into folders of their own

A song is any folder that holds numbered audio files, named as in the archive. The artist is what
stands before " - ", or before the first underscore of a name that ends in `_Full`, in the name of
the song's folder or of the nearest one around it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from diffmst_jax.audio import audio_files
from diffmst_jax.data.layouts.common import (
    TrackMaker,
    folders_below,
    instrument_from_name,
    subfolders,
)
from diffmst_jax.data.records import Song, Track

DEPTH = 3
ARCHIVE_NAME = re.compile(r"^(?P<artist>[^_]+)_.+_Full$")


def recognises(root: Path) -> bool:
    """A folder named like an archive of the library, with numbered tracks in it."""
    return any(
        ARCHIVE_NAME.match(folder.name) and _numbered(folder)
        for first in subfolders(root)
        for folder in (first, *subfolders(first))
    )


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield every folder that holds audio."""
    for folder in folders_below(root, DEPTH):
        paths = audio_files(folder) if folder != root else []
        if paths:
            tracks = tuple(track(path, instrument=instrument_from_name(path)) for path in paths)
            yield Song(_song_name(root, folder), tracks, folder, artist=_artist(root, folder))


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield nothing: the library has no finished mixes beside its tracks."""
    del root, track
    yield from ()


def _numbered(folder: Path) -> bool:
    return any(re.match(r"[0-9]{2}_", path.name) for path in audio_files(folder))


def _song_name(root: Path, folder: Path) -> str:
    """Name a song by the outermost folder that holds it alone."""
    first = folder.relative_to(root).parts[0]
    alone = sum(1 for item in folders_below(root / first, DEPTH - 1) if audio_files(item)) == 1
    return first if alone else folder.relative_to(root).as_posix()


def _artist(root: Path, folder: Path) -> str:
    """Return the artist by the innermost folder below the root that names one."""
    names = reversed(folder.relative_to(root).parts)
    return next((artist for name in names if (artist := _artist_in(name))), "")


def _artist_in(name: str) -> str:
    match = ARCHIVE_NAME.match(name)
    if match:
        return match["artist"]
    return name.split(" - ", maxsplit=1)[0].strip() if " - " in name else ""

"""MoisesDB: songs by identifier, raw tracks in one folder per kind of stem.

    ROOT/[moisesdb_v0.1/]
      b2a1.../
        data.json      artist, song, genre,
                       stems: [{stemName, tracks: [{id, trackType, extension}]}]
        drums/5c0d....wav
        vocals/...

There are no finished mixes. Tracks that are listed but missing are left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffmst_jax.data.layouts.common import (
    TrackMaker,
    as_text,
    folders_below,
    in_shape,
    load_mapping,
)
from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError
from diffmst_jax.reaching import is_file

METADATA = "data.json"
DEPTH = 2


def recognises(root: Path) -> bool:
    """A song folder whose metadata list stems."""
    return any(_lists_stems(folder / METADATA) for folder in _song_folders(root))


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield the songs with the tracks that are there."""
    for folder in _song_folders(root):
        metadata = load_mapping(folder / METADATA)
        tracks = tuple(_tracks(folder, metadata, track))
        if tracks:
            yield Song(folder.name, tracks, folder, artist=as_text(metadata.get("artist")))


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield nothing: the corpus has no finished mixes."""
    del root, track
    yield from ()


def _song_folders(root: Path) -> Iterator[Path]:
    for folder in folders_below(root, DEPTH):
        if is_file(folder / METADATA):
            yield folder


def _lists_stems(path: Path) -> bool:
    try:
        return isinstance(load_mapping(path).get("stems"), list)
    except InputError:  # some other program's data.json
        return False


def _tracks(folder: Path, metadata: dict[str, Any], track: TrackMaker) -> Iterator[Track]:
    source = folder / METADATA
    for item in in_shape(metadata.get("stems") or [], list, source):
        stem = in_shape(item, dict, source)
        for listed in in_shape(stem.get("tracks") or [], list, source):
            entry = in_shape(listed, dict, source)
            name = f"{as_text(entry.get('id'))}.{as_text(entry.get('extension')) or 'wav'}"
            path = folder / as_text(stem.get("stemName")) / name
            if path.is_file():
                yield track(
                    path,
                    instrument=as_text(entry.get("trackType") or stem.get("stemName")),
                )

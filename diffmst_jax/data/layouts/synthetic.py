"""A corpus of `diffmst data synthesize`: songs, and a finished mix of each by the same name.

ROOT/manifest.json
ROOT/songs/song_00000/kick_in.flac
ROOT/references/song_00000.flac
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from diffmst_jax.data.layouts import folders
from diffmst_jax.data.layouts.common import TrackMaker
from diffmst_jax.data.records import Song, Track

MANIFEST = "manifest.json"
MIX_SUFFIX = ".flac"


def recognises(root: Path) -> bool:
    """A manifest beside the songs."""
    return (root / MANIFEST).is_file() and (root / folders.SONGS_FOLDER).is_dir()


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield the songs with their mixes."""
    for song in folders.songs(root, track):
        path = root / folders.REFERENCES_FOLDER / f"{song.name}{MIX_SUFFIX}"
        yield dataclasses.replace(song, mix=track(path) if path.is_file() else None)


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield the finished mixes."""
    yield from folders.mixes(root, track)

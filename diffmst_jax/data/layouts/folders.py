"""Folder of folders: each subfolder is a song, each audio file in it a track.

    ROOT/song/track.wav          or          ROOT/songs/song/track.wav
    ROOT/any/where/mix.mp3                   ROOT/references/mix.mp3

A root that holds `songs/` or `references/` stands for them; its `references/` is never a song. Any
finished mixes are every audio file below the root, however deep.
"""

from collections.abc import Iterator
from pathlib import Path

from diffmst_jax.audio import audio_files
from diffmst_jax.data.layouts.common import (
    TrackMaker,
    audio_below,
    instrument_from_name,
    subfolders,
)
from diffmst_jax.data.records import Song, Track

SONGS_FOLDER = "songs"
REFERENCES_FOLDER = "references"


def recognises(root: Path) -> bool:
    """Nothing marks this layout: it is what a corpus is when it is no other."""
    del root
    return False


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield each subfolder that holds audio, except for the finished mixes'."""
    mixes_folder = root / REFERENCES_FOLDER
    for folder in subfolders(inner(root, SONGS_FOLDER)):
        paths = audio_files(folder) if folder != mixes_folder else []
        if paths:
            tracks = tuple(track(path, instrument=instrument_from_name(path)) for path in paths)
            yield Song(folder.name, tracks, folder)


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield every audio file."""
    for path in audio_below(inner(root, REFERENCES_FOLDER)):
        yield track(path)


def inner(root: Path, name: str) -> Path:
    """Return the folder of that name inside `root` if there is one, else `root`."""
    return root / name if (root / name).is_dir() else root

"""Folder of folders: each subfolder is a song, each audio file in it a track.

    ROOT/song/track.wav          or          ROOT/songs/song/track.wav
    ROOT/song/group/track.wav                ROOT/songs/song/group/track.wav
    ROOT/any/where/mix.mp3                   ROOT/references/mix.mp3

A subfolder of a song is a group of its tracks, as `diffmst mix` takes it, and not a song's; a song
may hold nothing else. So a root is the folder of one album, not one of several.

A root that holds `songs/` or `references/` stands for them; its `references/` is never a song. Any
finished mixes are every audio file below the root, however deep.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from diffmst_jax.data.layouts.common import (
    TrackMaker,
    audio_below,
    instrument_from_name,
    subfolders,
)
from diffmst_jax.data.records import Song, Track
from diffmst_jax.mixing.sources.finding import tracks_in_folder

SONGS_FOLDER = "songs"
REFERENCES_FOLDER = "references"


def recognises(root: Path) -> bool:
    """Nothing marks this layout: it is what a corpus is when it is no other."""
    del root
    return False


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield each subfolder that holds audio, itself or in groups, except for the mixes'."""
    mixes_folder = root / REFERENCES_FOLDER
    for folder in subfolders(inner(root, SONGS_FOLDER)):
        files = [] if folder == mixes_folder else tracks_in_folder(folder)
        if files:
            yield Song(folder.name, tuple(_tracks(folder, files, track)), folder)


def _tracks(folder: Path, files: list[Path], track: TrackMaker) -> Iterator[Track]:
    for path in files:
        name = path.relative_to(folder).with_suffix("").as_posix()  # two groups may have one `1`
        yield replace(track(path, instrument=instrument_from_name(path)), name=name)


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield every audio file."""
    for path in audio_below(inner(root, REFERENCES_FOLDER)):
        yield track(path)


def inner(root: Path, name: str) -> Path:
    """Return the folder of that name inside `root` if there is one, else `root`."""
    return root / name if (root / name).is_dir() else root

"""Synthetic songs made when they are needed: any number of them, nothing on disk.

Song n of a stream depends on the stream's seed and n alone, so it is the same wherever and whenever
it is made. A process keeps the last few songs, and examples that follow one another share them:
every song gives some windows in a row, and its mix is the reference of the song before it.
"""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import grain
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.examples import (
    Example,
    MixWindows,
    ReadWindow,
    SongWindows,
    WindowConfig,
    draw_reference,
    read_tracks,
)
from diffmst_jax.data.index import Levels, energy_levels
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import read_window
from diffmst_jax.data.synthesis import SyntheticSong, synthesize_song

# Examples in a row from one song.
WINDOWS_PER_SONG = 4
# Two threads read two batches at a time, each from a song and the one after it.
SONGS_KEPT = 4
MIX_NAME = "mix"


@dataclass(frozen=True)
class SongStream:
    """Songs by number, as records whose audio is made when it is read.

    A track's path is no file: "<number of the song>/<name of the track>".

    Attributes:
      seed: of song 0; song n has seed + n.
      count: how many songs.
      tracks: fewest and most tracks of a song.
      song_s: length of each song in seconds.
    """

    seed: int
    count: int
    tracks: tuple[int, int]
    song_s: float

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Song:
        if not 0 <= number < self.count:
            raise IndexError(number)
        made = self._made(number).song
        folder = Path(str(number))
        tracks = tuple(
            Track(name, folder / name, len(audio), self.song_s)
            for name, audio in made.tracks.items()
        )
        mix = Track(MIX_NAME, folder / MIX_NAME, len(made.reference), self.song_s)
        return Song(made.name, tracks, folder, mix=mix)

    def duration_s(self, track: Track) -> float:
        """Return a track's length in seconds."""
        return track.duration_s

    def levels(self, track: Track) -> Levels:
        """Return the energy of each second of a track, in dB (mean square)."""
        return self._made(_number(track)).levels[track.name]

    def read(self, track: Track, *, start_s: float, samples: int) -> np.ndarray:
        """Return a window of a track, filled up with silence after the end."""
        song = self._made(_number(track)).song
        audio = song.reference if track.name == MIX_NAME else song.tracks[track.name]
        first = round(start_s * SAMPLE_RATE)
        found = audio[:, first : first + samples]
        return np.pad(found, ((0, 0), (0, samples - found.shape[1])))

    def _made(self, number: int) -> "_Made":
        with _making:
            return _make(self.seed + number, self.tracks, self.song_s)


class _Made(NamedTuple):
    song: SyntheticSong
    levels: dict[str, Levels]


# Two threads that need the same song do not both make it.
_making = Lock()


@lru_cache(SONGS_KEPT)
def _make(seed: int, tracks: tuple[int, int], song_s: float) -> _Made:
    song = synthesize_song(seed, tracks=tracks, duration_s=song_s)
    audio = {**song.tracks, MIX_NAME: song.reference}
    return _Made(song, {name: energy_levels(a, SAMPLE_RATE) for name, a in audio.items()})


def _number(track: Track) -> int:
    return int(track.path.parent.name)


@dataclass(frozen=True)
class StreamPool:
    """What examples are drawn from when songs are made on demand.

    Attributes:
      songs: the stream.
      mixes: finished mixes on disk as references; empty for random mixes of the same tracks; None
        for the mixes of the stream.
      read: how windows of `mixes` are read.
    """

    songs: SongStream
    mixes: tuple[MixWindows, ...] | None = None
    read: ReadWindow = read_window

    def drawn(self, config: WindowConfig, *, seed: int) -> grain.MapDataset:
        """Return endless single examples: every song once per pass, in a new order each pass."""
        order = grain.MapDataset.source(range(len(self.songs))).seed(seed).shuffle().repeat()
        turns = grain.MapDataset.source(InTurn(order)).seed(seed)
        return turns.random_map(DrawMade(self, config))


@dataclass(frozen=True)
class InTurn:
    """Each song number of an endless order some times in a row, paired with the next song's."""

    order: grain.MapDataset

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> tuple[int, int]:
        turn = index // WINDOWS_PER_SONG
        return int(self.order[turn]), int(self.order[turn + 1])


@dataclass(frozen=True)
class DrawMade(grain.transforms.RandomMap):
    """Turns the numbers of a song and of the next into an example."""

    pool: StreamPool
    config: WindowConfig

    def random_map(self, element: tuple[int, int], rng: np.random.Generator) -> Example:
        """Make both songs, unless they are kept still, and take a window of each."""
        songs, mixes, read = self.pool.songs, self.pool.mixes, self.pool.read
        seconds = self.config.duration_s
        windows = SongWindows(songs[element[0]], songs, seconds)
        tracks, mask, side = read_tracks(windows, self.config, rng, songs.read)
        if mixes is None:
            mix = songs[element[1]].mix
            assert mix is not None
            mixes, read = (MixWindows(mix, songs, seconds),), songs.read
        reference = draw_reference(mixes, self.config, rng, read)
        return Example(tracks, mask, side, reference)

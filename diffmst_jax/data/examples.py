"""One training example from one song: a window of its tracks and, unpaired, of a finished mix.

Tracks come at -48 LUFS each and the reference at -16 LUFS, the levels the model is trained at.
Each channel of a stereo track is a track of its own. Which windows have sound is looked up in the
energy index, so exactly one window per file is read.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.index import CELL_S, EnergyIndex
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import read_window
from diffmst_jax.mixing.measure import integrated_loudness
from diffmst_jax.models.levels import REFERENCE_LUFS, TRACK_LUFS

# A window of a track counts as silent below this mean-square level in dBFS.
TRACK_SILENCE_DB = -60.0
# A window of a mix must hold a mean energy of 0.001, as in the paper's code.
REFERENCE_SILENCE_DB = -30.0
FEWEST_TRACKS = 2

Audio = npt.NDArray[np.float32]


class Example(NamedTuple):
    """What a model is trained on; a batch has one more leading axis.

    Attributes:
      tracks: (max_tracks, time), each sounding row at -48 LUFS (a linked pair at -48 LUFS a
        channel on average), the others 0.
      mask: (max_tracks,) bool, True where a row holds a track.
      side: (max_tracks,) int8: -1 the left channel of a linked pair, whose right one is the next
        row and has 1; 0 everywhere else.
      reference: (2, time) at -16 LUFS; (2, 0) where the reference is to be a random mix of the
        same tracks, which the training step makes on the device.
    """

    tracks: Audio
    mask: npt.NDArray[np.bool_]
    side: npt.NDArray[np.int8]
    reference: Audio


@dataclass(frozen=True)
class WindowConfig:
    """Shape of the examples.

    Attributes:
      max_tracks: rows, that is mono channels.
      samples: length of each window at 44.1 kHz.
      linked_pairs: keep the two channels of a stereo track together: one level and, in the mix,
        one setting for both, as the mixing tool does; otherwise they are two tracks.
    """

    max_tracks: int
    samples: int
    linked_pairs: bool

    @property
    def duration_s(self) -> float:
        """Length of the window in seconds."""
        return self.samples / SAMPLE_RATE


class SongWindows:
    """Where in a song a window may start, and which of its tracks sound there."""

    def __init__(self, song: Song, index: EnergyIndex, duration_s: float):
        self.song = song
        starts = max(1, int((song.duration_s - duration_s) / CELL_S) + 1)
        levels = [
            index.window_levels(track, duration_s=duration_s, starts=starts)
            for track in song.tracks
        ]
        self._sounding = np.asarray(levels) >= TRACK_SILENCE_DB
        counts = self._sounding.sum(axis=0)
        enough = min(FEWEST_TRACKS, int(counts.max()))
        self.starts = np.flatnonzero(counts >= max(enough, 1))

    def draw(self, rng: np.random.Generator) -> tuple[float, list[Track]]:
        """Return a start in seconds and the tracks that sound from there on, in random order."""
        start = int(rng.choice(self.starts))
        sounding = np.flatnonzero(self._sounding[:, start])
        return start * CELL_S, [self.song.tracks[i] for i in rng.permutation(sounding)]

    def fullest_start(self) -> float:
        """Return the earliest start, in seconds, at which the most tracks sound."""
        return float(np.argmax(self._sounding.sum(axis=0))) * CELL_S


class MixWindows:
    """Where in a finished mix a window may start."""

    def __init__(self, mix: Track, index: EnergyIndex, duration_s: float):
        self.mix = mix
        starts = max(1, int((mix.duration_s - duration_s) / CELL_S) + 1)
        levels = index.window_levels(mix, duration_s=duration_s, starts=starts)
        threshold = min(REFERENCE_SILENCE_DB, float(levels.max()))
        self.starts = np.flatnonzero(levels >= threshold)

    def draw(self, rng: np.random.Generator) -> float:
        """Return a start in seconds."""
        return float(rng.choice(self.starts)) * CELL_S


def read_tracks(
    windows: SongWindows, config: WindowConfig, rng: np.random.Generator
) -> tuple[Audio, npt.NDArray[np.bool_], npt.NDArray[np.int8]]:
    """Read a random window of a song: rows at -48 LUFS, which of them sound, and pairs."""
    tracks = np.zeros((config.max_tracks, config.samples), np.float32)
    mask = np.zeros(config.max_tracks, np.bool_)
    side = np.zeros(config.max_tracks, np.int8)
    start_s, sounding = windows.draw(rng)
    row = 0
    for track in sounding:
        if row + track.channels > config.max_tracks:
            continue
        audio = read_window(track, start_s=start_s, samples=config.samples)
        for unit in _units(audio, config):
            count = len(unit)
            # A pair of equal channels has 3 LU more than each of them.
            level = at_loudness(unit, TRACK_LUFS + 10 * math.log10(count))
            if level is not None:
                tracks[row : row + count], mask[row : row + count] = level, True
                side[row : row + count] = (0,) if count == 1 else (-1, 1)
                row += count
    return tracks, mask, side


def _units(audio: Audio, config: WindowConfig) -> list[Audio]:
    """Cut a file's channels into what gets one level: a sounding stereo pair, or each channel."""
    if config.linked_pairs and len(audio) == 2 and np.all(np.any(audio, axis=1)):
        return [audio]
    return [channel[None] for channel in audio]


def read_reference(windows: MixWindows, config: WindowConfig, rng: np.random.Generator) -> Audio:
    """Read a random window of a finished mix as stereo at -16 LUFS."""
    audio = read_window(windows.mix, start_s=windows.draw(rng), samples=config.samples)
    stereo = np.concatenate([audio, audio])[:2] if audio.shape[0] == 1 else audio[:2]
    levelled = at_loudness(stereo, REFERENCE_LUFS)
    return stereo if levelled is None else levelled


def at_loudness(audio: Audio, lufs: float) -> Audio | None:
    """Bring (channels, time) audio to an integrated loudness; None where it is silent."""
    loudness = integrated_loudness(audio, sample_rate=SAMPLE_RATE)
    if not math.isfinite(loudness):
        return None
    return np.asarray(audio * np.float32(10 ** ((lufs - loudness) / 20)), np.float32)

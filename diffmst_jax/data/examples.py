"""One training example from one song: a window of its tracks and, unpaired, of a finished mix.

Tracks come at -48 LUFS each and the reference at -16 LUFS, the levels the model is trained at.
Each channel of a stereo track is a track of its own. Which windows have sound is looked up in the
energy index, so exactly one window per file is read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from diffmst_jax.audio import SAMPLE_RATE, as_stereo
from diffmst_jax.data.index import CELL_S, SILENT_DB, Levels
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import read_window
from diffmst_jax.mixing.signals.measure import integrated_loudness
from diffmst_jax.models.levels import REFERENCE_LUFS, TRACK_LUFS

# A window of a track counts as silent below this mean-square level in dBFS.
TRACK_SILENCE_DB = -60.0
# A window of a mix must hold a mean energy of 0.001, as in the paper's code.
REFERENCE_SILENCE_DB = -30.0
# Of a mix that never reaches it, windows within so many dB of the loudest one are used.
QUIET_MIX_RANGE_DB = 10.0
FEWEST_TRACKS = 2
# How often a window is drawn again of which a part is silent, before it is taken as it is.
MOST_DRAWS = 8
# Windows of at least so many seconds may start anywhere in a second; shorter ones at its beginning.
SHORTEST_ANYWHERE = 2

Audio = npt.NDArray[np.float32]


class ReadWindow(Protocol):
    """Reads a window of a file as `read_window` does."""

    def __call__(self, track: Track, *, start_s: float, samples: int) -> Audio:
        """Return (channels, samples)."""
        ...


class Measurements(Protocol):
    """What is known of files before they are read; `EnergyIndex` is one."""

    def duration_s(self, track: Track) -> float:
        """Return a track's length in seconds."""
        ...

    def levels(self, track: Track) -> Levels:
        """Return the energy of each second of a track, in dB (mean square)."""
        ...


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
        one setting and one compressor's gain for both, as the mixing tool does; otherwise they are
        two tracks.
      parts: equal parts of a window, in each of which something is to sound: of a random mix one is
        heard and the other is what its settings are to be recognised in.
    """

    max_tracks: int
    samples: int
    linked_pairs: bool
    parts: int = 1

    @property
    def duration_s(self) -> float:
        """Length of the window in seconds."""
        return self.samples / SAMPLE_RATE


class Starts:
    """Where the windows of one length may start in a recording.

    Attributes:
      count: how many seconds a window may start in.
    """

    def __init__(self, duration_s: float, window_s: float):
        self._last_s = max(duration_s - window_s, 0.0)
        self._window_s = window_s
        self._anywhere = window_s >= SHORTEST_ANYWHERE * CELL_S
        self.count = int(self._last_s / CELL_S) + 1

    def sure_levels(self, level_db: Levels) -> Levels:
        """Return, for each of `count` seconds, the energy that every window from there on has.

        Args:
          level_db: mean-square level of each second.

        Returns:
          A lower bound of the window's mean-square level in dB, that of the seconds that lie inside
          whichever window starts in this one; exact where the only window holds the whole
          recording. Of windows under a second, in which none lies, it is the level of the second
          that they start in.
        """
        if self._last_s == 0:
            return self.possible_levels(level_db)
        whole = max(int(self._window_s / CELL_S), 1)
        length_s = max(self._window_s, CELL_S)
        return self._levels(level_db, 1 if self._anywhere else 0, whole, length_s)

    def possible_levels(self, level_db: Levels) -> Levels:
        """Return the energy that a window from each of `count` seconds on has at most.

        As `sure_levels`, of all seconds that one of them reaches into.
        """
        touched = math.ceil(self._window_s / CELL_S)
        later = 1 if self._anywhere and self._last_s else 0
        return self._levels(level_db, 0, touched + later, self._window_s)

    def _levels(self, level_db: Levels, first: int, last: int, length_s: float) -> Levels:
        """Energy of the seconds from `first` to before `last` after each, spread over a length."""
        power = np.zeros(self.count + last)
        known = level_db[: power.size].astype(np.float64)
        power[: known.size] = np.where(known > SILENT_DB, 10 ** (known / 10), 0.0)
        total = np.concatenate([[0.0], np.cumsum(power)])
        inside = total[last : last + self.count] - total[first : first + self.count]
        mean = inside * CELL_S / length_s
        return (10 * np.log10(np.maximum(mean, 10 ** (SILENT_DB / 10)))).astype(np.float32)

    def draw(self, second: int, rng: np.random.Generator) -> float:
        """Return a start in seconds within a second."""
        if not self._anywhere:
            return second * CELL_S
        return float(min((second + rng.random()) * CELL_S, self._last_s))


class SongWindows:
    """Where in a song a window may start, and which of its tracks sound there.

    A song of which no window is sure to hold sound is used where one may. Tracks of more than
    `max_channels` channels, which no example has room for, are left out.
    """

    def __init__(
        self,
        song: Song,
        measurements: Measurements,
        duration_s: float,
        max_channels: float = math.inf,
    ):
        self.song = song
        self._tracks = [track for track in song.tracks if track.channels <= max_channels]
        longest_s = max((measurements.duration_s(track) for track in self._tracks), default=0.0)
        self._where = Starts(longest_s, duration_s)
        self._sounding = np.zeros((len(self._tracks), self._where.count), np.bool_)
        for bound in (self._where.sure_levels, self._where.possible_levels):
            for row, track in zip(self._sounding, self._tracks, strict=True):
                row[:] = bound(measurements.levels(track)) >= TRACK_SILENCE_DB
            if np.any(self._sounding):
                break
        counts = self._sounding.sum(axis=0)
        enough = min(FEWEST_TRACKS, int(counts.max()))
        self.starts = np.flatnonzero(counts >= max(enough, 1))

    def draw(self, rng: np.random.Generator) -> tuple[float, list[Track]]:
        """Return a start in seconds and the tracks that sound from there on, in random order."""
        second = int(rng.choice(self.starts))
        sounding = np.flatnonzero(self._sounding[:, second])
        start_s = self._where.draw(second, rng)
        return start_s, [self._tracks[i] for i in rng.permutation(sounding)]

    def fullest_start(self) -> float:
        """Return the earliest start, in seconds, at which the most tracks sound."""
        return float(np.argmax(self._sounding.sum(axis=0))) * CELL_S


class MixWindows:
    """Where in a finished mix a window may start; as `SongWindows`."""

    def __init__(self, mix: Track, measurements: Measurements, duration_s: float):
        self.mix = mix
        self._where = Starts(measurements.duration_s(mix), duration_s)
        levels = self._where.sure_levels(measurements.levels(mix))
        if levels.max() < TRACK_SILENCE_DB:
            levels = self._where.possible_levels(measurements.levels(mix))
        # A mix that is quiet throughout is used where it is loudest; silence never.
        loudest = float(levels.max()) - QUIET_MIX_RANGE_DB
        threshold = max(min(REFERENCE_SILENCE_DB, loudest), TRACK_SILENCE_DB)
        self.starts = np.flatnonzero(levels >= threshold)

    def draw(self, rng: np.random.Generator) -> float:
        """Return a start in seconds."""
        return self._where.draw(int(rng.choice(self.starts)), rng)


def read_tracks(
    windows: SongWindows,
    config: WindowConfig,
    rng: np.random.Generator,
    read: ReadWindow = read_window,
) -> tuple[Audio, npt.NDArray[np.bool_], npt.NDArray[np.int8]]:
    """Read a random window of a song: rows at -48 LUFS, which of them sound, and pairs."""
    for _ in range(MOST_DRAWS):
        tracks, mask, side = _read_window(windows, config, rng, read)
        if config.parts == 1 or _sounds_in_each(tracks, config.parts):
            break
    return tracks, mask, side


def _sounds_in_each(tracks: Audio, parts: int) -> bool:
    """Whether in each of equal parts of (rows, time) a row holds sound."""
    length = tracks.shape[1] // parts
    power = np.square(tracks[:, : parts * length]).reshape(len(tracks), parts, length).mean(axis=2)
    return bool(np.all(np.max(power, axis=0) >= 10 ** (TRACK_SILENCE_DB / 10)))


def _read_window(
    windows: SongWindows, config: WindowConfig, rng: np.random.Generator, read: ReadWindow
) -> tuple[Audio, npt.NDArray[np.bool_], npt.NDArray[np.int8]]:
    tracks = np.zeros((config.max_tracks, config.samples), np.float32)
    mask = np.zeros(config.max_tracks, np.bool_)
    side = np.zeros(config.max_tracks, np.int8)
    start_s, sounding = windows.draw(rng)
    row = 0
    for track in sounding:
        if row + track.channels > config.max_tracks:
            continue
        audio = read(track, start_s=start_s, samples=config.samples)
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


def read_reference(
    windows: MixWindows,
    config: WindowConfig,
    rng: np.random.Generator,
    read: ReadWindow = read_window,
) -> Audio:
    """Read a random window of a finished mix as stereo at -16 LUFS."""
    audio = read(windows.mix, start_s=windows.draw(rng), samples=config.samples)
    stereo = as_stereo(audio)
    levelled = at_loudness(stereo, REFERENCE_LUFS)
    return stereo if levelled is None else levelled


def draw_reference(
    mixes: Sequence[MixWindows],
    config: WindowConfig,
    rng: np.random.Generator,
    read: ReadWindow,
) -> Audio:
    """Read a random window of a random mix; (2, 0) where there are none."""
    if not mixes:
        return np.zeros((2, 0), np.float32)
    return read_reference(mixes[int(rng.integers(len(mixes)))], config, rng, read)


def at_loudness(audio: Audio, lufs: float) -> Audio | None:
    """Bring (channels, time) audio to an integrated loudness; None where it is silent."""
    loudness = integrated_loudness(audio, sample_rate=SAMPLE_RATE)
    if not math.isfinite(loudness):
        return None
    return np.asarray(audio * np.float32(10 ** ((lufs - loudness) / 20)), np.float32)

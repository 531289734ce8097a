"""Mixes that others made (engineers, other programs): found by name, aligned with the tracks.

A file belongs to a song if it is named like the song's folder, or `<song>__<reference>` for a mix
made after one reference; it may lie in a subfolder named like the song. Case and punctuation do
not matter. Of two files that fit a song equally well neither is taken. Where one starts earlier or
later than the tracks, cross-correlation with their plain sum finds by how much.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from diffmst_jax.audio import SAMPLE_RATE, as_stereo, audio_info, read_audio
from diffmst_jax.data.sources import ReferenceSource
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.batch import Mixed
from diffmst_jax.evaluation.loading import Loaded
from diffmst_jax.mixing.comparing.baselines import plain_sum

SEARCH_S = 5.0
"""A mix may start this much earlier or later than the tracks."""

LOW_HZ, HIGH_HZ = 80.0, 6000.0
CLEAR_PEAK = 12.0
"""Height of the correlation's peak over its spread; noise of this length reaches about 5."""

LARGEST_DRIFT_S = 0.005
LARGEST_SPEED_ERROR = 0.15
"""More than a usual sample rate taken for another makes: 48000 Hz for 44100 Hz is 8.8 %."""

AS_CLEAR = 0.5
"""Share of the highest peak that is as good an answer, for a loop has one at every repeat."""

MISSING_S = 0.05
SMALL_SHIFT_S = 0.01
SMALLEST = 1e-12


class Lag(NamedTuple):
    """How a mix lies against the tracks.

    Attributes:
      samples: by how many the mix is later than the tracks.
      clearness: height of the correlation's peak over its spread.
    """

    samples: int
    clearness: float


class FinishedMixes:
    """A folder of finished mixes as a system.

    Raises:
      InputError: no such folder, or no audio in it.
    """

    def __init__(self, folder: str | Path):
        source = ReferenceSource(folder)
        self.root = source.root
        paths = [mix.path for mix in source.mixes]
        # What fits better comes later, and is what is found.
        self.files = _by_folder(paths, self.root) | _by_name(paths, self.root)

    def __call__(self, songs: Sequence[Loaded]) -> list[Mixed | InputError]:
        """Cut the section of each song out of its finished mix."""
        results: list[Mixed | InputError] = []
        for song in songs:
            try:
                results.append(self._mix(song))
            except InputError as error:
                results.append(error)
        return results

    def find(self, song: str, reference: str) -> Path:
        """Return the file of a song, made after this reference if there is one.

        Raises:
          InputError: there is none, or several that fit equally well.
        """
        for name in (f"{song}__{reference}", song):
            found = self.files.get(plain_name(name), [])
            if len(found) == 1:
                return found[0]
            if found:
                files = " and ".join(str(path.relative_to(self.root)) for path in found)
                problem = f"holds several mixes of the song {song!r}: {files}"
                raise InputError(self.root, problem, f"name the one to take {song}.wav")
        problem = f"holds no mix of the song {song!r}"
        raise InputError(self.root, problem, f"name one {song}.wav")

    def _mix(self, song: Loaded) -> Mixed:
        example = song.example
        path = self.find(example.song, example.reference_name)
        info = audio_info(path)
        start_s = example.judged.start_s
        first_s = max(0.0, start_s - SEARCH_S)
        if info.duration_s + MISSING_S < start_s + example.duration_s - SEARCH_S:
            raise InputError(path, _too_short(info.duration_s, example.duration_s, start_s), REMEDY)
        audio = read_audio(path, start_s=first_s, duration_s=example.duration_s + 2 * SEARCH_S)
        stereo = as_stereo(audio)
        tracks = plain_sum(song.tracks)
        place = round((start_s - first_s) * SAMPLE_RATE)
        lag = aligned(tracks, stereo, path=path)
        mix = cut(stereo, lag.samples, tracks.shape[1])
        if mix is None:
            raise InputError(path, _too_short(info.duration_s, example.duration_s, start_s), REMEDY)
        notes = []
        offset_s = (lag.samples - place) / SAMPLE_RATE
        if lag.samples != place:
            notes.append(f"moved by {shift_text(-offset_s)}")
        if info.sample_rate != SAMPLE_RATE:
            notes.append(f"resampled from {info.sample_rate} Hz")
        return Mixed(mix, note=f"{path.name}: {', '.join(notes)}" if notes else "")


REMEDY = "give the mix of the whole song"


def shift_text(seconds: float) -> str:
    """Write a shift so that not even one sample rounds to nothing."""
    return f"{seconds:+.3f} s" if abs(seconds) >= SMALL_SHIFT_S else f"{1000 * seconds:+.2f} ms"


def aligned(tracks: np.ndarray, mix: np.ndarray, *, path: Path) -> Lag:
    """Find where in a mix (2, time) the tracks' sum (2, shorter time) lies.

    Args:
      tracks: plain sum of the tracks' section.
      mix: a longer part of the mix.
      path: of the mix, to blame.

    Raises:
      InputError: it is nowhere to be found, or runs at another speed.
    """
    mono, other = np.sum(tracks, axis=0), np.sum(mix, axis=0)
    whole = find_lag(mono, other)
    if whole.clearness < CLEAR_PEAK:
        problem = f"does not line up with the tracks (clearness {whole.clearness:.1f})"
        raise InputError(path, problem, f"give a mix of this song within {SEARCH_S:g} s of them")
    third = len(mono) // 3
    apart = len(mono) - third
    reach = round(LARGEST_SPEED_ERROR * len(mono))
    first = _end(mono[:third], other, whole.samples, reach)
    last = _end(mono[-third:], other, whole.samples + apart, reach)
    if min(first.clearness, last.clearness) >= CLEAR_PEAK:
        drift = last.samples - apart - first.samples
        if LARGEST_DRIFT_S * SAMPLE_RATE < abs(drift) <= LARGEST_SPEED_ERROR * apart:
            problem = f"runs at another speed than the tracks ({drift / apart:+.2%})"
            raise InputError(path, problem, "export it again at the tracks' sample rate")
    return whole


def _end(pattern: np.ndarray, signal: np.ndarray, expected: int, reach: int) -> Lag:
    """Where one end lies by itself: where the whole puts it, unless it is much clearer elsewhere.

    Args:
      pattern: the end.
      signal: where to look for it.
      expected: first sample by the whole's alignment.
      reach: how many samples from there it may be.
    """
    heights = _correlation(pattern, signal)
    small = round(LARGEST_DRIFT_S * SAMPLE_RATE) // 2
    far, near = (
        _highest(heights, np.arange(expected - r, expected + r + 1)) for r in (reach, small)
    )
    return near if near.clearness >= max(CLEAR_PEAK, AS_CLEAR * far.clearness) else far


def find_lag(pattern: np.ndarray, signal: np.ndarray) -> Lag:
    """First sample of `signal` at which `pattern` lies, by correlation with equalized spectra.

    Equal weight for all frequencies between `LOW_HZ` and `HIGH_HZ` (the phase transform) makes the
    peak one sample wide whatever the mix's equalizers did.
    """
    heights = _correlation(pattern, signal)
    return _highest(heights, np.arange(len(signal) - len(heights), len(signal)))


def _correlation(pattern: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Height of the correlation over its spread by lag; negative lags are at the end."""
    size = next_fast_len(len(pattern) + len(signal) - 1, real=True)
    cross = rfft(signal, size) * np.conj(rfft(pattern, size))
    frequency = rfftfreq(size, 1 / SAMPLE_RATE)
    inside = (frequency >= LOW_HZ) & (frequency <= HIGH_HZ)
    correlation = irfft(np.where(inside, cross / np.maximum(np.abs(cross), SMALLEST), 0.0), size)
    spread = float(np.sqrt(np.mean(np.square(correlation))))
    return np.asarray(np.abs(correlation) / max(spread, SMALLEST))


def _highest(heights: np.ndarray, lags: np.ndarray) -> Lag:
    """The clearest of some lags."""
    among = np.take(heights, lags, mode="wrap")
    best = int(np.argmax(among))
    return Lag(int(lags[best]), float(among[best]))


def cut(audio: np.ndarray, first: int, samples: int) -> np.ndarray | None:
    """Cut samples out; None where more than `MISSING_S` is missing, else filled with silence."""
    missing = max(0, -first) + max(0, first + samples - audio.shape[1])
    if missing > MISSING_S * SAMPLE_RATE:
        return None
    part = audio[:, max(0, first) : max(0, first + samples)]
    before = max(0, -first)
    return np.pad(part, ((0, 0), (before, samples - before - part.shape[1])))


def plain_name(name: str) -> str:
    """A name without case and punctuation; the double underscore between names stays."""
    # one form for the characters that file systems store composed or decomposed
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    spaced = "".join(c if c == "_" or _counts(c) else " " for c in folded)
    return "__".join(" ".join(part.replace("_", " ").split()) for part in spaced.split("__"))


def _counts(character: str) -> bool:
    """Whether a name is another without it: letters, digits, and the marks that scripts need."""
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _by_name(paths: Sequence[Path], root: Path) -> dict[str, list[Path]]:
    """Files by their own names, and with their folders' names before them."""
    named = [(path.stem, path) for path in paths]
    return _grouped(
        named
        + [(f"{path.parent.name}__{path.stem}", path) for path in paths if path.parent != root]
    )


def _by_folder(paths: Sequence[Path], root: Path) -> dict[str, list[Path]]:
    """Files by the names of the subfolders that they lie in."""
    return _grouped([(path.parent.name, path) for path in paths if path.parent != root])


def _grouped(named: Sequence[tuple[str, Path]]) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for name, path in named:
        groups.setdefault(plain_name(name), []).append(path)
    return groups


def _too_short(duration_s: float, section_s: float, start_s: float) -> str:
    return (
        f"lasts {duration_s:.1f} s and does not cover {start_s:.1f} to {start_s + section_s:.1f} s"
    )

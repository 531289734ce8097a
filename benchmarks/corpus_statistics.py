"""Compare corpora in what style is measured by: quantiles of tracks and of finished mixes.

    diffmst data synthesize corpus/ --songs 40
    python benchmarks/corpus_statistics.py synthetic=corpus/ real=MedleyDB/

One window of 10 s per song, from where its loudest 10 s begin. A corpus without finished mixes is
measured by the plain sums of its tracks, which lack a master. Figures of all tracks leave out those
that are silent in the window, except for the share of active seconds, which is of whole files.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, read_audio
from diffmst_jax.data.sources import FolderSource
from diffmst_jax.losses.audio_features import style_features
from diffmst_jax.mixing.signals.measure import (
    SHORT_TERM_STEPS,
    decibels,
    integrated_loudness,
    power_db,
    sliding_loudness,
    weighted_step_powers,
)

WINDOW = 10 * SAMPLE_RATE
QUANTILES = (10, 50, 90)
SOUNDING_DB = -60.0  # mean square of a second of a track that counts as active
REFERENCE_LUFS = -16.0
# Bark bands whose middle lies below 200 Hz and above 4 kHz.
LOW_BANDS, HIGH_BANDS = slice(0, 2), slice(17, 24)
MIDDLE_BANDS = slice(5, 12)
NEPERS_DB = 20 / np.log(10)

Found = dict[str, list[float]]
measure_style = jax.jit(lambda mix: style_features(mix, sample_rate=SAMPLE_RATE))


def main() -> None:
    """Print one table of Markdown: a row per figure, a column per corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", nargs="+", metavar="NAME=FOLDER", help="corpora to compare")
    parser.add_argument("--songs", type=int, default=40, help="at most (default: %(default)s)")
    options = parser.parse_args()
    columns = {}
    for corpus in options.corpora:
        name, _, folder = corpus.rpartition("=")
        columns[name or folder] = measure_corpus(Path(folder), options.songs)
    head = f"| {' / '.join(f'{q} %' for q in QUANTILES)} | {' | '.join(columns)} |"
    print(head, "|---" * (len(columns) + 1) + "|", sep="\n")
    for row in next(iter(columns.values())):
        print(f"| {row} | {' | '.join(_cell(found[row]) for found in columns.values())} |")


def _cell(values: list[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    return " / ".join(f"{np.percentile(known, q):.3g}" for q in QUANTILES) if known else "-"


def measure_corpus(root: Path, most: int) -> Found:
    """Measure up to `most` songs of a corpus and their mixes."""
    found: Found = defaultdict(list)
    for song in FolderSource(root).songs[:most]:
        tracks = [read_audio(track.path) for track in song.tracks]
        total = _sum(tracks)
        start = _loudest(total)
        mix = total if song.mix is None else read_audio(song.mix.path)
        for key, value in (*_song(tracks), *_mix(_stereo(mix), start)):
            found[key].append(value)
        for track in tracks:
            for key, value in _track(track, start):
                found[key].append(value)
    return found


def _sum(tracks: list[np.ndarray]) -> np.ndarray:
    total = np.zeros((2, max(track.shape[1] for track in tracks)), np.float32)
    for track in tracks:
        total[:, : track.shape[1]] += track[:2]
    return total


def _stereo(audio: np.ndarray) -> np.ndarray:
    return np.concatenate([audio, audio])[:2]


def _loudest(total: np.ndarray) -> int:
    """Return the second at which the loudest window starts."""
    power = _second_powers(total)
    seconds = WINDOW // SAMPLE_RATE
    sums = np.convolve(power, np.ones(seconds), "valid") if len(power) > seconds else np.zeros(1)
    return int(np.argmax(sums)) * SAMPLE_RATE


def _second_powers(audio: np.ndarray) -> np.ndarray:
    whole = max(audio.shape[1] // SAMPLE_RATE, 1)
    seconds = audio[:, : whole * SAMPLE_RATE].reshape(len(audio), whole, -1)
    powers: np.ndarray = np.mean(seconds**2, axis=(0, 2))
    return powers


def _song(tracks: list[np.ndarray]) -> Iterator[tuple[str, float]]:
    active = [np.mean(power_db(_second_powers(track)) > SOUNDING_DB) for track in tracks]
    loudness = [integrated_loudness(track, sample_rate=SAMPLE_RATE) for track in tracks]
    sounding = [value for value in loudness if np.isfinite(value)]
    yield "tracks of a song", float(len(tracks))
    yield "song: active share of tracks x seconds", float(np.mean(active))
    yield "song: spread of its tracks' loudness (SD), LU", float(np.std(sounding))


def _track(track: np.ndarray, start: int) -> Iterator[tuple[str, float]]:
    yield (
        "track: active share of seconds",
        float(np.mean(power_db(_second_powers(track)) > SOUNDING_DB)),
    )
    window = track[:, start : start + WINDOW]
    loudness = integrated_loudness(window, sample_rate=SAMPLE_RATE)
    if not np.isfinite(loudness):
        return
    power = float(np.mean(window**2))
    spectrum = np.mean(np.abs(np.fft.rfft(window, axis=1)) ** 2, axis=0)
    frequency = np.fft.rfftfreq(window.shape[1], 1 / SAMPLE_RATE)
    share = np.cumsum(spectrum) / np.sum(spectrum)
    yield "track: loudness, LUFS", loudness
    yield "track: crest factor, dB", decibels(np.max(np.abs(window))) - 10 * np.log10(power)
    yield "track: spectral centroid, Hz", float(np.sum(frequency * spectrum) / np.sum(spectrum))
    yield "track: 95 % of the energy below, Hz", float(frequency[np.searchsorted(share, 0.95)])
    if len(window) == 2:
        side, mid = np.mean((window[0] - window[1]) ** 2), np.mean((window[0] + window[1]) ** 2)
        yield "stereo track: width", float(side / max(mid, 1e-12))


def _mix(mix: np.ndarray, start: int) -> Iterator[tuple[str, float]]:
    window = mix[:, start : start + WINDOW]
    window = np.pad(window, ((0, 0), (0, WINDOW - window.shape[1])))
    loudness = integrated_loudness(window, sample_rate=SAMPLE_RATE)
    short = sliding_loudness(weighted_step_powers(mix, sample_rate=SAMPLE_RATE), SHORT_TERM_STEPS)
    gated = short[short > np.max(short, initial=-200.0) - 20]
    levelled = window * np.float32(10 ** ((REFERENCE_LUFS - loudness) / 20))
    style = jax.tree.map(np.asarray, measure_style(levelled))
    mid, side = style.bark_spectrum.T * NEPERS_DB
    yield "mix: loudness, LUFS", loudness
    yield "mix: loudness range (10 to 95 %), LU", float(np.ptp(np.percentile(gated, [10, 95])))
    yield "mix at -16 LUFS: RMS", float(np.mean(style.rms))
    yield "mix: crest factor, dB", float(np.mean(style.crest_factor_db))
    yield "mix: stereo width", float(style.stereo_width)
    yield "mix: stereo imbalance", float(style.stereo_imbalance)
    middle = mid[MIDDLE_BANDS].mean()
    yield "mix: Bark, below 200 Hz over 500 to 1700 Hz, dB", float(mid[LOW_BANDS].mean() - middle)
    yield "mix: Bark, above 4 kHz over 500 to 1700 Hz, dB", float(mid[HIGH_BANDS].mean() - middle)
    yield "mix: Bark, side over mid, dB", float(np.mean(side - mid))
    yield "mix: side over mid below 200 Hz, dB", float(np.mean((side - mid)[LOW_BANDS]))


if __name__ == "__main__":
    main()

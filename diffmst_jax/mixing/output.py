"""The last stage of a mix: the loudness asked for, under a ceiling, without clipping.

Loudness comes from a plain gain. Where that would push peaks through the ceiling, a limiter turns
the moments around them down: the gain that each sample needs, its minimum over a window around it,
smoothed by a kernel of that window's width. The smoothed gain at a peak is an average of values
that are all at most what the peak needs, so the ceiling holds by construction.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import resample_poly

from diffmst_jax.mixing.limits import DEFAULT_CEILING_DBTP, DEFAULT_LOUDNESS_LUFS
from diffmst_jax.mixing.measure import (
    TRUE_PEAK_CHUNK,
    TRUE_PEAK_MARGIN,
    TRUE_PEAK_OVERSAMPLING,
    decibels,
    factor,
    gated_loudness,
    true_peak,
    weighted_step_powers,
)

LIMITER_WINDOW_S = 0.04
MOST_LIMITING_DB = 6.0
"""Peaks are never turned down by more; the mix stays quieter than asked instead."""

LOUDNESS_TOLERANCE_LU = 0.02
LOUDNESS_ROUNDS = 6

DITHER_SEED = 0


class OutputTarget(NamedTuple):
    """What a finished mix must meet.

    Attributes:
        loudness_lufs: integrated loudness.
        ceiling_dbtp: highest true peak.
    """

    loudness_lufs: float = DEFAULT_LOUDNESS_LUFS
    ceiling_dbtp: float = DEFAULT_CEILING_DBTP


class Finished(NamedTuple):
    """A finished mix and what it took.

    Attributes:
        audio: float32 `(2, time)`.
        gain_db: gain applied.
        limiting_db: the most that a peak was turned down, 0 or more.
        loudness_lufs: integrated loudness reached; minus infinity for silence.
        true_peak_dbtp: true peak reached.
    """

    audio: np.ndarray
    gain_db: float
    limiting_db: float
    loudness_lufs: float
    true_peak_dbtp: float


def finish(mix: np.ndarray, target: OutputTarget, *, sample_rate: int) -> Finished:
    """Bring a mix to its loudness under its ceiling.

    A mix that would need more than `MOST_LIMITING_DB` of limiting gets as loud as that allows.
    Silence comes back as it is.

    Args:
        mix: float32 `(2, time)`.
        target: loudness and ceiling.
        sample_rate: samples per second.
    """
    loudness = _loudness(mix, sample_rate)
    if not math.isfinite(loudness):
        return Finished(mix, 0.0, 0.0, loudness, decibels(true_peak(mix)))
    ceiling = factor(target.ceiling_dbtp)
    envelope = true_peak_envelope(mix)
    most_gain_db = target.ceiling_dbtp + MOST_LIMITING_DB - decibels(float(np.max(envelope)))
    gain_db = min(target.loudness_lufs - loudness, most_gain_db)
    for _ in range(LOUDNESS_ROUNDS):
        audio, limiting_db = _limited(mix, envelope, factor(gain_db), ceiling, sample_rate)
        loudness = _loudness(audio, sample_rate)
        missing = min(target.loudness_lufs - loudness, most_gain_db - gain_db)
        if abs(missing) < LOUDNESS_TOLERANCE_LU:
            break
        gain_db += missing
    reached = true_peak(audio)
    if reached > ceiling:  # what the changing gain itself adds between samples: 0.01 dB or so
        audio = (audio * (ceiling / reached)).astype(np.float32)
        loudness, reached = loudness + decibels(ceiling / reached), ceiling
    return Finished(audio, gain_db, limiting_db, loudness, decibels(reached))


def dithered(audio: np.ndarray, bits: int) -> np.ndarray:
    """Round to a bit depth so that what is lost is noise, not distortion.

    Triangular dither of two steps' width makes mean and power of the error independent of the
    signal. Its noise is always the same, so writing a mix twice gives the same file.

    Args:
        audio: float `(channels, time)`.
        bits: of the integer format to come, 16 for instance.

    Returns:
        float64 on the grid of that format, never beyond its largest value.
    """
    steps = 2.0 ** (bits - 1)
    rng = np.random.default_rng(DITHER_SEED)
    noise = rng.random(audio.shape) - rng.random(audio.shape)
    return np.clip(np.round(audio * steps + noise), -steps, steps - 1) / steps


def true_peak_envelope(audio: np.ndarray) -> np.ndarray:
    """Largest absolute value at and right after each sample over all channels, `(time,)`."""
    parts = []
    for start in range(0, audio.shape[1], TRUE_PEAK_CHUNK):
        first = max(0, start - TRUE_PEAK_MARGIN)
        count = min(TRUE_PEAK_CHUNK, audio.shape[1] - start)
        piece = audio[:, first : start + count + TRUE_PEAK_MARGIN]
        fine = np.abs(resample_poly(piece, TRUE_PEAK_OVERSAMPLING, 1, axis=1)).max(axis=0)
        per_sample = fine.reshape(-1, TRUE_PEAK_OVERSAMPLING).max(axis=1)
        parts.append(per_sample[start - first : start - first + count])
    return np.maximum(np.concatenate(parts), np.max(np.abs(audio), axis=0))


def _limited(
    mix: np.ndarray, envelope: np.ndarray, gain: float, ceiling: float, sample_rate: int
) -> tuple[np.ndarray, float]:
    """Apply a gain and limit; returns the audio and the most reduction in dB."""
    needed = np.minimum(1.0, ceiling / np.maximum(envelope * gain, ceiling))
    lowest = float(np.min(needed))
    if lowest == 1.0:
        return (mix * gain).astype(np.float32), 0.0
    half = round(LIMITER_WINDOW_S * sample_rate / 2) | 1
    held = minimum_filter1d(needed, 2 * half + 1, mode="constant", cval=1.0)
    smooth = uniform_filter1d(uniform_filter1d(held, half, mode="nearest"), half, mode="nearest")
    return (mix * (gain * smooth)).astype(np.float32), -decibels(lowest)


def _loudness(audio: np.ndarray, sample_rate: int) -> float:
    return gated_loudness(weighted_step_powers(audio, sample_rate=sample_rate))

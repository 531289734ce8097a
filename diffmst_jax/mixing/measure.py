"""Measurements of whole songs in NumPy: peaks and loudness over time.

The definitions are those of `dsp` (ITU-R BS.1770-4), for audio of any length without compiling
a function for each length; a test holds the two together.
"""

import math

import numpy as np
from scipy.signal import resample_poly, sosfilt

from dsp.loudness import (
    ABSOLUTE_GATE_LUFS,
    HOP_S,
    MOMENTARY_S,
    OFFSET_DB,
    RELATIVE_GATE_LU,
    SHORT_TERM_S,
)
from dsp.weighting import k_weighting_sos

MOMENTARY_STEPS, SHORT_TERM_STEPS = round(MOMENTARY_S / HOP_S), round(SHORT_TERM_S / HOP_S)
SMALLEST_POWER = 1e-20
LOWEST_DB = -200.0  # the same in dB

TRUE_PEAK_OVERSAMPLING = 4
TRUE_PEAK_CHUNK = 1 << 18
TRUE_PEAK_MARGIN = 64


def power_db(power: np.ndarray) -> np.ndarray:
    """Convert powers to dB; 0 gives -200 dB instead of minus infinity."""
    return 10 * np.log10(np.maximum(power, SMALLEST_POWER))


def decibels(amplitude: float) -> float:
    """Convert one amplitude to dB; 0 gives -200 dB instead of minus infinity."""
    return 10 * math.log10(max(float(amplitude) ** 2, SMALLEST_POWER))


def factor(level_db: float) -> float:
    """Convert dB to an amplitude factor."""
    return math.pow(10.0, level_db / 20)


def peak(audio: np.ndarray) -> float:
    """Largest absolute sample of an array of any shape."""
    return float(np.max(np.abs(audio), initial=0.0))


def true_peak(audio: np.ndarray) -> float:
    """Largest absolute value between the samples too, by four-fold oversampling.

    Args:
        audio: `(channels, time)`.

    Returns:
        Linear amplitude; worked out in pieces, so memory does not grow with the length.
    """
    highest = peak(audio)
    for start in range(0, audio.shape[1], TRUE_PEAK_CHUNK):
        first = max(0, start - TRUE_PEAK_MARGIN)
        piece = audio[:, first : start + TRUE_PEAK_CHUNK + TRUE_PEAK_MARGIN]
        if 2 * peak(piece) > highest:  # no signal's true peak is 6 dB over its samples in practice
            oversampled = resample_poly(piece, TRUE_PEAK_OVERSAMPLING, 1, axis=1)
            highest = max(highest, peak(oversampled))
    return highest


def weighted_step_powers(audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Mean square of the K-weighted audio in steps of `HOP_S`, summed over channels.

    Args:
        audio: `(channels, time)`.
        sample_rate: samples per second.

    Returns:
        float64 `(steps,)`; a last, incomplete step is left out.
    """
    step = round(HOP_S * sample_rate)
    steps = audio.shape[1] // step
    sos = k_weighting_sos(sample_rate=sample_rate)
    total = np.zeros(steps)
    for channel in audio:
        filtered = sosfilt(sos, channel.astype(np.float64))[: steps * step]
        total += np.mean(np.square(filtered).reshape(steps, step), axis=1)
    return total


def sliding_loudness(step_powers: np.ndarray, steps: int) -> np.ndarray:
    """Loudness in LUFS over a window of `steps` steps, at each step: momentary or short-term."""
    if len(step_powers) < steps:
        return np.zeros(0)
    sums = np.concatenate([[0.0], np.cumsum(step_powers)])
    return OFFSET_DB + power_db((sums[steps:] - sums[:-steps]) / steps)


def gated_loudness(step_powers: np.ndarray) -> float:
    """Integrated loudness in LUFS of steps, with both gates; minus infinity for silence."""
    momentary = sliding_loudness(step_powers, MOMENTARY_STEPS)
    heard = momentary[momentary > ABSOLUTE_GATE_LUFS]
    if heard.size == 0:
        return -math.inf
    heard = heard[heard > _mean_loudness(heard) + RELATIVE_GATE_LU]
    return _mean_loudness(heard)


def integrated_loudness(audio: np.ndarray, *, sample_rate: int) -> float:
    """Integrated loudness of `(channels, time)` in LUFS; minus infinity for silence."""
    return gated_loudness(weighted_step_powers(audio, sample_rate=sample_rate))


def _mean_loudness(loudness: np.ndarray) -> float:
    return 10 * math.log10(float(np.mean(np.power(10.0, loudness / 10))))

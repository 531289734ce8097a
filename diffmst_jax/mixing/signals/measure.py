"""Measurements of whole songs in NumPy: peaks and loudness over time.

The definitions are those of `dsp` (ITU-R BS.1770-4), for audio of any length without compiling
a function for each length; a test holds the two together.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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

DENSITY_N_FFT = 16384
DENSITY_PIECE = 64 * DENSITY_N_FFT

TRUE_PEAK_OVERSAMPLING = 4
TRUE_PEAK_CHUNK = 1 << 18
TRUE_PEAK_MARGIN = 64
TRUE_PEAK_REACH = 10  # of the filter on each side, in samples
TRUE_PEAK_BLOCK = 64
PRODUCT_ROWS = 16

METER_CHUNK = 1 << 16


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
        envelope = true_peak_envelope(piece, matters_from=highest)
        # Without what is around it, which is cut off: there the filter rings.
        highest = max(highest, peak(envelope[start - first :][:TRUE_PEAK_CHUNK]))
    return highest


def true_peak_envelope(audio: np.ndarray, *, matters_from: float = 0.0) -> np.ndarray:
    """Largest absolute value at and right after each sample over all channels, `(time,)`.

    The filter is that of `scipy.signal.resample_poly`, as a product of blocks with a matrix.

    Args:
        audio: `(channels, time)`.
        matters_from: where it stays below this, it may be of the samples alone, which costs
            less. (No signal's true peak is 6 dB over its samples in practice.)
    """
    channels, time = audio.shape
    blocks = -(-time // TRUE_PEAK_BLOCK)
    ends = (TRUE_PEAK_REACH, TRUE_PEAK_REACH + blocks * TRUE_PEAK_BLOCK - time)
    padded = np.pad(audio.astype(np.float32), ((0, 0), ends))
    frames = sliding_window_view(padded, TRUE_PEAK_BLOCK + 2 * TRUE_PEAK_REACH, axis=1)
    frames = np.ascontiguousarray(frames[:, ::TRUE_PEAK_BLOCK])
    matters = 2 * np.max(np.abs(frames), axis=(0, 2)) >= matters_from
    chosen = frames[:, matters].reshape(-1, frames.shape[2])
    fine = _product_of_rows(chosen, _oversampler())
    np.abs(fine, out=fine)
    fine = fine.reshape(channels, -1, TRUE_PEAK_OVERSAMPLING - 1, TRUE_PEAK_BLOCK)
    between = np.zeros((blocks, TRUE_PEAK_BLOCK), np.float32)
    between[matters] = fine.max(axis=(0, 2))
    return np.maximum(between.reshape(-1)[:time], np.max(np.abs(audio), axis=0))


def _product_of_rows(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """`rows @ matrix`, a few rows at a time: more would wake up all threads of the BLAS library.

    They wait for work in a busy loop, on processors that others have use for.
    """
    missing = -len(rows) % PRODUCT_ROWS
    parts = np.pad(rows, ((0, missing), (0, 0))).reshape(-1, PRODUCT_ROWS, rows.shape[1])
    return (parts @ matrix).reshape(-1, matrix.shape[1])[: len(rows)]


@cache
def _oversampler() -> np.ndarray:
    """From a block and what is around it to what lies between its samples, phase after phase."""
    factor_ = TRUE_PEAK_OVERSAMPLING
    taps = 2 * TRUE_PEAK_REACH * factor_ + 1
    ideal = np.sinc((np.arange(taps) - taps // 2) / factor_) * np.kaiser(taps, 5.0)
    kernel = factor_ * ideal / np.sum(ideal)
    given = np.arange(TRUE_PEAK_BLOCK + 2 * TRUE_PEAK_REACH) - TRUE_PEAK_REACH
    phase, sample = np.divmod(np.arange((factor_ - 1) * TRUE_PEAK_BLOCK), TRUE_PEAK_BLOCK)
    lag = factor_ * (sample - given[:, np.newaxis]) + phase + 1 + taps // 2
    inside = (lag >= 0) & (lag < taps)
    matrix: np.ndarray = np.where(inside, kernel[np.clip(lag, 0, taps - 1)], 0.0)
    return matrix.astype(np.float32)


def weighted_step_powers(audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Mean square of the K-weighted audio in steps of `HOP_S`, summed over channels.

    Args:
        audio: `(channels, time)`.
        sample_rate: samples per second.

    Returns:
        float64 `(steps,)`; a last, incomplete step is left out.
    """
    meter = StepPowers(KWeighting(len(audio), sample_rate=sample_rate), sample_rate=sample_rate)
    for start in range(0, audio.shape[1], METER_CHUNK):
        meter.add(audio[:, start : start + METER_CHUNK])
    return meter.result()


class KWeighting:
    """The filter in front of loudness, of `dsp.weighting`, in float64 for audio in pieces.

    Args:
        channels: number of channels.
        sample_rate: samples per second.
    """

    def __init__(self, channels: int, *, sample_rate: int) -> None:
        from scipy.signal import sosfilt  # noqa: PLC0415 - takes as long as a minute of song

        self._sosfilt, self._sos = sosfilt, k_weighting_sos(sample_rate=sample_rate)
        self._state = np.zeros((len(self._sos), channels, 2))

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Weigh the next piece, `(channels, time)`."""
        weighted, self._state = self._sosfilt(self._sos, audio.astype(np.float64), zi=self._state)
        return weighted


class StepPowers:
    """`weighted_step_powers` of audio that comes in pieces.

    Args:
        weighted: K-weights the next piece, `(channels, time)`.
        sample_rate: samples per second.
    """

    def __init__(self, weighted: Callable[[np.ndarray], np.ndarray], *, sample_rate: int) -> None:
        self._weighted, self._step = weighted, round(HOP_S * sample_rate)
        self._rest: np.ndarray | None = None  # weighted, less than a step
        self._powers: list[np.ndarray] = []

    def add(self, audio: np.ndarray) -> None:
        """Go on with the next piece, `(channels, time)`."""
        weighted = self._weighted(audio)
        if self._rest is not None:
            weighted = np.concatenate([self._rest, weighted], axis=1)
        whole = weighted.shape[1] // self._step * self._step
        steps = weighted[:, :whole].reshape(len(audio), -1, self._step)
        self._powers.append(np.einsum("cst,cst->s", steps, steps, dtype=np.float64) / self._step)
        self._rest = weighted[:, whole:]

    def result(self) -> np.ndarray:
        """Step powers so far, float64 `(steps,)`."""
        return np.concatenate([np.zeros(0), *self._powers])


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


def mid_side_density(audio: np.ndarray, *, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean power density of the half sum and the half difference of two channels.

    Args:
        audio: `(2, time)`.
        sample_rate: samples per second.

    Returns:
        Frequencies in Hz, and the densities of mid and side, `(2, frequencies)`; worked out in
        pieces, so memory does not grow with the length.
    """
    from scipy.signal import welch  # noqa: PLC0415 - takes as long as a minute of song

    length = audio.shape[1]
    size = min(DENSITY_N_FFT, length)
    results, weights = [], []
    for start in range(0, max(1, length - size + 1), DENSITY_PIECE):
        left, right = audio[:, start : start + DENSITY_PIECE]
        mid_side = np.stack([left + right, left - right]) / 2
        results.append(welch(mid_side, sample_rate, nperseg=size, detrend=False))
        weights.append(len(left))
    return results[0][0], np.average([r[1] for r in results], axis=0, weights=weights)

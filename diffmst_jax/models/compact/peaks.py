"""Where signals peak, and what tracks do there in each band."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from diffmst_jax.models.compact.energies import band_shares
from dsp.numerics import matmul
from dsp.spectral import window_values

FRAME = 512  # samples, of which no more than one is a peak; excerpts are as many whole frames
N_FFT = 2048  # of the filters that part a sample into bands


def highest_peaks(signals: Array, count: int) -> Array:
    """Find the highest peaks of each signal, one a frame.

    Args:
        signals: `(signals, time)`.
        count: how many of each.

    Returns:
        Their samples, `(signals, count)`; -1 where there are fewer frames.
    """
    rows, time = signals.shape
    frames = signals[:, : time // FRAME * FRAME].reshape(rows, -1, FRAME)
    # No array of magnitudes is written.
    highest = jnp.maximum(jnp.max(frames, axis=-1), -jnp.min(frames, axis=-1))
    _, loudest = lax.top_k(highest, min(count, frames.shape[1]))
    chosen = jnp.take_along_axis(frames, loudest[..., None], axis=1)
    found = FRAME * loudest + jnp.argmax(jnp.abs(chosen), axis=-1)
    return jnp.pad(found, ((0, 0), (0, count - found.shape[1])), constant_values=-1)


def samples_in_bands(signals: Array, places: Array, *, sample_rate: int) -> Array:
    """Part single samples of signals into the 24 bands of the loss.

    The filters are without delay, as short as `N_FFT`, and add up to the sample itself.

    Args:
        signals: `(signals, time)`.
        places: which samples, `(places,)`; those below 0 count as silent.
        sample_rate: samples per second.

    Returns:
        `(signals, 24, places)`.
    """
    half, missing = N_FFT // 2, max(0, N_FFT - signals.shape[1])
    signals = jnp.pad(signals, ((0, 0), (0, missing)))
    filters = jnp.pad(jnp.asarray(_filters(sample_rate), signals.dtype), ((half, half), (0, 0)))

    def parted(place: Array) -> Array:
        nothing = jnp.zeros((len(signals), filters.shape[1]), signals.dtype)
        return lax.cond(place >= 0, filtered, lambda _: nothing, place)

    def filtered(place: Array) -> Array:
        # At the ends of the signals the filters move, not the window.
        first = jnp.clip(place - half, 0, signals.shape[1] - N_FFT)
        around = lax.dynamic_slice_in_dim(signals, first, N_FFT, axis=1)
        return matmul(around, lax.dynamic_slice_in_dim(filters, first - place + N_FFT, N_FFT))

    # One after the other: a CPU takes four times as long to gather all windows first.
    return jnp.moveaxis(lax.map(parted, places), 0, -1)


@lru_cache
def _filters(sample_rate: int) -> np.ndarray:
    """Zero-phase filters of the bands, `(N_FFT, 24)`; the sample is in the middle."""
    frequency = np.arange(N_FFT // 2 + 1)
    twice = np.where(frequency % (N_FFT // 2) == 0, 1.0, 2.0) / N_FFT
    lag = np.arange(N_FFT) - N_FFT // 2
    waves = np.cos(2 * np.pi / N_FFT * np.outer(lag, frequency)) * twice
    return window_values("hann", N_FFT)[:, None] * (waves @ band_shares(N_FFT, sample_rate))

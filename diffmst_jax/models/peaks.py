"""Where signals peak, and what tracks do there in each band."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from diffmst_jax.models.energies import band_shares
from dsp.numerics import EXACT
from dsp.spectral import window_values

FRAME = 441  # samples, of which no more than one is a peak
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
    frames = jnp.abs(signals[:, : time // FRAME * FRAME]).reshape(rows, -1, FRAME)
    _, loudest = lax.top_k(jnp.max(frames, axis=-1), min(count, frames.shape[1]))
    places = jnp.argmax(frames, axis=-1) + FRAME * jnp.arange(frames.shape[1])[None]
    found = jnp.take_along_axis(places, loudest, axis=1)
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
    padded = jnp.pad(signals, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    around = jax.vmap(lambda place: lax.dynamic_slice_in_dim(padded, place, N_FFT, axis=1))(places)
    filters = jnp.asarray(_filters(sample_rate), signals.dtype)
    parted = jnp.einsum("pst,tb->sbp", around, filters, precision=EXACT)
    return parted * (places >= 0).astype(parted.dtype)[None, None]


@lru_cache
def _filters(sample_rate: int) -> np.ndarray:
    """Zero-phase filters of the bands, `(N_FFT, 24)`; the sample is in the middle."""
    frequency = np.arange(N_FFT // 2 + 1)
    twice = np.where(frequency % (N_FFT // 2) == 0, 1.0, 2.0) / N_FFT
    lag = np.arange(N_FFT) - N_FFT // 2
    waves = np.cos(2 * np.pi / N_FFT * np.outer(lag, frequency)) * twice
    return window_values("hann", N_FFT)[:, None] * (waves @ band_shares(N_FFT, sample_rate))

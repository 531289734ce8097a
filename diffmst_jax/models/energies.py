"""Energies of tracks in bands, and what pairs of them have in common: all that a sum's depend on.

Mixing is linear before dynamics, so the energy of any weighted sum of tracks in a band is a
quadratic form of the weights. Its matrix is measured once; trying a mix then costs a few products
of small matrices instead of audio.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from diffmst_jax.models.bands import STYLE_BANDS, style_band_hz
from dsp.numerics import EXACT
from dsp.spectral import window_values
from dsp.weighting import k_weighting_sos


def shared_energy(spectrum: Array, *, n_fft: int, sample_rate: int) -> tuple[Array, Array]:
    """Mean product of every two signals in each of the 24 bands, summed over frames.

    Args:
        spectrum: Hann-windowed STFT of the signals, complex `(..., signals, bins, frames)`.
        n_fft: its transform length in samples.
        sample_rate: samples per second.

    Returns:
        The products, `(..., 24, signals, signals)`, symmetric. Over the number of frames, their
        diagonal holds mean squares, and their sum over bands is the mean product of two signals,
        for nothing is left out at either end. And that diagonal with the log of its bins'
        frequencies as another factor, `(..., signals, 24)`: their ratio says where in a band the
        energy of a signal lies.
    """
    # Bins lead, as the products want them: moved here, and not when the spectrum is in memory.
    parts = jnp.moveaxis(jnp.concatenate([spectrum.real, spectrum.imag], axis=-1), -2, -3)
    # Rounded products would drown what is left of nearly equal channels when one is subtracted.
    products = jnp.einsum("...fit,...fjt->...fij", parts, parts, precision=EXACT)
    scale = 2.0 / (n_fft * np.sum(np.square(window_values("hann", n_fft))))
    shares = scale * band_shares(n_fft, sample_rate)
    hz = np.maximum(np.arange(n_fft // 2 + 1), 0.5) * (sample_rate / n_fft)
    own = jnp.diagonal(products, axis1=-2, axis2=-1)
    weighted = jnp.asarray(shares * np.log(hz)[:, None], own.dtype)
    return (
        jnp.einsum("...fij,fb->...bij", products, jnp.asarray(shares), precision=EXACT),
        jnp.einsum("...fi,fb->...ib", own, weighted, precision=EXACT),
    )


def k_weights(*, sample_rate: int) -> np.ndarray:
    """Power response of the loudness filter at the centre of each band, `(24,)`."""
    z = np.exp(-2j * np.pi * style_band_hz() / sample_rate)
    powers = np.stack([z**0, z, z**2])
    sections = k_weighting_sos(sample_rate=sample_rate)
    response = np.prod([(s[:3] @ powers) / (s[3:] @ powers) for s in sections], axis=0)
    return np.square(np.abs(response))


def band_shares(n_fft: int, sample_rate: int) -> np.ndarray:
    """How much of each bin belongs to each band, `(bins, 24)`; the rows add up to 1."""
    frequency = np.linspace(0.0, sample_rate / 2.0, n_fft // 2 + 1)
    place = np.interp(frequency, style_band_hz(), np.arange(STYLE_BANDS))
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(STYLE_BANDS))).astype(np.float32)

"""Energies of tracks in bands, and what pairs of them have in common: all that a sum's depend on.

Mixing is linear before dynamics, so the energy of any weighted sum of tracks in a band is a
quadratic form of the weights. Its matrix is measured once; trying a mix then costs a few products
of small matrices instead of audio.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from diffmst_jax.models.compact.bands import style_band_hz
from dsp.numerics import EXACT
from dsp.spectral import window_values
from dsp.weighting import k_weighting_sos

LOWEST_HZ = np.geomspace(25.0, 180.0, 6)
"""Where the lowest band, which is over two octaves wide, is told apart: a shelf that rings does
something else at each of these."""


def shared_energy(spectrum: Array, *, n_fft: int, sample_rate: int) -> tuple[Array, Array, Array]:
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
        energy of a signal lies. And what of the lowest band's lies near each of `LOWEST_HZ`,
        `(..., signals, 6)`.
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
    lowest = jnp.asarray(shares[:, :1] * _near(hz, LOWEST_HZ), own.dtype)
    return (
        jnp.einsum("...fij,fb->...bij", products, jnp.asarray(shares), precision=EXACT),
        jnp.einsum("...fi,fb->...ib", own, weighted, precision=EXACT),
        jnp.einsum("...fi,fk->...ik", own, lowest, precision=EXACT),
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
    return _near(frequency, style_band_hz())


def _near(frequency: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How much of each frequency belongs to each of some places; the rows add up to 1."""
    number = np.arange(len(places))
    place = np.interp(frequency, places, number)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - number)).astype(np.float32)

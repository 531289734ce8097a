"""What the audio-feature loss measures, at half its overlap: what the picture is to match."""

from functools import partial

import jax
from jax import Array

from diffmst_jax.losses import StyleFeatures, style_features
from diffmst_jax.losses.audio_features import BARK_N_FFT, bark_spectrum
from diffmst_jax.sharding import by_rows
from dsp.numerics import sequential_backend

HOP = BARK_N_FFT // 2
"""Samples between spectra, wherever two are compared: half as many as the loss takes."""


def measured_style(mix: Array, *, sample_rate: int) -> StyleFeatures:
    """Measure a mix or a reference, `(2, time)`; see `style_features`."""
    return style_features(mix, sample_rate=sample_rate, bark_hop=HOP)


def style_spectrum(x: Array, *, sample_rate: int) -> Array:
    """Log of the mean magnitude of single signals in the 24 bands of the loss, with its window.

    Args:
        x: `(batch, signals, time)`.
        sample_rate: samples per second.

    Returns:
        `(batch, signals, 24)`.
    """
    return by_rows(partial(_of_rows, sample_rate=sample_rate))(x)


def _of_rows(x: Array, sample_rate: int) -> Array:
    measure = partial(bark_spectrum, sample_rate=sample_rate, hop=HOP)
    signals = x.reshape(-1, x.shape[-1])
    if sequential_backend():
        # One after the other: the spectra of all are larger than a cache.
        spectra = jax.lax.map(lambda signal: measure(signal[None])[0], signals)
    else:
        spectra = measure(signals)
    return spectra.reshape(*x.shape[:-1], -1)

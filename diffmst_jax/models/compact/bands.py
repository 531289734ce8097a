"""The Bark bands that the compact model hears in: its own, and the 24 of the audio-feature loss."""

import numpy as np

from dsp.spectral import bark_filterbank, bark_to_hz, hz_to_bark

STYLE_BANDS = 24  # of the audio-feature loss
LOW_HZ, HIGH_HZ = 20.0, 20000.0


def bank(bands: int, *, n_fft: int, sample_rate: int) -> np.ndarray:
    """From magnitudes of bins to those of bands, float32 `(bins, bands)`."""
    return bark_filterbank(
        bands=bands, n_fft=n_fft, sample_rate=sample_rate, low_hz=LOW_HZ, high_hz=HIGH_HZ
    )


def style_band_hz() -> np.ndarray:
    """Centre frequencies of the 24 bands of the loss."""
    edges = np.linspace(hz_to_bark(LOW_HZ), hz_to_bark(HIGH_HZ), STYLE_BANDS + 2)
    return bark_to_hz(edges, high_correction=False)[1:-1]

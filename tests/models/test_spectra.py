"""Spectra a few frames at a time, against all of them at once in float64."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from diffmst_jax.models import CompactConfig
from diffmst_jax.models.compact.bands import STYLE_BANDS, bank, style_band_hz
from diffmst_jax.models.compact.spectra import RUN, analyse
from tests.compiling import quick_jit

RATE = 44100
CONFIG = CompactConfig(n_fft=512, hop=256, bands=20)
PLACE = np.interp(np.fft.rfftfreq(512, 1 / RATE), style_band_hz(), np.arange(STYLE_BANDS))
SHARES = np.maximum(0, 1 - np.abs(PLACE[:, None] - np.arange(STYLE_BANDS)))  # bins, bands


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def spectrum(x: np.ndarray) -> np.ndarray:
    """Complex `(..., bins, frames)`."""
    n = CONFIG.n_fft
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, max(0, n - x.shape[-1]))]).astype(np.float64)
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n // 2, n // 2)], mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(x, n, axis=-1)[..., :: CONFIG.hop, :]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    return np.swapaxes(np.fft.rfft(frames * window), -1, -2)


def shared(spectrum: np.ndarray) -> np.ndarray:
    """Mean products in the 24 bands, between whose centres a bin is shared out linearly."""
    n = CONFIG.n_fft
    products = np.einsum("...ift,...jft->...fij", spectrum, spectrum.conj()).real
    scale = 2 / (n * spectrum.shape[-1] * 0.375 * n)  # 0.375: mean square of a Hann window
    return scale * np.einsum("...fij,fb->...bij", products, SHARES)


def mean_hz(spectrum: np.ndarray) -> np.ndarray:
    power = np.sum(np.square(np.abs(spectrum)), axis=-1)
    log_hz = np.log(np.maximum(np.arange(spectrum.shape[-2]), 0.5) * RATE / CONFIG.n_fft)
    return np.exp(((power * log_hz) @ SHARES) / (power @ SHARES))


# Whole runs; runs of two lengths; a single run; many signals; a batch; less than a window.
@pytest.mark.parametrize(
    ("lead", "time", "segments"),
    [
        ((3,), (4 * RUN - 1) * 256, 4),
        ((3,), 9211, 4),
        ((2,), 700, 1),
        ((2 * RUN + 5,), 12000, 3),
        ((2, 2), 5000, 2),
        ((2,), 100, 1),
    ],
)
def test_in_runs_as_at_once(lead, time, segments):
    x = noise(*lead, time)
    found = quick_jit(
        functools.partial(analyse, config=CONFIG, sample_rate=RATE, segments=segments)
    )(jnp.asarray(x))
    whole = spectrum(x)
    wanted = np.swapaxes(np.abs(whole), -1, -2) @ bank(20, n_fft=512, sample_rate=RATE)
    np.testing.assert_allclose(found.bands, wanted, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found.energy, shared(whole), atol=2e-6)
    np.testing.assert_allclose(found.hz, mean_hz(whole), rtol=1e-3)
    parts = np.array_split(whole, segments, axis=-1)
    np.testing.assert_allclose(
        found.segments, np.stack([shared(p) for p in parts], axis=-4), atol=2e-6
    )


def test_spectra_of_sums_are_sums_of_spectra():
    """Mid, side, left and right of a reference whose sides are faint."""
    left, faint = noise(2, 5000)
    x, views = np.stack([left, left + 1e-3 * faint]), np.array([[1, 1], [1, -1], [1, 0], [0, 1]])
    of = quick_jit(functools.partial(analyse, config=CONFIG, sample_rate=RATE))
    of_views = quick_jit(functools.partial(analyse, config=CONFIG, sample_rate=RATE, views=views))
    expected = of((views @ x).astype(np.float32))
    for name, value in of_views(x.astype(np.float32))._asdict().items():
        np.testing.assert_allclose(
            value, getattr(expected, name), rtol=5e-4, atol=1e-7, err_msg=name
        )

"""Where signals peak, and samples parted into bands."""

import functools

import jax
import numpy as np

from diffmst_jax.models.compact.bands import STYLE_BANDS, style_band_hz
from diffmst_jax.models.compact.peaks import FRAME, highest_peaks, samples_in_bands

RATE = 44100

highest = jax.jit(highest_peaks, static_argnames="count")
in_bands = jax.jit(functools.partial(samples_in_bands, sample_rate=RATE))


def test_the_highest_peaks_of_each_signal_one_a_frame():
    x = np.full((2, 4 * FRAME + 7), 0.01, np.float32)
    x[0, [5, 9, FRAME + 3, 3 * FRAME]] = 0.9, -1.0, 0.5, -0.7
    x[1, 2 * FRAME + 1] = -0.3
    assert sorted(np.asarray(highest(x, 3))[0]) == [9, FRAME + 3, 3 * FRAME]
    assert highest(x, 1)[1] == 2 * FRAME + 1
    few = np.asarray(highest(x, 6))
    assert (few[:, 4:] == -1).all()
    assert (few[:, :4] >= 0).all()


def test_bands_add_up_to_the_sample_also_at_the_ends():
    x = np.random.default_rng(0).standard_normal((3, 5000)).astype(np.float32)
    places = np.array([0, 1, 2500, 4999, -1])
    parted = np.asarray(in_bands(x, places))
    assert parted.shape == (3, STYLE_BANDS, 5)
    np.testing.assert_allclose(np.sum(parted, axis=1)[:, :4], x[:, places[:4]], atol=1e-5)
    assert (parted[..., 4] == 0).all()


def test_a_tone_is_in_its_band():
    for band in (0, 5, 23):
        hz = style_band_hz()[band]
        tone = np.cos(2 * np.pi * hz / RATE * (np.arange(8000) - 4000)).astype(np.float32)
        found = np.asarray(in_bands(tone[None], np.array([4000])))
        assert found[0, band, 0] > 0.8
        np.testing.assert_allclose(np.delete(found[0, :, 0], band), 0.0, atol=0.1)

"""Spectra of single signals, as the audio-feature loss takes them of mid and side."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from diffmst_jax.losses.audio_features import BARK_FLOOR
from diffmst_jax.models.compact import style_spectrum as module
from diffmst_jax.models.compact.style_spectrum import measured_style, style_spectrum
from tests.compiling import quick_jit

RATE = 44100


@pytest.mark.parametrize("one_after_the_other", [True, False])
def test_signals_are_measured_as_mid_and_side_of_a_mix_are(monkeypatch, one_after_the_other):
    monkeypatch.setattr(module, "sequential_backend", lambda: one_after_the_other)
    mixes = np.random.default_rng(0).standard_normal((3, 2, 50000)).astype(np.float32)
    mixes[2, 1] = mixes[2, 0]  # mono: nothing is in its side
    signals = jnp.stack([mixes[:, 0] + mixes[:, 1], mixes[:, 0] - mixes[:, 1]], axis=1)
    found = quick_jit(functools.partial(style_spectrum, sample_rate=RATE))(signals)
    measure = quick_jit(functools.partial(measured_style, sample_rate=RATE))
    expected = np.stack([measure(mix).bark_spectrum.T for mix in mixes])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[2, 1], np.log(BARK_FLOOR), rtol=1e-5)

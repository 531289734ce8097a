"""The loudness-normalising wrapper."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmst_jax.losses import audio_feature_loss, loudness_gain_db, normalize_loudness
from dsp.loudness import integrated_loudness
from tests import golden
from tests.compiling import quick_jit

RATE = 44100
NOISE = (0.05 * np.random.default_rng(0).standard_normal((2, 32768))).astype(np.float32)


def test_gain_follows_the_reference_implementation():
    z = golden.load("style_features.npz")
    gain_for = jax.jit(loudness_gain_db, static_argnames="sample_rate")
    for pair, lufs in zip(z["pred"], z["lufs_pred"], strict=True):
        gain = gain_for(pair, -16.0, sample_rate=RATE)
        np.testing.assert_allclose(gain, -16.0 - lufs, atol=0.01)


def test_the_result_has_the_loudness_asked_for():
    @jax.jit
    def loudness_after(x):
        mix = normalize_loudness(x, -23.0, sample_rate=RATE)
        return integrated_loudness(mix, sample_rate=RATE)

    np.testing.assert_allclose(loudness_after(NOISE), -23.0, atol=1e-3)


@jax.jit
@jax.value_and_grad
def normalized_sum(x):
    return jnp.sum(normalize_loudness(x, -16.0, sample_rate=RATE))


@pytest.mark.parametrize("scale", [0.0, 1e-5])
def test_silence_stays_and_has_a_finite_gradient(scale):
    quiet = scale * NOISE
    mix, slope = normalized_sum(quiet)
    np.testing.assert_allclose(mix, jnp.sum(quiet), rtol=1e-6)
    assert np.isfinite(slope).all()


def test_a_loss_behind_it_does_not_see_the_level():
    def loss(gain):
        mix = normalize_loudness(gain * NOISE, -16.0, sample_rate=RATE)
        return audio_feature_loss(mix, NOISE[::-1] ** 3, sample_rate=RATE).total

    value, slope = quick_jit(jax.value_and_grad(loss))(jnp.float32(1.0))
    assert value > 0.1
    assert abs(slope) < 1e-4 * value

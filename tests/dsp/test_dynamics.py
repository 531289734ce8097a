"""The gain of a compressor by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp

RATE = 44100
RNG = np.random.default_rng(0)


def settings(**changes) -> dsp.CompressorParams:
    params = dsp.CompressorParams(-20.0, 4.0, 5.0, 50.0, 6.0, 3.0)._replace(**changes)
    return jax.tree.map(jnp.float32, params)


@pytest.mark.parametrize("detection", ["peak", "rms"])
@pytest.mark.parametrize("detector", ["mean", "max", "sum"])
@pytest.mark.parametrize("ballistics", ["branching", "decoupled", "one_pole"])
def test_the_gain_is_what_the_compressor_applies(ballistics, detector, detection):
    x = jnp.asarray(RNG.uniform(-1, 1, (2, 4096)), jnp.float32)
    how = {
        "sample_rate": RATE,
        "ballistics": ballistics,
        "detector": detector,
        "detection": detection,
    }
    gain = dsp.compressor_gain(x, settings(), **how)
    y = dsp.compressor(x, settings(makeup_gain_db=0.0), **how)
    assert np.min(gain) < 0.5
    np.testing.assert_allclose(x * gain[None], y, atol=2e-7)


def test_the_gain_is_one_where_nothing_is_turned_down_and_has_finite_gradients():
    x = jnp.zeros((2, 512))
    gain, slopes = jax.value_and_grad(
        lambda x, p: jnp.sum(dsp.compressor_gain(x, p, sample_rate=RATE)), argnums=(0, 1)
    )(x, settings())
    assert gain == 512
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))

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


@pytest.mark.parametrize("time", [1, 2000])
@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("attack_ms", [0.0, 1e-3])
def test_a_sampled_attack_at_once_is_finite_and_is_no_smoothing(attack_ms, level, time):
    x = jnp.asarray(level * RNG.uniform(-1, 1, (2, time)), jnp.float32)

    def energy(x, params, ballistics):
        y = dsp.compressor(x, params, sample_rate=RATE, ballistics=ballistics)
        return jnp.sum(y**2), y

    pull = jax.value_and_grad(energy, argnums=(0, 1), has_aux=True)
    params = settings(attack_ms=attack_ms)
    (_, y), slopes = pull(x, params, "sampled_one_pole")
    (_, wanted), wanted_slopes = pull(x, params, "one_pole")
    np.testing.assert_allclose(y, wanted, rtol=1e-6, equal_nan=False)
    for slope, expected in zip(
        jax.tree.leaves(slopes), jax.tree.leaves(wanted_slopes), strict=True
    ):
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6, equal_nan=False)
    assert slopes[1].attack_ms == 0


def test_a_side_chain_may_have_another_dtype():
    x = 0.5 * jax.random.normal(jax.random.key(0), (2, 500))
    params = dsp.CompressorParams(-30.0, 4.0, 5.0, 50.0, 6.0, 0.0)
    own = dsp.compressor(x, params, sample_rate=44100)
    with jax.enable_x64(True):
        wider = dsp.compressor(x, params, sample_rate=44100, side_chain=x.astype(jnp.float64))
        assert wider.dtype == jnp.float32
    np.testing.assert_allclose(wider, own, rtol=1e-5, atol=1e-6)

"""The gain of a compressor by itself."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from tests.compiling import quick_jit

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
    total = lambda x, p: jnp.sum(dsp.compressor_gain(x, p, sample_rate=RATE))  # noqa: E731
    gain, slopes = quick_jit(jax.value_and_grad(total, argnums=(0, 1)))(x, settings())
    assert gain == 512
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


@partial(jax.jit, static_argnames="ballistics")
def pulled(x, params, ballistics):
    """A compressor's energy and output, and the gradients of the energy."""

    def energy(x, params):
        y = dsp.compressor(x, params, sample_rate=RATE, ballistics=ballistics)
        return jnp.sum(y**2), y

    return jax.value_and_grad(energy, argnums=(0, 1), has_aux=True)(x, params)


@pytest.mark.parametrize("time", [1, 2000])
@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("attack_ms", [0.0, 1e-3])
def test_a_sampled_attack_at_once_is_finite_and_is_no_smoothing(attack_ms, level, time):
    x = (level * RNG.uniform(-1, 1, (2, time))).astype(np.float32)
    params = settings(attack_ms=attack_ms)
    (_, y), slopes = pulled(x, params, "sampled_one_pole")
    (_, wanted), wanted_slopes = pulled(x, params, "one_pole")
    np.testing.assert_allclose(y, wanted, rtol=1e-6, equal_nan=False)
    for slope, expected in zip(
        jax.tree.leaves(slopes), jax.tree.leaves(wanted_slopes), strict=True
    ):
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6, equal_nan=False)
    assert slopes[1].attack_ms == 0


def test_a_side_chain_may_have_another_dtype():
    x = (0.5 * RNG.standard_normal((2, 500))).astype(np.float32)
    params = dsp.CompressorParams(-30.0, 4.0, 5.0, 50.0, 6.0, 0.0)
    compressor = jax.jit(partial(dsp.compressor, sample_rate=RATE))
    own = compressor(x, params)
    with jax.enable_x64(True):
        wider = compressor(x, params, side_chain=x.astype(np.float64))
        assert wider.dtype == jnp.float32
    np.testing.assert_allclose(wider, own, rtol=1e-5, atol=1e-6)

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp import distortion as module
from dsp.distortion import ClipperParams, distortion, oversample, soft_clipper
from tests import golden

clip = jax.jit(soft_clipper, static_argnames="oversampling")


def settings(drive_db=12.0, ceiling_db=0.0, knee=0.5):
    return ClipperParams(*(jnp.asarray(v, jnp.float32) for v in (drive_db, ceiling_db, knee)))


def noise(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, shape), jnp.float32)


def test_distortion_golden():
    vectors = golden.load("distortion.npz")
    for x, drive, y in zip(vectors["x"], vectors["drive_db"], vectors["y"], strict=True):
        np.testing.assert_allclose(distortion(jnp.asarray(x), drive), y, atol=3e-7)


def test_the_curve_without_oversampling():
    x = np.linspace(-2, 2, 401)[None]
    y = clip(jnp.asarray(x, jnp.float32), settings(0.0, 0.0, 0.5), oversampling=1)
    level = np.abs(x)
    parabola = level - (level - 0.5) ** 2 / 2
    expected = np.sign(x) * np.where(level < 0.5, level, np.where(level < 1.5, parabola, 1.0))
    np.testing.assert_allclose(y, expected, atol=1e-6)
    hard = clip(jnp.asarray(x, jnp.float32), settings(0.0, -6.0, 0.0), oversampling=1)
    np.testing.assert_allclose(hard, np.clip(x, -(10**-0.3), 10**-0.3), atol=1e-6)


@pytest.mark.parametrize("oversampling", [1, 4])
def test_what_is_not_clipped_passes_unchanged(oversampling):
    x = 0.25 * noise(2, 300)
    y = clip(x, settings(drive_db=0.0), oversampling=oversampling)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize(("oversampling", "alias_db"), [(1, -16.0), (2, -42.5), (4, -60.0)])
def test_aliases_are_as_documented(oversampling, alias_db):
    rate = 44100
    x = jnp.asarray(np.sin(2 * np.pi * 4999 * np.arange(rate + 2000) / rate)[None], jnp.float32)
    y = np.asarray(clip(x, settings(), oversampling=oversampling), np.float64)[0, 1000:-1000]
    power = np.abs(np.fft.rfft(y)) ** 2
    harmonics = power[4999::4999].sum()
    assert 10 * np.log10((power.sum() - harmonics) / harmonics) < alias_db


@pytest.mark.parametrize("chunk", [1, 7, 4093])
def test_chunks_equal_the_whole_and_come_late(chunk):
    time = min(5000, 60 * chunk)
    x, params = noise(2, time), settings()
    latency = module.oversampling_latency(4)
    state = module.oversampling_state(x, factor=4)
    at_once, _ = clip(x, params, state=state)
    pieces = []
    for start in range(0, time, chunk):
        y, state = clip(x[:, start : start + chunk], params, state=state)
        pieces.append(y)
    chunked = jnp.concatenate(pieces, axis=1)
    np.testing.assert_allclose(chunked, at_once, atol=2e-5)
    if time > latency:
        whole = clip(x, params)
        np.testing.assert_allclose(chunked[:, 2 * latency :], whole[:, latency:-latency], atol=2e-5)


def test_oversampled_tanh_keeps_the_band():
    x = 0.1 * jnp.sin(2 * np.pi * 1000 / 44100 * jnp.arange(2000.0))[None]
    y = oversample(lambda v: distortion(v, 0.0), x, factor=2)
    np.testing.assert_allclose(y[:, 100:-100], jnp.tanh(x)[:, 100:-100], atol=1e-6)


def test_vmap_equals_the_loop():
    x = noise(3, 2, 200)
    params = ClipperParams(jnp.array([0.0, 6.0, 24.0]), jnp.array([0.0, -3, -24.0]), jnp.zeros(3))
    together = jax.vmap(clip)(x, params)
    for i in range(3):
        alone = clip(x[i], jax.tree.map(lambda v, i=i: v[i], params))
        np.testing.assert_allclose(together[i], alone, atol=1e-5)


@jax.jit
def gradients(x, params):
    return jax.grad(lambda x, p: jnp.sum(soft_clipper(x, p) ** 3), argnums=(0, 1))(x, params)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_gradients_are_finite_in_every_corner(level):
    ranges = module.CLIPPER_RANGES
    for corner in np.ndindex(2, 2, 2):
        params = settings(*(r[c] for r, c in zip(ranges, corner, strict=True)))
        for leaf in jax.tree.leaves(gradients(level * jnp.ones((1, 100)), params)):
            assert np.all(np.isfinite(leaf))


def test_gradients_equal_finite_differences(float64):
    x = noise(1, 100).astype(jnp.float64)
    params = jax.tree.map(lambda v: v.astype(jnp.float64), settings())
    loss = jax.jit(lambda x, p: jnp.sum(soft_clipper(x, p) ** 3))
    step = 1e-6
    ahead = loss(x + step, jax.tree.map(lambda v: v + step, params))
    behind = loss(x - step, jax.tree.map(lambda v: v - step, params))
    gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))(x, params)
    analytic = sum(jnp.sum(leaf) for leaf in jax.tree.leaves(gradient))
    np.testing.assert_allclose(analytic, (ahead - behind) / (2 * step), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: distortion(jnp.zeros(5), 0.0), "x has shape"),
        (lambda: distortion(jnp.zeros((1, 5), int), 0.0), "x has dtype int"),
        (lambda: soft_clipper(jnp.zeros((1, 5)), settings(), oversampling=0), "factor is 0"),
        (
            lambda: soft_clipper(jnp.zeros((1, 5)), settings(knee=np.ones(2))),
            "params.knee has shape",
        ),
        (
            lambda: soft_clipper(jnp.zeros((1, 5)), settings(), state=jnp.zeros((1, 3))),
            "state has shape",
        ),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

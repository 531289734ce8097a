import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp.distortion import (
    ClipperParams,
    distortion,
    oversample,
    oversampling_latency,
    oversampling_state,
    soft_clipper,
)
from tests import golden
from tests.dsp.tolerances import TOLERANCE

clip = jax.jit(soft_clipper, static_argnames="oversampling")


def settings(drive_db=12.0, ceiling_db=0.0, knee=0.5):
    return ClipperParams(*(jnp.asarray(v, jnp.float32) for v in (drive_db, ceiling_db, knee)))


def noise(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, shape), jnp.float32)


def test_distortion_golden():
    vectors = golden.load("distortion.npz")
    for x, drive, y in zip(vectors["x"], vectors["drive_db"], vectors["y"], strict=True):
        actual = distortion(jnp.asarray(x), drive)
        np.testing.assert_allclose(actual, y, rtol=0, atol=TOLERANCE["distortion"])


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


@pytest.mark.parametrize("oversampling", [1, 2, 4])
def test_a_stream_is_the_whole_late(oversampling):
    latency, params = oversampling_latency(oversampling), settings()
    # A tone that begins and ends at its peak rings beyond both of its ends.
    tone = 0.9 * jnp.cos(2 * np.pi * 5000 / 44100 * jnp.arange(301.0))
    x = jnp.concatenate([noise(1, 301), tone[None]])
    late = jnp.pad(x, ((0, 0), (0, latency)))
    state = oversampling_state(x, factor=oversampling)
    stream, _ = clip(late, params, oversampling=oversampling, state=state)
    whole = clip(x, params, oversampling=oversampling)
    np.testing.assert_allclose(stream[:, latency:], whole, atol=2e-5)


def test_oversampled_tanh_keeps_the_band():
    x = 0.1 * jnp.sin(2 * np.pi * 1000 / 44100 * jnp.arange(2000.0))[None]
    y = oversample(lambda v: distortion(v, 0.0), x, factor=2)
    np.testing.assert_allclose(y[:, 100:-100], jnp.tanh(x)[:, 100:-100], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: distortion(jnp.zeros(5), 0.0), "x has shape"),
        (lambda: distortion(jnp.zeros((1, 5), int), 0.0), "x has dtype int"),
        (lambda: soft_clipper(jnp.zeros((1, 5)), settings(), oversampling=0), "oversampling is 0"),
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


@pytest.mark.parametrize("knee", [0.0, 1e-38, 1e-30, 1e-20, 1e-19, 1e-18, 1e-10, 1e-3])
def test_a_knee_of_next_to_nothing_has_the_gradients_of_none(knee):
    x = jax.random.normal(jax.random.key(0), (2, 400))

    def loudness(params):
        return jnp.sum(jnp.square(soft_clipper(x, params, oversampling=1)))

    slope = jax.jit(jax.grad(loudness))
    of_none = slope(settings(ceiling_db=-12.0, knee=0.0))
    found = slope(settings(ceiling_db=-12.0, knee=knee))
    assert all(np.isfinite(leaf) for leaf in found)
    np.testing.assert_allclose(found[:2], of_none[:2], rtol=0.01)

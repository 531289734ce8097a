"""Multi-resolution STFT losses: golden values and the edges."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from diffmst_jax.losses import (
    MultiResolutionStft,
    StftResolution,
    multi_resolution_stft_loss,
    sum_difference_stft_loss,
)
from tests import golden
from tests.compiling import quick_jit

TIME = 16384
EVERY_TERM = MultiResolutionStft(spectral_convergence=1.0)


SILENCE = np.zeros((2, TIME), np.float32)

loss_of = jax.jit(multi_resolution_stft_loss, static_argnames="config")
of_sum_and_difference = jax.jit(sum_difference_stft_loss, static_argnames="config")


def noise(seed: int, dtype=np.float32) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((2, TIME))).astype(dtype)


def golden_pair() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    z = golden.load("style_features.npz")
    return z, z["pred"].reshape(4, -1), z["ref"].reshape(4, -1)


@functools.cache
def gradient(loss=multi_resolution_stft_loss):
    return quick_jit(jax.value_and_grad(functools.partial(loss, config=EVERY_TERM)))


def test_the_paper_s_loss_equals_the_reference_implementation():
    z, p, r = golden_pair()
    value = loss_of(p, r)
    np.testing.assert_allclose(value, z["mrstft_l1_lin_log"], rtol=1e-5)


def test_default_terms_of_auraloss_equal_the_reference_implementation():
    # The golden value has auraloss's default terms on the resolutions of the paper.
    z, p, r = golden_pair()
    config = dataclasses.replace(
        MultiResolutionStft.auraloss(), resolutions=MultiResolutionStft().resolutions
    )
    value = loss_of(p, r, config)
    np.testing.assert_allclose(value, z["mrstft_default"], rtol=1e-5)


def test_default_resolutions_of_auraloss():
    # 2.580821 is what auraloss 0.4.0 itself gives for this input.
    _, p, r = golden_pair()
    value = loss_of(p, r, MultiResolutionStft.auraloss())
    np.testing.assert_allclose(value, 2.580821, rtol=5e-5)


@pytest.mark.parametrize(
    ("predicted", "reference"),
    [
        (SILENCE, noise(1)),
        (noise(1), SILENCE),
        (SILENCE, SILENCE),
        (noise(1)[[0, 0]], noise(2)),
        (noise(1)[[0, 0]], noise(2)[[0, 0]]),
    ],
    ids=["silence", "silent reference", "both", "mono", "both mono"],
)
@pytest.mark.parametrize("loss", [multi_resolution_stft_loss, sum_difference_stft_loss])
def test_value_and_gradient_are_finite_at_the_edges(loss, predicted, reference):
    value, slope = gradient(loss)(predicted, reference)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("loss", [multi_resolution_stft_loss, sum_difference_stft_loss])
def test_identical_signals_have_no_loss_and_a_finite_gradient(loss):
    value, slope = gradient(loss)(noise(1), noise(1))
    assert value < 1e-5
    assert np.isfinite(slope).all()


def test_gradient_agrees_with_finite_differences(float64):
    x, r = noise(4, np.float64), 0.3 * noise(5, np.float64)
    direction = np.random.default_rng(6).standard_normal(x.shape)

    def along(t):
        return multi_resolution_stft_loss(x + t * direction, r, EVERY_TERM)

    value, slope, step = quick_jit(along), quick_jit(jax.grad(along)), 1e-9
    numerical = (value(step) - value(-step)) / (2 * step)
    np.testing.assert_allclose(slope(0.0), numerical, rtol=1e-4)


def test_sum_and_difference_do_not_see_which_channel_is_left():
    x, r = noise(1), noise(2)
    one = MultiResolutionStft((StftResolution(512, 256, 512),))
    mirrored = of_sum_and_difference(x[::-1], r, one)
    np.testing.assert_allclose(of_sum_and_difference(x, r, one), mirrored, rtol=1e-6)
    channels = [loss_of(y, r, one) for y in (x, x[::-1])]
    assert abs(channels[0] - channels[1]) > 1e-4


def test_other_lengths_and_channels_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        multi_resolution_stft_loss(noise(1), noise(1)[:, :-1])
    with pytest.raises(ValueError, match=r"\(2, time\)"):
        sum_difference_stft_loss(noise(1)[:1], noise(1)[:1])

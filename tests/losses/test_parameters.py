"""The parameter loss and its mask."""

import jax
import numpy as np

from diffmst_jax.losses import parameter_loss
from diffmst_jax.models import Controls
from tests.compiling import quick_jit

RNG = np.random.default_rng(0)


def controls(tracks: int) -> Controls:
    return Controls(*(RNG.uniform(size=s).astype(np.float32) for s in ((tracks, 27), 25, 26)))


loss_of = jax.jit(parameter_loss)


def test_each_control_weighs_the_same():
    a, b = controls(3), controls(3)
    loss = loss_of(a, b, np.ones(3))
    flat = [np.concatenate([np.ravel(group) for group in c]) for c in (a, b)]
    np.testing.assert_allclose(loss.total, np.mean((flat[0] - flat[1]) ** 2), rtol=1e-6)
    np.testing.assert_allclose(loss.track, np.mean((a.track - b.track) ** 2), rtol=1e-6)


def test_padding_changes_nothing_even_if_it_is_nan():
    a, b = controls(3), controls(3)
    padding = np.full((2, 27), np.nan, np.float32)
    padded_a, padded_b = (c._replace(track=np.concatenate([c.track, padding])) for c in (a, b))
    mask = np.array([1, 1, 1, 0, 0])
    for ours, expected in zip(
        loss_of(padded_a, padded_b, mask), loss_of(a, b, np.ones(3)), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)
    slope = quick_jit(jax.grad(lambda p: parameter_loss(p, padded_b, mask).total))(padded_a)
    assert np.isfinite(slope.track).all()
    assert not slope.track[3:].any()


def test_no_track_at_all_is_finite():
    loss = loss_of(controls(2), controls(2), np.zeros(2))
    assert loss.track == 0
    assert np.isfinite(loss.total)

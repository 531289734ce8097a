"""The parameter loss and its mask."""

import jax
import jax.numpy as jnp
import numpy as np

from diffmst_jax.losses import parameter_loss
from diffmst_jax.models import Controls

RNG = np.random.default_rng(0)


def controls(tracks: int) -> Controls:
    return Controls(*(jnp.asarray(RNG.uniform(size=s)) for s in ((tracks, 27), 25, 26)))


def test_each_control_weighs_the_same():
    a, b = controls(3), controls(3)
    loss = parameter_loss(a, b, jnp.ones(3))
    flat = [np.concatenate([np.ravel(group) for group in c]) for c in (a, b)]
    np.testing.assert_allclose(loss.total, np.mean((flat[0] - flat[1]) ** 2), rtol=1e-6)
    np.testing.assert_allclose(loss.track, np.mean((a.track - b.track) ** 2), rtol=1e-6)


def test_padding_changes_nothing_even_if_it_is_nan():
    a, b = controls(3), controls(3)
    padding = jnp.full((2, 27), jnp.nan)
    padded_a, padded_b = (c._replace(track=jnp.concatenate([c.track, padding])) for c in (a, b))
    mask = jnp.array([1, 1, 1, 0, 0])
    for ours, expected in zip(
        parameter_loss(padded_a, padded_b, mask), parameter_loss(a, b, jnp.ones(3)), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)
    slope = jax.grad(lambda p: parameter_loss(p, padded_b, mask).total)(padded_a)
    assert np.isfinite(slope.track).all()
    assert not slope.track[3:].any()


def test_no_track_at_all_is_finite():
    loss = parameter_loss(controls(2), controls(2), jnp.zeros(2))
    assert loss.track == 0
    assert np.isfinite(loss.total)

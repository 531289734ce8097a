"""Loss on the controls themselves, for training with references made by the console (method 1)."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from diffmst_jax.controls import Controls


class ParameterLoss(NamedTuple):
    """Mean squared error of the controls, scalars; `total` is the mean of the others' elements."""

    total: Array
    track: Array
    fx_bus: Array
    master: Array


def parameter_loss(predicted: Controls, target: Controls, mask: Array) -> ParameterLoss:
    """Mean squared error between two sets of controls of one song, over tracks that are there.

    Args:
        predicted: controls in [0, 1]: track `(tracks, 27)`, fx_bus `(25,)`, master `(26,)`.
        target: controls of the same shapes.
        mask: which tracks are there, `(tracks,)`; the others count nothing, whatever they hold.

    Returns:
        The error of each group and of all controls together, each control weighing the same.
    """
    present = (mask > 0)[:, None]
    # The difference is masked before it is squared, so that NaN in the padding has no gradient.
    squared = Controls(
        track=jnp.square(jnp.where(present, predicted.track - target.track, 0.0)),
        fx_bus=jnp.square(predicted.fx_bus - target.fx_bus),
        master=jnp.square(predicted.master - target.master),
    )
    sums = jnp.stack([jnp.sum(group) for group in squared])
    counts = jnp.stack(
        [
            jnp.sum(present) * predicted.track.shape[-1],
            jnp.asarray(predicted.fx_bus.size),
            jnp.asarray(predicted.master.size),
        ]
    )
    means = sums / jnp.maximum(counts, 1)
    return ParameterLoss(jnp.sum(sums) / jnp.sum(counts), means[0], means[1], means[2])

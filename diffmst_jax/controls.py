"""What a model gives: control vectors in [0, 1], in the order that the console reads them."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

FLOOR = 1e-6
"""As far from 0 and 1 as controls are taken to be in a mean, for finite logits."""


class Controls(NamedTuple):
    """Control vectors of one mix, each value in [0, 1]; see `dsp.console_params`.

    A batch has one more leading axis throughout.

    Attributes:
        track: `(tracks, TRACK_CONTROLS)`.
        fx_bus: `(FX_BUS_CONTROLS,)`.
        master: `(MASTER_CONTROLS,)`.
    """

    track: Array
    fx_bus: Array
    master: Array


def logistic_mean(values: Sequence[Array], weights: np.ndarray | Sequence[float]) -> Array:
    """Mean of controls on the logistic scale.

    Args:
      values: several answers of one shape.
      weights: of the answers, `(answers,)` or for each row `(answers, rows)`; they sum to 1.
    """
    inside = np.clip(np.asarray(values, np.float64), FLOOR, 1.0 - FLOOR)
    shares = np.reshape(weights, np.shape(weights) + (1,) * (inside.ndim - np.ndim(weights)))
    mean = np.sum(shares * (np.log(inside) - np.log1p(-inside)), axis=0)
    return jnp.asarray(1.0 / (1.0 + np.exp(-mean)), jnp.float32)

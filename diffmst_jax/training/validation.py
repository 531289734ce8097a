"""Scores of the current weights on the held-out examples."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jax import Array

from diffmst_jax.data.examples import Example
from diffmst_jax.training.objective import Mixed
from diffmst_jax.training.step import TrainState, averaged

EvalStep = Callable[[nnx.State, nnx.State, Example, Array], Mixed]


class Validation(NamedTuple):
    """Result of one validation.

    Attributes:
      metrics: means over the examples; "loss" is what training minimises.
      mixes: predicted mixes, each (2, time), of the first examples.
      targets: what they were compared with.
    """

    metrics: dict[str, float]
    mixes: list[np.ndarray]
    targets: list[np.ndarray]


def validate(
    eval_step: EvalStep, state: TrainState, examples: list[Example], *, keep: int, seed: int
) -> Validation:
    """Score the (averaged) weights on every example, one at a time.

    Args:
      eval_step: from `make_eval_step`.
      state: current state; not changed.
      examples: the held-out examples.
      keep: how many mixes to return.
      seed: of the random mixes; the same seed gives the same targets each time.
    """
    totals: dict[str, list[float]] = {}
    mixes: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    for index, example in enumerate(examples):
        key = jax.random.key_data(jax.random.key(seed + index))
        batch: Example = jax.tree.map(lambda part: part[None], example)
        mixed = eval_step(averaged(state), state.others, batch, key)
        for name, value in mixed.metrics.items():
            totals.setdefault(name, []).append(float(value))
        if index < keep:
            mixes.append(np.asarray(mixed.mix[0]))
            targets.append(np.asarray(mixed.target[0]))
    return Validation({n: float(np.mean(v)) for n, v in totals.items()}, mixes, targets)

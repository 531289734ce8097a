"""Scores of the current weights on the held-out examples."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from diffmst_jax.data.examples import Example
from diffmst_jax.evaluation.metrics import judge
from diffmst_jax.models import REFERENCE_LUFS
from diffmst_jax.training.devices import Devices, is_first_process
from diffmst_jax.training.objective import Mixed
from diffmst_jax.training.step import EvalStep, TrainState, averaged

# Of the data settings: how examples to learn from are changed, and how all are read.
ONLY_TRAINED = ("augmentation", "decoded", "workers")


class Validation(NamedTuple):
    """Result of one validation.

    Attributes:
      losses: means over the examples; "loss" is what training minimises.
      judged: means of what `evaluate.py` measures, of the mixes against what they are compared
        with; empty in all but the first process.
      examples: each example's mix and what belongs to it, on the host, without a batch axis.
    """

    losses: dict[str, float]
    judged: dict[str, float]
    examples: list[Mixed]


def comparable_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a run's plain settings that its validation losses are measured by.

    Losses that were measured by others are on another scale, or of other examples, and say nothing
    beside each other.
    """
    data = {key: value for key, value in settings["data"].items() if key not in ONLY_TRAINED}
    made = {key: value for key, value in data["synthetic"].items() if key != "folder"}
    wanted = {name: settings[name] for name in ("console", "loss")}
    return {**wanted, "data": {**data, "synthetic": made}, "seed": settings["trainer"]["seed"]}


def validate(
    eval_step: EvalStep, state: TrainState, examples: list[Example], devices: Devices
) -> Validation:
    """Score the (averaged) weights on every example, as many at once as there are devices.

    Args:
      eval_step: from `make_eval_step`.
      state: current state; not changed.
      examples: the held-out examples, in every process the same.
      devices: where the state lies.
    """
    mixed: list[Mixed] = []
    for first in range(0, len(examples), devices.count):
        group = range(first, min(first + devices.count, len(examples)))
        # The last group is filled up with its last example.
        numbers = np.minimum(first + np.arange(devices.count), group[-1]).astype(np.int32)
        rows = Example(*map(np.stack, zip(*(examples[n] for n in numbers), strict=True)))
        batch, which = devices.rows((rows, numbers), own=False)
        result = jax.device_get(eval_step(averaged(state), state.others, batch, which))
        mixed += [jax.tree.map(lambda part, i=i: part[i], result) for i in range(len(group))]
    losses = {name: _mean([float(m.metrics[name]) for m in mixed]) for name in mixed[0].metrics}
    return Validation(losses, _judged(mixed) if is_first_process() else {}, mixed)


def _judged(mixed: list[Mixed]) -> dict[str, float]:
    scores = [
        judge(
            np.asarray(m.mix),
            np.asarray(m.task.target),
            mix_lufs=REFERENCE_LUFS,
            reference_lufs=REFERENCE_LUFS,
        )
        for m in mixed
    ]
    return {name: _mean([score[name] for score in scores]) for name in scores[0]}


def _mean(values: list[float]) -> float:
    return float(np.mean(values))

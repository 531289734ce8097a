"""Watching a run: scalars, validation, terminal, and the alarm for broken numbers."""

import math
from dataclasses import dataclass

import jax
import optax

from diffmst_jax.data.examples import Example
from diffmst_jax.errors import InputError
from diffmst_jax.training.config import TrainConfig
from diffmst_jax.training.display import Display, Pace
from diffmst_jax.training.logger import Logger
from diffmst_jax.training.step import Metrics, TrainState
from diffmst_jax.training.validation import EvalStep, validate


@dataclass
class Watch:
    """What looks at a run without changing it.

    Attributes:
      config: of the run.
      display: terminal.
      logger: TensorBoard.
      schedule: learning rate by update.
      eval_step: from `make_eval_step`.
      examples: held-out examples.
    """

    config: TrainConfig
    display: Display
    logger: Logger
    schedule: optax.Schedule
    eval_step: EvalStep
    examples: list[Example]

    def __post_init__(self) -> None:
        self.pace = Pace()
        self._counted = 0

    @property
    def out_of_time(self) -> bool:
        """Whether the run has used up its `max_seconds`."""
        limit = self.config.trainer.max_seconds
        return limit is not None and self.pace.elapsed_s > limit

    def log(self, step: int, state: TrainState, metrics: Metrics) -> None:
        """Write the scalars of one step and move the progress bar.

        Raises:
          InputError: too many updates in a row were not finite.
        """
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        skipped = int(optax.tree.get(state.optimizer, "notfinite_count"))
        updates = step // self.config.optimizer.accumulate
        values["learning_rate"] = float(self.schedule(updates))
        values["skipped_updates"] = float(optax.tree.get(state.optimizer, "total_notfinite"))
        examples = (step - self._counted) * self.config.trainer.batch_size
        values["examples_per_second"] = self.pace.lap(examples)
        self._counted = step
        self.logger.scalars(values, step, group="train")
        note = f"loss {values['loss']:.4g}, {values['examples_per_second']:.2f} examples/s"
        self.display.report("training", step, self.config.trainer.steps, note)
        if skipped >= self.config.optimizer.skip_nonfinite:
            raise InputError(
                f"step {step}",
                f"the last {skipped} gradients were not finite",
                "lower optimizer.learning_rate and resume the run",
            )

    def validate(self, step: int, state: TrainState) -> float:
        """Score the held-out examples, write scores and audio, return the loss."""
        result = validate(
            self.eval_step,
            state,
            self.examples,
            keep=self.config.logger.audio_examples,
            seed=self.config.trainer.seed,
        )
        self.logger.scalars(result.metrics, step, group="validation")
        for index, (mix, target) in enumerate(zip(result.mixes, result.targets, strict=True)):
            self.logger.audio(f"example_{index}/mix", mix, step)
            self.logger.audio(f"example_{index}/target", target, step)
        loss = result.metrics["loss"]
        elapsed = f"{self.pace.elapsed_s:.0f} s"
        self.display.say(f"step {step}, {elapsed}: validation loss {loss:.4f}")
        self.pace.lap(0)
        return loss if math.isfinite(loss) else math.inf


def due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps happens at this one."""
    return step % every == 0

"""Watching a run: scalars, validation, terminal, and the alarm for broken numbers."""

import math
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from diffmst_jax.data.examples import Example
from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside
from diffmst_jax.programs.argument import argument
from diffmst_jax.programs.display import Display, Pace
from diffmst_jax.training.checkpoint import Checkpoints
from diffmst_jax.training.config import TrainConfig
from diffmst_jax.training.devices import Devices, anywhere, own_rows
from diffmst_jax.training.logger import Logger
from diffmst_jax.training.pictures import settings_by_name, spectrogram_picture
from diffmst_jax.training.step import EvalStep, Metrics, TrainState, updates_of
from diffmst_jax.training.stream import Stream
from diffmst_jax.training.validation import Validation, validate


@dataclass
class Watch:
    """What looks at a run without changing it.

    Attributes:
      config: of the run.
      run_dir: of the run.
      devices: of the run.
      display: terminal.
      logger: files; None in all but the first process.
      eval_step: from `make_eval_step`.
      examples: held-out examples.
      batches: what the run is fed with.
      checkpoints: of the run; asked whether there is one to go on from.
    """

    config: TrainConfig
    run_dir: Path
    devices: Devices
    display: Display
    logger: Logger | None
    eval_step: EvalStep
    examples: list[Example]
    batches: Stream
    checkpoints: Checkpoints

    def __post_init__(self) -> None:
        self.pace = Pace()
        self._counted: int | None = None
        self._waited_s = 0.0
        self._unseen: tuple[int, Example, Metrics] | None = None
        rise, updates = self.config.schedule.warmup_steps, updates_of(self.config)
        if rise > updates:
            self.display.say(
                f"the learning rate rises for {rise} updates and the run has {updates}:"
                f" it ends at {100 * updates / rise:.0f} % of optimizer.learning_rate"
            )

    def asked_to_end(self, step: int, wanted: bool) -> tuple[bool, bool]:
        """Say whether a signal wants the run to stop, and whether it is out of time.

        Several processes have to agree, and ask each other only at steps that are logged.
        """
        trainer = self.config.trainer
        if jax.process_count() > 1 and not due(step, trainer.log_every):
            return False, False
        limit = trainer.max_seconds
        late = limit is not None and self.pace.elapsed_s > limit
        stopped, late = anywhere(wanted and step < trainer.steps, late)
        return stopped, late

    def guard(self, step: int, batch: Example, metrics: Metrics) -> None:
        """Look at the step before this one, so that the devices never wait for the look.

        Raises:
          InputError: too many batches in a row were skipped; the last of them is saved.
        """
        before, self._unseen = self._unseen, (step, batch, metrics)
        if before is not None:
            self._stop_if_broken(*before)

    def close(self) -> None:
        """Look at the last step too.

        Raises:
          InputError: as `guard`.
        """
        if self._unseen is not None:
            self._stop_if_broken(*self._unseen)

    def _stop_if_broken(self, step: int, batch: Example, metrics: Metrics) -> None:
        skipped = int(metrics["skipped"])
        if skipped < self.config.optimizer.skip_nonfinite:
            return
        process = f"_process_{jax.process_index()}" if jax.process_count() > 1 else ""
        path = self.run_dir / f"nonfinite_step_{step}{process}.npz"
        with written_beside(path) as temporary:
            rows = {name: own_rows(part) for name, part in batch._asdict().items()}
            np.savez_compressed(temporary, allow_pickle=False, **rows)
        there = self.checkpoints.last is not None
        resume = argument("resume", str(self.run_dir))
        go_on = f"go on with {resume}" if there else "start anew"
        raise InputError(
            path,
            f"holds the batch of step {step}, the last of {skipped} in a row whose loss or gradient"
            " was not finite",
            f"look at it, lower optimizer.learning_rate, and {go_on}",
        )

    def log(self, step: int, metrics: Metrics) -> None:
        """Write the scalars of one step and move the progress bar."""
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        if self.config.optimizer.accumulate > 1 and not values["norm_update"]:
            del values["norm_update"]  # batches are still gathered
        if self._counted is not None:
            examples = (step - self._counted) * self.config.trainer.batch_size
            passed_s = self.pace.lap()
            values["examples_per_second"] = examples / passed_s
            values["data_wait_share"] = (self.batches.waited_s - self._waited_s) / passed_s
            values["memory_gb"] = peak_memory_gb()
            rate, share = values["examples_per_second"], values["data_wait_share"]
            note = f"loss {values['loss']:.4g}, {rate:.2f} examples/s, {share:.0%} data wait"
            self.display.report("training", step, self.config.trainer.steps, note)
        if self.logger is not None:
            self.logger.scalars(values, step, group="train")
        self.restart_clock(step)

    def restart_clock(self, step: int) -> None:
        """Count examples and time from here on: compilation and validation are not training."""
        self.pace.lap()
        self._counted, self._waited_s = step, self.batches.waited_s

    def validate(self, step: int, state: TrainState) -> float | None:
        """Score the held-out examples and write what there is to see of them.

        Returns:
          The loss, or None if it is not finite.
        """
        result = validate(self.eval_step, state, self.examples, self.devices)
        if self.logger is not None:
            self._write(self.logger, result, step)
        loss = result.losses["loss"]
        self.display.say(f"step {step}, {self.pace.elapsed_s:.0f} s: validation loss {loss:.4f}")
        self.restart_clock(step)
        return loss if math.isfinite(loss) else None

    def _write(self, logger: Logger, result: Validation, step: int) -> None:
        logger.scalars(result.losses, step, group="validation")
        logger.scalars(result.judged, step, group="evaluation")
        # There is nothing to see of what is not a number.
        sound = [
            (index, one)
            for index, one in enumerate(result.examples)
            if math.isfinite(one.metrics["loss"])
        ]
        logger.histograms(settings_by_name([one for _, one in sound]), step)
        for index, one in sound:
            if index >= self.config.logger.audio_examples:
                break
            signals = {"mix": np.asarray(one.mix), "reference": np.asarray(one.task.reference)}
            if self.config.data.reference == "random_mix":
                signals["target"] = np.asarray(one.task.target)
            for name, signal in signals.items():
                logger.audio(f"example_{index}/{name}", signal, step)
            picture = spectrogram_picture(list(signals.values()))
            logger.picture(f"example_{index}/spectrograms_{'_'.join(signals)}", picture, step)


def peak_memory_gb() -> float:
    """Largest memory in use so far: of the first device, or of this process if it does not say."""
    statistics = jax.local_devices()[0].memory_stats()
    if statistics and "peak_bytes_in_use" in statistics:
        return float(statistics["peak_bytes_in_use"]) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps happens at this one."""
    return step % every == 0

"""Checkpoints of a run: the last one, to go on from, and the best one, to use."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from diffmst_jax.errors import InputError
from diffmst_jax.training.config import TrainConfig
from diffmst_jax.training.devices import copied, is_first_process
from diffmst_jax.training.step import TrainState
from diffmst_jax.training.validation import comparable_settings
from diffmst_jax.typed_config import plain_config

FOLDER = "checkpoints"
STATE, CONFIG = "state", "config"
# What is to be deleted goes here first, so that no step's folder ever holds half a checkpoint.
DELETED = "deleted"


class Checkpoints:
    """Orbax's manager of `<run>/checkpoints`: asynchronous, atomic, a folder for each step.

    Each holds the whole state and the resolved configuration. Only the last and the one with the
    lowest validation loss are kept. A loss that was measured by other settings than those given
    now (`comparable_settings`) counts as none.

    Raises:
      InputError: from the constructor, if one of those that are there is damaged.
    """

    def __init__(self, run_dir: Path, config: TrainConfig):
        self._folder = run_dir.resolve() / FOLDER
        self._config = plain_config(config)
        self._incomparable: set[int] = set()  # steps whose losses count as none
        options = ocp.CheckpointManagerOptions(
            preservation_policy=_LastAndBest(self._incomparable),
            best_fn=_loss,
            best_mode="min",
            create=True,
            cleanup_tmp_directories=True,
            todelete_subdir=DELETED,
        )
        with self._undamaged():
            self._manager = ocp.CheckpointManager(self._folder, options=options)
            self._delete()
            wanted = comparable_settings(self._config)
            self._incomparable.update(
                step
                for step in self._manager.all_steps()
                if comparable_settings(self._stored_config(step)) != wanted
            )

    def save(self, step: int, state: TrainState, loss: float | None) -> None:
        """Write the state in the background, once the one before is written.

        The training step may take the state's memory at once: what is written is a copy of it.

        Args:
          step: of the state.
          state: what to write.
          loss: validation loss, if the state was validated and it was finite.

        Raises:
          InputError: this one, or the one before, cannot be written.
        """
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(_as_dict(copied(state))),
            config=ocp.args.JsonSave(self._config),
        )
        self._wait()
        self._delete()
        with self._written():
            self._manager.save(step, args=args, metrics=None if loss is None else {"loss": loss})

    @property
    def last(self) -> int | None:
        """Step of the last state, once it is written; None before the first."""
        self._wait()
        return self._manager.latest_step()

    @property
    def best_loss(self) -> float | None:
        """The lowest validation loss of what was saved; None before the first."""
        return min(self._losses().values(), default=None)

    def restore_last(self, like: TrainState, say: Callable[[str], None]) -> TrainState:
        """Read the last state, onto the devices where `like` lies.

        Args:
          like: a state of the same model.
          say: told if losses so far do not count.

        Raises:
          InputError: there is none, or it is of another model, or there is neither a step left nor
            a loss that counts.
        """
        last = self._manager.latest_step()
        if last is None:
            raise InputError(self._folder, "holds no checkpoint", "start a new run")
        state = self._restore(last, like)
        if self._incomparable and self.best_loss is None:
            if last >= self._config["trainer"]["steps"]:
                problem = "holds no state that was validated by these settings"
                remedy = "raise trainer.steps, or leave loss, console and data as they were"
                raise InputError(self._folder, problem, remedy)
            say(f"validation losses until step {last} were of other settings and do not count")
        return state

    def restore_best(self, like: TrainState) -> TrainState:
        """Read the state with the lowest validation loss, onto the devices where `like` lies.

        Raises:
          InputError: no validation loss was finite.
        """
        best = _lowest(self._losses())
        if best is None:
            problem = "holds no state whose validation loss was finite"
            remedy = "start a new run with a lower optimizer.learning_rate"
            raise InputError(self._folder, problem, remedy)
        return self._restore(best, like)

    def _losses(self) -> dict[int, float]:
        """Of each step that was validated, by the settings given now."""
        self._wait()
        steps = (step for step in self._manager.all_steps() if step not in self._incomparable)
        found = {step: self._manager.metrics(step) for step in steps}
        return {step: _loss(metrics) for step, metrics in found.items() if metrics is not None}

    def _stored_config(self, step: int) -> dict[str, Any]:
        wanted = ocp.args.Composite(config=ocp.args.JsonRestore())
        return self._manager.restore(step, args=wanted)[CONFIG]

    def _restore(self, step: int, like: TrainState) -> TrainState:
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, _as_dict(like))
        wanted = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        try:
            restored = self._manager.restore(step, args=wanted)
        except (ValueError, KeyError) as error:  # orbax raises both for both
            problem = "does not fit the settings, or is damaged"
            remedy = (
                "leave the model's and the optimiser's settings as they were; if they are, move"
                " this folder away to go on from the checkpoint before it, if there is one"
            )
            raise InputError(self._folder / str(step), problem, remedy) from error
        leaves = jax.tree.leaves(restored[STATE])
        return copied(jax.tree.unflatten(jax.tree.structure(like), leaves))

    def close(self) -> None:
        """Wait for what is being written."""
        with self._written():
            self._manager.close()
        self._delete()

    def _wait(self) -> None:
        with self._written():
            self._manager.wait_until_finished()

    def _delete(self) -> None:
        """Delete what is to be deleted, while nothing is written."""
        if is_first_process():
            shutil.rmtree(self._folder / DELETED, ignore_errors=True)

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        """Say in one line that a checkpoint is cut off, as after a loss of power or half a copy."""
        try:
            yield
        except (ValueError, KeyError) as error:
            problem = "holds a damaged checkpoint, most likely the newest"
            remedy = "move it away to go on from the one before it, if there is one"
            raise InputError(self._folder, problem, remedy) from error

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Say in one line why a checkpoint cannot be written, which is often noticed later."""
        try:
            yield
        except (OSError, ValueError) as error:  # tensorstore's errors are of the second kind
            problem = f"cannot be written ({error})"
            remedy = "make room, and go on with resume= if a checkpoint is there, else start anew"
            raise InputError(self._folder, problem, remedy) from error


@dataclass(frozen=True)
class _LastAndBest:
    """Which checkpoints orbax keeps.

    Attributes:
      incomparable: steps whose losses count as none.
    """

    incomparable: Collection[int]

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        """Say of each checkpoint, in the order of their steps, whether it is kept."""
        del context
        losses = {
            one.step: _loss(one.metrics)
            for one in checkpoints
            if one.metrics is not None and one.step not in self.incomparable
        }
        kept = (checkpoints[-1].step, _lowest(losses))
        return [one.step in kept for one in checkpoints]


def holds_checkpoint(run_dir: Path) -> bool:
    """Whether a folder holds a whole checkpoint; of half a one, more than a number is the name."""
    return any(item.name.isdigit() for item in (run_dir / FOLDER).glob("*"))


def _loss(metrics: dict[str, Any]) -> float:
    return float(metrics["loss"])


def _lowest(losses: Mapping[int, float]) -> int | None:
    """Return the step of the lowest loss, the last of equal ones."""
    return min(losses, key=lambda step: (losses[step], -step), default=None)


def _as_dict(state: TrainState) -> dict[str, Any]:
    """Number the leaves: a checkpoint needs no knowledge of optax's or flax's containers."""
    return {f"{i:06d}": leaf for i, leaf in enumerate(jax.tree.leaves(state))}

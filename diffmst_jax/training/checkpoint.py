"""Checkpoints of a run: the last one, to go on from, and the best one, to use."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from diffmst_jax.errors import InputError
from diffmst_jax.training.config import TrainConfig, plain_train_config
from diffmst_jax.training.devices import copied
from diffmst_jax.training.step import TrainState

FOLDER = "checkpoints"
STATE, CONFIG = "state", "config"
policies = ocp.checkpoint_managers


class Checkpoints:
    """Orbax's manager of `<run>/checkpoints`: asynchronous, atomic, a folder for each step.

    Each holds the whole state and the resolved configuration. Only the last and the one with the
    lowest validation loss are kept.
    """

    def __init__(self, run_dir: Path, config: TrainConfig):
        self._folder = run_dir.resolve() / FOLDER
        self._config = plain_train_config(config)
        best = policies.BestN(
            get_metric_fn=_loss, reverse=True, n=1, keep_checkpoints_without_metrics=False
        )
        kept = policies.AnyPreservationPolicy([policies.LatestN(1), best])
        options = ocp.CheckpointManagerOptions(
            preservation_policy=kept, best_fn=_loss, best_mode="min", create=True
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options)

    def save(self, step: int, state: TrainState, loss: float | None) -> None:
        """Write the state in the background, once the one before is written.

        The training step may take the state's memory at once: what is written is a copy of it.

        Args:
          step: of the state.
          state: what to write.
          loss: validation loss, if the state was validated and it was finite.
        """
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(_as_dict(copied(state))),
            config=ocp.args.JsonSave(self._config),
        )
        self._manager.save(step, args=args, metrics=None if loss is None else {"loss": loss})

    @property
    def best_loss(self) -> float | None:
        """The lowest validation loss of what was saved; None before the first."""
        self._manager.wait_until_finished()
        best = self._manager.best_step()
        metrics = None if best is None else self._manager.metrics(best)
        return None if metrics is None else _loss(metrics)

    def restore_last(self, like: TrainState) -> TrainState:
        """Read the last state, onto the devices where `like` lies.

        Raises:
          InputError: there is none, or it is of another model.
        """
        return self._restore(self._manager.latest_step(), like)

    def restore_best(self, like: TrainState) -> TrainState:
        """Read the state with the lowest validation loss, onto the devices where `like` lies.

        Raises:
          InputError: no validation loss was finite.
        """
        self._manager.wait_until_finished()
        return self._restore(None if self.best_loss is None else self._manager.best_step(), like)

    def _restore(self, step: int | None, like: TrainState) -> TrainState:
        if step is None:
            raise InputError(self._folder, "holds no checkpoint", "start a new run")
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, _as_dict(like))
        wanted = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        try:
            restored = self._manager.restore(step, args=wanted)
        except (ValueError, KeyError) as error:
            problem = "does not fit the settings"
            remedy = "leave the model's and the optimiser's settings as they were"
            raise InputError(self._folder / str(step), problem, remedy) from error
        leaves = jax.tree.leaves(restored[STATE])
        return copied(jax.tree.unflatten(jax.tree.structure(like), leaves))

    def close(self) -> None:
        """Wait for what is being written."""
        self._manager.close()


def holds_checkpoint(run_dir: Path) -> bool:
    """Whether a folder holds a whole checkpoint; of half a one, more than a number is the name."""
    return any(item.name.isdigit() for item in (run_dir / FOLDER).glob("*"))


def read_state(run_dir: Path, step: int) -> dict[str, np.ndarray]:
    """Read the arrays of a checkpoint as they lie there, numbered."""
    folder = run_dir.resolve() / FOLDER / str(step) / STATE
    with ocp.StandardCheckpointer() as checkpointer:
        leaves = checkpointer.metadata(folder).item_metadata.tree
        shapes = {name: np.empty(leaf.shape, leaf.dtype) for name, leaf in leaves.items()}
        read: dict[str, np.ndarray] = checkpointer.restore(folder, shapes)
    return read


def _loss(metrics: dict[str, Any]) -> float:
    return float(metrics["loss"])


def _as_dict(state: TrainState) -> dict[str, Any]:
    """Number the leaves: a checkpoint needs no knowledge of optax's or flax's containers."""
    return {f"{i:06d}": leaf for i, leaf in enumerate(jax.tree.leaves(state))}

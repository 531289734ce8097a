"""Checkpoints of a run: the last one, to go on from, and the best one, to use."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from diffmst_jax.errors import InputError
from diffmst_jax.training.step import TrainState

LAST, BEST = "last", "best"
STATE, DATA, RECORD = "state", "data", "record"


class Progress(NamedTuple):
    """What else is needed to go on exactly.

    Attributes:
      data: state of the data iterator.
      best_loss: lowest validation loss so far.
    """

    data: dict[str, Any]
    best_loss: float


class Checkpoints:
    """Two orbax managers below `<run>/checkpoints`; writes are atomic."""

    def __init__(self, run_dir: Path):
        options = ocp.CheckpointManagerOptions(max_to_keep=1, create=True)
        folder = run_dir.resolve() / "checkpoints"
        self._managers = {
            name: ocp.CheckpointManager(folder / name, options=options) for name in (LAST, BEST)
        }

    def save(self, state: TrainState, progress: Progress, *, name: str = LAST) -> None:
        """Write the state; a step that is there already is left as it is."""
        step = int(state.step)
        manager = self._managers[name]
        if manager.latest_step() == step:
            return
        record = {"best_loss": progress.best_loss}
        manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_as_dict(state)),
                data=ocp.args.JsonSave(_json_safe(progress.data)),
                record=ocp.args.JsonSave(record),
            ),
        )
        # The next step donates these buffers, so the copy has to be complete before it starts.
        manager.wait_until_finished()

    def has(self, name: str = LAST) -> bool:
        """Whether there is anything to restore."""
        return self._managers[name].latest_step() is not None

    def restore(self, like: TrainState, *, name: str = LAST) -> tuple[TrainState, Progress]:
        """Read a state of the same shapes as `like`.

        Raises:
          InputError: there is no checkpoint.
        """
        manager = self._managers[name]
        step = manager.latest_step()
        if step is None:
            raise InputError(str(manager.directory), "holds no checkpoint", "start a new run")
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, _as_dict(like))
        restored = manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(shapes),
                data=ocp.args.JsonRestore(),
                record=ocp.args.JsonRestore(),
            ),
        )
        leaves = jax.tree.leaves(restored[STATE])
        state = jax.tree.unflatten(jax.tree.structure(like), leaves)
        best = restored[RECORD]["best_loss"]
        return state, Progress(restored[DATA], float(best))

    def close(self) -> None:
        """Wait for what is being written."""
        for manager in self._managers.values():
            manager.close()


def _as_dict(state: TrainState) -> dict[str, Any]:
    """Number the leaves: a checkpoint needs no knowledge of optax's or flax's containers."""
    return {f"{i:06d}": leaf for i, leaf in enumerate(jax.tree.leaves(state))}


def _json_safe(data: dict[str, Any]) -> dict[str, Any]:
    safe: dict[str, Any] = json.loads(json.dumps(data, default=int))
    return safe

"""The devices of a run: one mesh over all processes, and what each of its devices holds."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from diffmst_jax.data.pipeline import Shard
from diffmst_jax.errors import InputError
from diffmst_jax.sharding import MESH_AXES, ROWS
from diffmst_jax.training.config import TrainerConfig

SMALLEST_DIVIDED = 1024
"""Parameters with fewer entries are kept whole on every device."""

LONGEST_PATH = 4096

P = ParamSpec("P")
T = TypeVar("T")


def join_processes(config: TrainerConfig) -> None:
    """Become one of several processes of one run, if the settings say so.

    Where they are and which of them this is, JAX finds out by itself under Slurm, Open MPI,
    Kubernetes and on TPU pods; elsewhere the environment says it: JAX_COORDINATOR_ADDRESS
    (`host:port` of the first), JAX_NUM_PROCESSES and JAX_PROCESS_ID.

    Raises:
      InputError: nobody says it, or the others cannot be reached.
    """
    if not config.distributed or jax.distributed.is_initialized():
        return
    count, index = (os.environ.get(f"JAX_{name}") for name in ("NUM_PROCESSES", "PROCESS_ID"))
    try:
        jax.distributed.initialize(
            num_processes=None if count is None else int(count),
            process_id=None if index is None else int(index),
        )
    except (ValueError, RuntimeError) as error:
        remedy = "set JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID"
        raise InputError("trainer.distributed", f"failed ({error})", remedy) from error


def is_first_process() -> bool:
    """Whether this is the process that speaks, and writes what is written once."""
    return bool(jax.process_index() == 0)


def anywhere(*flags: bool) -> tuple[bool, ...]:
    """Say of each flag whether it is set in any process; all of them must ask together."""
    if jax.process_count() == 1:
        return flags
    everyone = multihost_utils.process_allgather(np.asarray(flags))
    return tuple(bool(flag) for flag in np.any(everyone, axis=0))


def same_folder(folder: Path) -> Path:
    """Return the folder that the first process was given, in every process."""
    if jax.process_count() == 1:
        return folder
    text = str(folder.resolve()).encode().ljust(LONGEST_PATH)
    first = multihost_utils.broadcast_one_to_all(np.frombuffer(text, np.uint8))
    return Path(np.asarray(first, np.uint8).tobytes().decode().rstrip())


@contextmanager
def held_by_first(context: AbstractContextManager[Any]) -> Iterator[None]:
    """Be in a context that the first process alone enters, and holds until it leaves.

    Raises:
      InputError: it refused; all processes leave then.
    """
    refusal = None
    with ExitStack() as held:
        if is_first_process():
            try:
                held.enter_context(context)
            except InputError as error:
                refusal = error
        _refuse_together(refusal, "the first process")
        yield


def first_then_others(make: Callable[[], T]) -> T:
    """Call `make` in the first process, then in the others, which find what it left on disk.

    Raises:
      InputError: `make` raised it in one of them; all processes leave then.
    """
    made: list[T] = []
    refusal = None
    for turn, who in ((True, "the first process"), (False, "another process")):
        if is_first_process() == turn:
            try:
                made.append(make())
            except InputError as error:
                refusal = error
        _refuse_together(refusal, who)
    return made[0]


def _refuse_together(refusal: InputError | None, who: str) -> None:
    """Wait for all processes; if one has a refusal, raise it there, and in the others say `who`."""
    if any(anywhere(refusal is not None)):
        raise refusal or InputError(who, "was refused", "see what it says")


@dataclass(frozen=True)
class Devices:
    """A mesh, and where batches and states lie on it.

    Attributes:
      mesh: axes `data` and `fsdp`; rows of a batch are divided over all devices, parameters over
        those along `fsdp`.
    """

    mesh: Mesh

    @property
    def count(self) -> int:
        """How many devices there are."""
        return int(self.mesh.size)

    @property
    def shard(self) -> Shard:
        """The part of each batch that this process reads."""
        return Shard(jax.process_index(), jax.process_count())

    @property
    def everywhere(self) -> NamedSharding:
        """The whole array on each device."""
        return NamedSharding(self.mesh, PartitionSpec())

    def rows(self, batch: Any, *, own: bool) -> Any:
        """Put a pytree of arrays with the batch as leading axis on the devices.

        Args:
          batch: on the host.
          own: it is this process's part of the batch; otherwise every process has all of it.
        """
        place = NamedSharding(self.mesh, ROWS)

        def put(part: np.ndarray) -> jax.Array:
            if own:
                return jax.make_array_from_process_local_data(place, part)
            return jax.make_array_from_callback(part.shape, place, lambda index: part[index])

        return jax.tree.map(put, batch)

    def state(self, state: T) -> T:
        """Put a pytree that every process has on the devices, divided along `fsdp` where it can be.

        The result owns its memory, so that it may be donated.
        """

        def put(leaf: Any) -> jax.Array:
            values, place = np.asarray(leaf), self._divided(leaf)
            return jax.make_array_from_callback(values.shape, place, lambda index: values[index])

        return copied(jax.tree.map(put, state))

    def whole(self, state: T) -> T:
        """Put every part of a state on every device, where each process can read it."""
        return jax.jit(lambda tree: tree, out_shardings=self.everywhere)(state)

    def run(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return a function that is traced and run with this mesh as the current one."""

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with jax.set_mesh(self.mesh):
                return function(*args, **kwargs)

        return call

    def _divided(self, leaf: Any) -> NamedSharding:
        """Divide the longest dimension that can be; the same for a weight and its moments."""
        parts = self.mesh.shape["fsdp"]
        possible = [axis for axis, size in enumerate(leaf.shape) if size % parts == 0]
        if parts == 1 or leaf.size < SMALLEST_DIVIDED or not possible:
            return self.everywhere
        longest = max(possible, key=lambda axis: leaf.shape[axis])
        return NamedSharding(self.mesh, PartitionSpec(*[None] * longest, "fsdp"))


@jax.jit
def copied(state: T) -> T:
    """Copy every array, on its devices."""
    return jax.tree.map(jax.numpy.copy, state)


def own_rows(part: jax.Array) -> np.ndarray:
    """Fetch the rows of one array of a batch that lie on this process's devices."""
    return np.concatenate([np.asarray(shard.data) for shard in part.addressable_shards])


def make_devices(config: TrainerConfig) -> Devices:
    """Arrange the devices that the settings ask for.

    Raises:
      InputError: there are not as many, or they do not divide the batch.
    """
    found, wanted = jax.devices(), config.devices
    if wanted is None:
        whole = range(config.fsdp, len(found) + 1, config.fsdp)
        wanted = max((n for n in whole if _fits(n, config)), default=config.fsdp)
    if wanted > len(found):
        raise InputError("trainer.devices", f"is {wanted}", f"there are {len(found)} devices")
    if not _fits(wanted, config):
        problem = f"{wanted} devices do not divide a batch of {config.batch_size}"
        raise InputError("trainer.devices", problem, "change trainer.batch_size")
    if jax.process_count() > 1 and wanted != len(found):
        problem = f"{wanted} of the {len(found)} devices of all processes would be used"
        remedy = f"make trainer.batch_size a multiple of {len(found)}"
        raise InputError("trainer.devices", problem, remedy)
    if wanted % config.fsdp:
        problem = f"{config.fsdp} does not divide {wanted} devices"
        raise InputError("trainer.fsdp", problem, "choose a divisor")
    grid = np.asarray(found[:wanted]).reshape(-1, config.fsdp)
    return Devices(Mesh(grid, MESH_AXES))


def _fits(count: int, config: TrainerConfig) -> bool:
    return config.batch_size % count == 0

"""How a batch lies on several devices, for code that must not wait for XLA to find out."""

from collections.abc import Callable
from typing import TypeVar

import jax
from jax.sharding import PartitionSpec

MESH_AXES = ("data", "fsdp")
"""Axes of a training mesh; the rows of a batch are divided over both, parameters over `fsdp`."""

ROWS = PartitionSpec(MESH_AXES)

T = TypeVar("T")


def by_rows(function: Callable[..., T]) -> Callable[..., T]:
    """Let each device of the current mesh call `function` on its own rows.

    XLA divides most work by itself, but not Fourier transforms: it gathers the whole batch on every
    device and transforms all of it on each.

    Args:
      function: of pytrees whose leaves all have the batch as leading axis, to pytrees of the same
        kind; row by row, that is, no row may depend on another.

    Returns:
      The same function; without a mesh (`jax.set_mesh`), or on one device, it is only called.
    """

    def call(*batch: object) -> T:
        if jax.sharding.get_abstract_mesh().size <= 1:
            return function(*batch)
        return jax.shard_map(function, in_specs=ROWS, out_specs=ROWS, check_vma=False)(*batch)

    return call

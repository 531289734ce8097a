"""Batches on the devices, and how long the run waited for them."""

import time
from collections.abc import Iterator
from typing import Protocol

import jax
import numpy as np

from diffmst_jax.data.examples import Example
from diffmst_jax.training.devices import Devices


class Closable(Protocol):
    """What grain's iterators are."""

    def __next__(self) -> Example: ...

    def close(self) -> None:
        """Let go of what prepares batches."""


class Stream:
    """Puts each batch on the devices while they are busy with the one before.

    Attributes:
      waited_s: seconds spent in waiting for batches to be ready, in all.
    """

    def __init__(self, batches: Closable, devices: Devices):
        self._batches, self._devices = batches, devices
        self.waited_s = 0.0

    def __iter__(self) -> Iterator[Example]:
        return self

    def __next__(self) -> Example:
        start = time.monotonic()
        # A CPU would compute on the memory that workers share, and hold it until after the end.
        batch = jax.tree.map(np.copy, next(self._batches))
        self.waited_s += time.monotonic() - start
        return self._devices.rows(batch, own=True)

    def close(self) -> None:
        """Let go of threads and worker processes."""
        self._batches.close()

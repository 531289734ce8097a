import jax
import numpy as np
from jax.sharding import Mesh

from diffmst_jax.sharding import MESH_AXES
from diffmst_jax.training.devices import Devices
from diffmst_jax.training.stream import Stream

ALIGNED = 64  # bytes: from there a CPU computes on memory as it is


def test_a_batch_on_the_devices_does_not_hold_the_memory_that_it_came_in():
    """Regression: the last, in memory that workers shared, was reported as leaked at the end."""
    memory = np.zeros(ALIGNED + 4096, np.uint8)
    begin = -memory.ctypes.data % ALIGNED
    batch = memory[begin : begin + 4096].view(np.float32).reshape(2, -1)
    devices = Devices(Mesh(np.asarray(jax.devices()[:1]).reshape(1, 1), MESH_AXES))
    stream = Stream(iter([batch]), devices)
    there = next(stream)
    batch += 1.0
    assert not np.any(there)

"""Memory that XLA reads where it lies."""

import jax
import numpy as np
import pytest

from diffmst_jax.memory import ALIGNED_BYTES, aligned


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (3, 5), (16, 4099)])
def test_it_begins_where_xla_wants_arrays_to_begin(rows, size):
    memory = aligned(rows, size)
    assert memory.shape == (rows, size)
    assert memory.dtype == np.float32
    assert memory.flags.c_contiguous
    assert memory.flags.writeable
    assert memory.ctypes.data % ALIGNED_BYTES == 0


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other devices have memory of their own")
def test_xla_takes_it_without_a_copy():
    memory = aligned(4, 1000)
    memory[:] = 1.0
    taken = jax.device_put(memory, may_alias=True)
    assert taken.unsafe_buffer_pointer() == memory.ctypes.data

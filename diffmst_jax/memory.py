"""Arrays aligned as XLA wants them, so that it reads them without a copy."""

import numpy as np

ALIGNED_BYTES = 64
"""Where XLA for CPU wants arrays to begin; it copies others, which costs more than reading them."""


def aligned(rows: int, size: int) -> np.ndarray:
    """Memory for float32 `(rows, size)` that a compiled function takes without a copy.

    Nothing may be written to it before the results of whatever reads it have arrived.
    """
    memory = np.empty(rows * size + ALIGNED_BYTES, np.float32)
    first = -memory.ctypes.data % ALIGNED_BYTES // memory.itemsize
    return memory[first : first + rows * size].reshape(rows, size)

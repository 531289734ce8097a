"""Minimum and mean over a window that slides along a signal.

As `scipy.ndimage` has them, whose import takes as long as half a minute of song.
"""

import numpy as np


def lowest_around(x: np.ndarray, reach: int) -> np.ndarray:
    """Least value from `reach` before to `reach` after each; beyond the ends there is 1.

    In blocks as long as the window, each window is the end of one block and the start of the next.
    """
    width = 2 * reach + 1
    missing = -(len(x) + 2 * reach) % width
    blocks = np.pad(x, (reach, reach + missing), constant_values=1.0).reshape(-1, width)
    to_here = np.minimum.accumulate(blocks, axis=1).reshape(-1)
    from_here = np.minimum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    return np.minimum(from_here[: len(x)], to_here[2 * reach : 2 * reach + len(x)])


def mean_around(x: np.ndarray, reach: int) -> np.ndarray:
    """Mean from `reach` before to `reach` after each; beyond the ends its last values go on."""
    width = 2 * reach + 1
    sums = np.cumsum(np.pad(x, (reach + 1, reach), mode="edge"))
    return (sums[width:] - sums[:-width]) / width

"""Minimum and mean over a window that slides along a signal.

As `scipy.ndimage` has them, whose import takes as long as half a minute of song.
"""

import numpy as np


def lowest_around(x: np.ndarray, reach: int) -> np.ndarray:
    """Least value from `reach` before to `reach` after each; beyond the ends there is 1.

    Two windows that touch or overlap are one longer window: eleven steps make a window of 2000.
    """
    width, have = 2 * reach + 1, 1
    lowest = np.pad(x, reach, constant_values=1.0)
    while have < width:
        step = min(have, width - have)
        lowest = np.minimum(lowest[:-step], lowest[step:])
        have += step
    return lowest


def mean_around(x: np.ndarray, reach: int) -> np.ndarray:
    """Mean from `reach` before to `reach` after each; beyond the ends its last values go on."""
    width = 2 * reach + 1
    sums = np.cumsum(np.pad(x, (reach + 1, reach), mode="edge"), dtype=np.float64)
    return (sums[width:] - sums[:-width]) / width

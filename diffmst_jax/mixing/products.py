"""Filters as products of blocks of samples with a constant matrix, in NumPy.

As `scipy.signal` has them, whose import takes as long as a minute of song.
"""

import numpy as np

from dsp.weighting import BLOCK, ORDER, constant_block

PRODUCT_ROWS = 16


def product_of_rows(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """`rows @ matrix`, a few rows at a time: more would wake up all threads of the BLAS library.

    They wait for work in a busy loop, on processors that others have use for.
    """
    missing = -len(rows) % PRODUCT_ROWS
    padded = np.pad(rows, ((0, missing), (0, 0))) if missing else rows
    parts = padded.reshape(-1, PRODUCT_ROWS, rows.shape[1])
    product: np.ndarray = (parts @ matrix).reshape(-1, matrix.shape[1])[: len(rows)]
    return product


class KWeighting:
    """The filter in front of loudness, `dsp.k_weighting` in float64, for audio in pieces.

    Args:
        channels: number of channels.
        sample_rate: samples per second.
    """

    def __init__(self, channels: int, *, sample_rate: int) -> None:
        block = constant_block(sample_rate, "pyloudnorm")
        from_input, from_state, remember, advance = block
        self._heard = np.concatenate([from_input, from_state], axis=1).T
        self._remember, self._advance = remember.T, (advance + np.eye(ORDER)).T
        self._state = np.zeros((channels, ORDER))

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Filter the next piece, `(channels, time)`, of a multiple of `dsp.weighting.BLOCK`."""
        channels, time = audio.shape
        blocks = np.empty((channels, time // BLOCK, BLOCK + ORDER))
        inputs, states = blocks[..., :BLOCK], blocks[..., BLOCK:]
        inputs[:] = audio.reshape(inputs.shape)
        rows = inputs.reshape(-1, BLOCK)
        states[:] = self._states(product_of_rows(rows, self._remember).reshape(states.shape))
        filtered = product_of_rows(blocks.reshape(-1, BLOCK + ORDER), self._heard)
        return filtered.reshape(channels, time)

    def _states(self, drive: np.ndarray) -> np.ndarray:
        """States at the start of blocks, `(channels, blocks, ORDER)`, from what each block adds.

        Doubles the stride over which sums are complete.
        """
        states = np.concatenate([self._state[:, np.newaxis], drive], axis=1)
        advance, stride = self._advance, 1
        while stride < states.shape[1]:
            states[:, stride:] += states[:, :-stride] @ advance
            advance, stride = advance @ advance, 2 * stride
        self._state = states[:, -1]
        return states[:, :-1]

"""K-weighting of a song that comes in pieces, by `dsp`: where mixes are made JAX runs anyway."""

import jax
import numpy as np
from jax.typing import ArrayLike

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.signals.pieces import PIECE
from dsp.weighting import ORDER


class PieceWeighting:
    """`dsp.k_weighting`, piece after piece, for `measure.StepPowers`.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int) -> None:
        self._state: ArrayLike = np.zeros((channels, ORDER), np.float32)

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Weigh the next piece, float32 `(channels, PIECE)`; only the last may be shorter."""
        length = piece.shape[1]
        # One shape, compiled once.
        whole = np.pad(piece, ((0, 0), (0, PIECE - length))) if length < PIECE else piece
        weighted, self._state = _weighted(whole, self._state)
        return np.asarray(weighted)[:, :length]


@jax.jit
def _weighted(piece: jax.Array, state: jax.Array) -> tuple[jax.Array, jax.Array]:
    return dsp.k_weighting(piece, sample_rate=SAMPLE_RATE, state=state)

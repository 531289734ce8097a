"""Finished audio into a file, with dither where its sample format is coarse."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.audio_blocks import AudioWriter

DITHERED_BITS = {"PCM_16": 16}
"""Sample formats with steps that can be heard, and their depth. 24 bits are as fine as the float32
that a mix comes in: dither would only add noise."""

DITHER_SEED = 0


def write_pieces(
    path: str | Path, pieces: Iterable[np.ndarray], *, subtype: str, channels: int = 2
) -> None:
    """Write a finished mix piece by piece, dithered where the sample format needs it.

    Args:
        path: where to.
        pieces: float `(channels, time)`.
        subtype: sample format in libsndfile's names.
        channels: of the pieces.

    Raises:
        InputError: the place cannot be written to.
    """
    noise, bits = dither_noise(), DITHERED_BITS.get(subtype)
    with AudioWriter(path, channels, sample_rate=SAMPLE_RATE, subtype=subtype) as writer:
        for piece in pieces:
            writer.write(piece if bits is None else dithered(piece, bits, noise))


def dithered(audio: np.ndarray, bits: int, noise: np.random.Generator | None = None) -> np.ndarray:
    """Round to a bit depth so that what is lost is noise, not distortion.

    Triangular dither of two steps' width makes mean and power of the error independent of the
    signal. Its noise is always the same, so writing a mix twice gives the same file.

    Args:
        audio: float `(channels, time)`.
        bits: of the integer format to come, 16 for instance.
        noise: `dither_noise()`, given again for each piece of one signal.

    Returns:
        float64 on the grid of that format, never beyond its largest value.
    """
    steps = 2.0 ** (bits - 1)
    drawn = (noise or dither_noise()).random((audio.shape[1], audio.shape[0], 2))
    triangular = (drawn[..., 0] - drawn[..., 1]).T
    return np.clip(np.round(audio * steps + triangular), -steps, steps - 1) / steps


def dither_noise() -> np.random.Generator:
    """Return the generator of the dither of one signal."""
    return np.random.default_rng(DITHER_SEED)

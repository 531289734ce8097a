"""Recordings that a song holds twice: a mix has them louder than anyone meant, or not at all.

What a workstation exports twice, or a channel that was wired the wrong way round, sounds like any
other track by itself. Levels do not matter: two copies differ by a gain, and by polarity.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from diffmst_jax.mixing.sources.strips import Strip, strip_names, strip_of_track

ALIKE = 0.9999
"""Correlation from which on two recordings are one: the rest is 37 dB down. A microphone beside
another, or a track through another effect, stays below."""

BLOCK, BLOCKS = 4096, 128
"""Samples that are looked at, in blocks from all over the song (12 s)."""


class Copies(NamedTuple):
    """Two strips, or the channels of one, that hold the same.

    Attributes:
        names: what people call them; twice the same name for the channels of one.
        cancel: whether one is the other with its polarity inverted.
    """

    names: tuple[str, str]
    cancel: bool


def copies(strips: Sequence[Strip], audio: np.ndarray) -> tuple[Copies, ...]:
    """Find recordings that are there twice.

    Args:
        strips: the inputs.
        audio: of their channels, strip after strip, `(console tracks, time)`.

    Returns:
        Pairs of strips with as many channels, all of which are copies in one sense, and strips of
        which one channel is the other with its polarity inverted.
    """
    alike = _correlations(audio)
    rows = [np.flatnonzero(strip_of_track(strips) == index) for index in range(len(strips))]
    names = strip_names(strips)
    found = [
        Copies((name, name), cancel=True)
        for name, row in zip(names, rows, strict=True)
        if len(row) == 2 and alike[row[0], row[1]] < -ALIKE
    ]
    for (name, row), (other, beside) in combinations(zip(names, rows, strict=True), 2):
        if len(row) == len(beside):
            both = alike[row, beside]
            if np.all(np.abs(both) > ALIKE) and np.ptp(np.sign(both)) == 0:
                found.append(Copies((name, other), cancel=bool(both[0] < 0)))
    return tuple(found)


def excerpt(audio: np.ndarray, frames: int) -> np.ndarray:
    """Return what is looked at of a file's `(channels, time)` in a song of so many samples.

    Of the excerpts of a song's files, `copies` says what it says of the song.
    """
    found = np.zeros((len(audio), BLOCKS * BLOCK), np.float32)
    for place, start in zip(range(0, found.shape[1], BLOCK), _starts(frames), strict=False):
        block = audio[:, start : start + BLOCK]
        found[:, place : place + block.shape[1]] = block
    return found


def _starts(frames: int) -> np.ndarray:
    return np.unique(np.linspace(0, max(frames - BLOCK, 0), BLOCKS).astype(int))


def _correlations(audio: np.ndarray) -> np.ndarray:
    """Normalised correlation of every two tracks; 0 where one is silent."""
    total = np.zeros((len(audio), len(audio)))
    for start in _starts(audio.shape[1]):
        block = np.asarray(audio[:, start : start + BLOCK], np.float64)
        # All that one converter recorded may share its offset.
        block -= block.mean(axis=1, keepdims=True)
        total += block @ block.T
    size = np.sqrt(np.diag(total))
    return np.divide(total, np.outer(size, size), out=np.zeros_like(total), where=total != 0)

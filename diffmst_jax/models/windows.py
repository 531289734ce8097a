"""Which parts of a long song to listen to."""

from typing import NamedTuple

import numpy as np

MAXIMUM_WINDOWS = 4
CANDIDATES_PER_WINDOW = 2  # candidate windows start every half window
FULLEST = 1e-3  # weight of how full a window is against what only it tells
HEARD_SHARE = 0.1  # a track is heard in a window that holds this share of its best window's energy
TINY = np.finfo(np.float32).tiny


class Windows(NamedTuple):
    """Windows of the tracks, each with one of the reference.

    Attributes:
        starts: first sample in the tracks and in the reference, per window.
        weights: weight of each track in each window, `(windows, tracks)`; sums to 1 over windows.
    """

    starts: list[tuple[int, int]]
    weights: np.ndarray


def choose_windows(tracks: np.ndarray, reference: np.ndarray, *, length: int) -> Windows:
    """Choose up to four windows in which every track is heard if possible.

    Windows that would tell nothing new are left out. Where the tracks, or the reference, are no
    longer than `length`, the only window is all of it.

    Args:
        tracks: audible tracks, `(tracks, time)`.
        reference: `(2, time)`.
        length: window length in samples.

    Returns:
        The windows, the best first.
    """
    starts, share = _most_telling(tracks, length)
    told = np.maximum.accumulate(share).sum(axis=1)
    useful = 1 + int(np.sum(np.cumprod(np.diff(told) >= HEARD_SHARE)))
    starts, share = starts[:useful], share[:useful]
    weights = np.where(share >= HEARD_SHARE, share, 0.0)
    missed = weights.sum(axis=0) == 0
    weights[:, missed] = share[:, missed] + TINY
    of_reference, _ = _most_telling(reference, length)
    pairs = [(s, of_reference[i % len(of_reference)]) for i, s in enumerate(starts)]
    return Windows(pairs, weights / weights.sum(axis=0))


def cover(audio: np.ndarray, *, length: int) -> list[int]:
    """Choose up to four windows that tell most of a long song; a short one is covered whole.

    Args:
        audio: tracks or channels, `(signals, time)`.
        length: window length in samples.

    Returns:
        First samples in order of time: evenly spaced where that leaves nothing out, else those of
        the windows that tell most.
    """
    time = audio.shape[1]
    count = -(-time // length)
    if count <= MAXIMUM_WINDOWS:
        return [round(start) for start in np.linspace(0, max(time - length, 0), count)]
    return sorted(_most_telling(audio, length)[0])


def excerpt(audio: np.ndarray, starts: list[int], *, length: int) -> np.ndarray:
    """Put windows of `(signals, time)` one after the other; what is too short is repeated."""
    if audio.shape[1] < length:
        repeats = -(-length // audio.shape[1])
        audio = np.tile(audio, (1, repeats))[:, :length]
    return np.concatenate([audio[:, s : s + length] for s in starts], axis=1)


def _most_telling(audio: np.ndarray, length: int) -> tuple[list[int], np.ndarray]:
    """Choose up to four windows that do not overlap, the best first.

    Greedy: each next window is the one with most energy, of each signal relative to its own best
    window, that the windows so far have missed; where nothing is left of that, the fullest.

    Returns:
        First samples, and of each window the signals' relative energies, `(windows, signals)`.
    """
    starts = _candidates(audio.shape[1], length)
    energy = np.stack([np.sum(audio[:, s : s + length] ** 2, axis=1) for s in starts])
    share = energy / np.maximum(energy.max(axis=0), TINY)
    chosen: list[int] = []
    heard = np.zeros(len(audio))
    free = np.ones(len(starts), bool)
    while free.any() and len(chosen) < MAXIMUM_WINDOWS:
        gains = np.maximum(share, heard).sum(axis=1) - heard.sum() + FULLEST * share.sum(axis=1)
        best = int(np.argmax(np.where(free, gains, -1.0)))
        chosen.append(best)
        heard = np.maximum(heard, share[best])
        free &= np.abs(np.subtract(starts, starts[best])) >= length
    return [starts[c] for c in chosen], share[chosen]


def _candidates(time: int, length: int) -> list[int]:
    """Starts of windows that cover `time`, the last one ending with it."""
    if time <= length:
        return [0]
    last = time - length
    return [*range(0, last, length // CANDIDATES_PER_WINDOW), last]

"""Which parts of a long song to listen to."""

from typing import NamedTuple

import numpy as np

MAXIMUM_WINDOWS = 4
CANDIDATES_PER_WINDOW = 2  # candidate windows start every half window
FULLEST = 1e-3  # weight of how full a window is against what only it tells
HEARD_SHARE = 0.1  # a track is heard in a window that holds this share of its best window's energy


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

    Greedy: each next window is the one with most energy (of each track relative to its own best
    window) that the windows so far have missed. Where the tracks, or the reference, are no longer
    than `length`, the only window is all of it.

    Args:
        tracks: audible tracks, `(tracks, time)`.
        reference: `(2, time)`.
        length: window length in samples.

    Returns:
        The windows, the best first.
    """
    first = _candidates(tracks.shape[1], length)
    energy = np.stack([np.sum(tracks[:, s : s + length] ** 2, axis=1) for s in first])
    share = energy / np.maximum(energy.max(axis=0), np.finfo(np.float32).tiny)
    chosen: list[int] = []
    heard = np.zeros(tracks.shape[0])
    while len(chosen) < min(MAXIMUM_WINDOWS, len(first)):
        gains = np.maximum(share, heard).sum(axis=1) - heard.sum()
        gains[chosen] = -1.0
        best = int(np.argmax(gains))
        if chosen and gains[best] < HEARD_SHARE:
            break
        chosen.append(best)
        heard = np.maximum(heard, share[best])
    loudest = _loudest(reference, length)
    weights = np.where(share[chosen] >= HEARD_SHARE, share[chosen], 0.0)
    missed = weights.sum(axis=0) == 0
    weights[:, missed] = share[chosen][:, missed] + np.finfo(np.float32).tiny
    starts = [(first[c], loudest[i % len(loudest)]) for i, c in enumerate(chosen)]
    return Windows(starts, weights / weights.sum(axis=0))


def cover(audio: np.ndarray, *, length: int) -> list[int]:
    """Choose up to four windows that tell most of a long song; a short one is covered whole.

    Args:
        audio: tracks or channels, `(signals, time)`.
        length: window length in samples.

    Returns:
        First samples in order of time: evenly spaced where that leaves nothing out, else those of
        the windows in which the signals, each relative to its own best window, have most energy.
    """
    time = audio.shape[1]
    count = -(-time // length)
    if count <= MAXIMUM_WINDOWS:
        return [round(start) for start in np.linspace(0, max(time - length, 0), count)]
    starts = _candidates(time, length)
    energy = np.stack([np.sum(audio[:, s : s + length] ** 2, axis=1) for s in starts])
    share = energy / np.maximum(energy.max(axis=0), np.finfo(np.float32).tiny)
    chosen: list[int] = []
    heard = np.zeros(len(audio))
    for _ in range(MAXIMUM_WINDOWS):
        # First what no window has told yet; where nothing is left of that, what is fullest.
        gains = np.maximum(share, heard).sum(axis=1) - heard.sum() + FULLEST * share.sum(axis=1)
        gains[[any(abs(s - starts[c]) < length for c in chosen) for s in starts]] = -1.0
        best = int(np.argmax(gains))
        chosen.append(best)
        heard = np.maximum(heard, share[best])
    return sorted(starts[c] for c in chosen)


def excerpt(audio: np.ndarray, starts: list[int], *, length: int) -> np.ndarray:
    """Put windows of `(signals, time)` one after the other; what is too short is repeated."""
    if audio.shape[1] < length:
        repeats = -(-length // audio.shape[1])
        audio = np.tile(audio, (1, repeats))[:, :length]
    return np.concatenate([audio[:, s : s + length] for s in starts], axis=1)


def _candidates(time: int, length: int) -> list[int]:
    """Starts of windows that cover `time`, the last one ending with it."""
    if time <= length:
        return [0]
    last = time - length
    return [*range(0, last, length // CANDIDATES_PER_WINDOW), last]


def _loudest(reference: np.ndarray, length: int) -> list[int]:
    """Starts of the loudest windows of the reference that do not overlap, the loudest first."""
    starts = _candidates(reference.shape[1], length)
    energy = [float(np.sum(reference[:, s : s + length] ** 2)) for s in starts]
    chosen: list[int] = []
    for index in np.argsort(energy)[::-1]:
        if all(abs(starts[index] - s) >= length for s in chosen):
            chosen.append(starts[index])
    return chosen[:MAXIMUM_WINDOWS]

"""Which parts of a long song to listen to."""

from typing import NamedTuple

import numpy as np

from diffmst_jax.memory import aligned

MAXIMUM_WINDOWS = 4
PIECES_PER_WINDOW = 2  # that an excerpt of a long song is made of
CANDIDATES_PER_WINDOW = 2  # candidate windows start every half window
STEPS_PER_WINDOW = 8  # by which the length of shorter songs is counted
FULLEST = 1e-3  # weight of how full a window is against what only it tells
HEARD_SHARE = 0.1  # a track is heard in a window that holds this share of its best window's energy
SILENT_SHARE = 0.01  # of its best window's energy: differences below that do not count
EXCHANGES = 4  # of each piece for a better one
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


def excerpt(
    audio: np.ndarray, *, length: int, order: np.ndarray | None = None, rows: int = 0
) -> np.ndarray:
    """Copy what is heard of a song: eight pieces of half a window that stand for it, one by one.

    A song of up to four windows is heard as it is, but for the end that is no whole eighth of a
    window: few lengths to compile. What is shorter than a window is repeated.

    Args:
        audio: tracks or channels, `(signals, time)`.
        length: window length in samples.
        order: of the signals in the copy; their own if left out.
        rows: of the copy, at least; silent where there is no signal.

    Returns:
        `(rows, length)` at least, float32 where XLA reads it, see `memory.aligned`.
    """
    parts = _heard_parts(audio, length)
    order = np.arange(len(audio)) if order is None else order
    heard = aligned(max(rows, len(order)), sum(part.stop - part.start for part in parts))
    for row, number in zip(heard, order, strict=False):
        np.concatenate([audio[number, part] for part in parts], out=row)
    heard[len(order) :] = 0.0
    return heard


def _heard_parts(audio: np.ndarray, length: int) -> list[slice]:
    """The parts of the time that are heard, one after the other."""
    time = audio.shape[1]
    if time < length:
        return [*[slice(0, time)] * (length // time), slice(0, length % time)]
    if time <= MAXIMUM_WINDOWS * length:
        step = max(length // STEPS_PER_WINDOW, 1)
        return [slice(0, time // step * step)]
    piece = length // PIECES_PER_WINDOW
    starts = _typical(audio, piece, MAXIMUM_WINDOWS * PIECES_PER_WINDOW)
    return [slice(start, start + piece) for start in sorted(starts)]


def _typical(audio: np.ndarray, length: int, count: int) -> list[int]:
    """Choose pieces that together hold as much of each signal as all of the time does.

    What sounds at few moments only is to have a share of the fullest of them, so that it is heard.
    Greedy, and then each piece in turn is exchanged for the best one in its place.

    Args:
        audio: `(signals, time)`.
        length: of a piece in samples.
        count: of pieces, as many as fit into the time at most.

    Returns:
        First samples.
    """
    last = audio.shape[1] - length
    starts = np.linspace(0, last, audio.shape[1] // length).astype(int)
    energy = np.stack(
        [np.vecdot(part, part) for part in (audio[:, s : s + length] for s in starts)]
    )
    energy /= np.maximum(energy.max(axis=0), TINY)
    wanted = np.log(np.maximum(energy.mean(axis=0), HEARD_SHARE) + SILENT_SHARE)

    def with_best(chosen: list[int]) -> list[int]:
        mean = (energy[chosen].sum(axis=0) + energy) / (len(chosen) + 1)
        error = np.square(np.log(mean + SILENT_SHARE) - wanted).sum(axis=1)
        error[chosen] = np.inf
        return [*chosen, int(np.argmin(error))]

    chosen: list[int] = []
    for _ in range(count):
        chosen = with_best(chosen)
    for _ in range(EXCHANGES * count):
        chosen = with_best(chosen[1:])
    return [int(start) for start in starts[chosen]]


def _most_telling(audio: np.ndarray, length: int) -> tuple[list[int], np.ndarray]:
    """Choose up to four windows that do not overlap, the best first.

    Greedy: each next window is the one with most energy, of each signal relative to its own best
    window, that the windows so far have missed; where nothing is left of that, the fullest.

    Returns:
        First samples, and of each window the signals' relative energies, `(windows, signals)`.
    """
    last = max(audio.shape[1] - length, 0)
    starts = np.array([*range(0, last, length // CANDIDATES_PER_WINDOW), last])
    heard = (audio[:, s : s + length] for s in starts)
    energy = np.stack([np.vecdot(part, part) for part in heard])
    share = energy / np.maximum(energy.max(axis=0), TINY)
    chosen: list[int] = []
    told = np.zeros(len(audio))
    free = np.ones(len(starts), bool)
    while free.any() and len(chosen) < MAXIMUM_WINDOWS:
        gains = np.maximum(share, told).sum(axis=1) - told.sum() + FULLEST * share.sum(axis=1)
        best = int(np.argmax(np.where(free, gains, -1.0)))
        chosen.append(best)
        told = np.maximum(told, share[best])
        free &= np.abs(starts - starts[best]) >= length
    return [int(starts[c]) for c in chosen], share[chosen]


def covering_windows(audio: np.ndarray, length: int) -> tuple[list[np.ndarray], list[int]]:
    """All of the time in windows of one length, the last one ending with it.

    Returns:
        The windows, and how many samples of each none before has.
    """
    last = audio.shape[1] - length
    starts = [*range(0, last, length), last]
    windows = [audio[:, start : start + length] for start in starts]
    return windows, np.diff([0, *(start + length for start in starts)]).tolist()

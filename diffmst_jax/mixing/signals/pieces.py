"""Signals in pieces, so that a song of any length fits."""

from collections.abc import Iterable, Iterator

import numpy as np

PIECE = 1 << 16


def regrouped(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Give the same samples in pieces of `PIECE`, the last one shorter."""
    rest: list[np.ndarray] = []
    have = 0
    for piece in pieces:
        rest.append(piece)
        have += piece.shape[1]
        if have < PIECE:
            continue
        joined = np.concatenate(rest, axis=1) if len(rest) > 1 else piece
        whole = have - have % PIECE
        yield from (joined[:, start : start + PIECE] for start in range(0, whole, PIECE))
        rest, have = [joined[:, whole:]], have - whole
    if have:
        yield np.concatenate(rest, axis=1)


def with_margins(pieces: Iterable[np.ndarray], margin: int) -> Iterator[tuple[np.ndarray, slice]]:
    """Give each piece together with up to `margin` samples of what comes before and after it.

    Args:
        pieces: `(rows, time)`, no shorter than `margin` but for the last.
        margin: samples, 0 or more.

    Returns:
        Pairs of a piece with its surroundings and where in that it lies itself.
    """
    waiting: np.ndarray | None = None
    before: np.ndarray | None = None
    for piece in pieces:
        if waiting is not None:
            yield _between(before, waiting, piece[:, :margin])
            before = waiting[:, waiting.shape[1] - margin :]
        waiting = piece
    if waiting is not None:
        yield _between(before, waiting, waiting[:, :0])


def _between(
    before: np.ndarray | None, piece: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, slice]:
    first = 0 if before is None else before.shape[1]
    parts = [piece, after] if before is None else [before, piece, after]
    return np.concatenate(parts, axis=1), slice(first, first + piece.shape[1])

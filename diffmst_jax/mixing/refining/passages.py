"""Which moments of a song stand for all of it, and which stretch is held back to check on."""

from typing import NamedTuple

import numpy as np

PIECE = 40960
PIECES = 4
"""Refinement hears medleys of pieces of 0.9 s each: a step is as much work as one stretch of 3.7 s,
but spread over the song, so that what suits the medleys suits the song."""

LEAD = 8192
"""Samples (0.19 s) that the console hears before a piece, so that filters and compressors do what
they do there in the song."""

FADE = 1024
"""Samples at a joint of pieces that do not follow each other, so that it does not click."""

MEDLEYS = 3
"""Steps take turns between them. Of more, each is heard too seldom: with nine, four songs of three
minutes came to 0.0063 on average, with three to 0.0053, and went less far away between."""

STRETCH = 2 * PIECES * PIECE
"""Samples that are held back, 7.4 s."""

LONG = 2 * STRETCH
"""From here on (14.9 s) a stretch is held back: it leaves as much of the song to listen to. A
shorter one is heard whole, as one medley, and there is nothing else for which it could be wrong."""

STEP = PIECE // 2
STEPS_PER_PIECE, STEPS_PER_STRETCH = PIECE // STEP, STRETCH // STEP

FAINT = 1e-3  # of a track's mean power: how far below it levels still count
FAINTEST_POWER = 1e-12  # where a track is silent in the whole song


class Medley(NamedTuple):
    """Pieces of a song that are heard one after another.

    Attributes:
        audio: of the tracks, float32 `(pieces, tracks, LEAD + PIECE + latency)`: each piece with
            what comes before it, and after it as much as the console comes late.
        window: of the pieces together, float32 `(time,)`: falls to 0 where one does not go on with
            what the last one ended with, and ends with the song.
    """

    audio: np.ndarray
    window: np.ndarray


class Passages(NamedTuple):
    """Where refinement listens.

    Attributes:
        seen: first samples of the pieces of each medley; a piece is `PIECE` long.
        unseen: first sample of a stretch of `STRETCH` samples that no piece touches; None where
            the song is heard whole.
    """

    seen: tuple[tuple[int, ...], ...]
    unseen: int | None

    def parts(self, mix: np.ndarray) -> list[np.ndarray]:
        """Split `(2, time)`: the song but for the stretch, and the stretch if there is one."""
        if self.unseen is None:
            return [mix]
        held_back = np.s_[self.unseen : self.unseen + STRETCH]
        return [np.delete(mix, held_back, axis=1), mix[:, held_back]]


def choose_passages(tracks: np.ndarray, gains: np.ndarray) -> Passages:
    """Choose the pieces to refine on, and the stretch to hold back.

    A song shorter than `LONG` is one medley, and so is one that sounds in one stretch alone. Of
    others, the stretch in which the tracks are most as loud as they are in the whole song is held
    back. Of the rest come the pieces, one after another, that bring the levels of a medley's tracks
    closest to the song's. They do not overlap while the song has room.

    Args:
        tracks: `(tracks, time)`.
        gains: what each is multiplied by before it is heard, `(tracks, 1)`.
    """
    whole = Passages((tuple(range(0, tracks.shape[1], PIECE)),), None)
    if tracks.shape[1] < LONG:
        return whole
    powers = _step_powers(tracks) * np.square(gains)
    song, steps = np.mean(powers, axis=1), powers.shape[1]
    stretches = range(steps - STEPS_PER_STRETCH + 1)
    likeness = [_likeness(_mean(powers, s, STEPS_PER_STRETCH), song) for s in stretches]
    held_back = stretches[int(np.argmax(likeness))]
    rest = np.delete(powers, np.s_[held_back : held_back + STEPS_PER_STRETCH], axis=1)
    if np.mean(rest) < FAINT * np.mean(powers):
        return whole
    pieces = range(steps - STEPS_PER_PIECE + 1)
    free = [s for s in pieces if not _meet(s, held_back)]
    taken: list[int] = []
    medleys = [_medley(powers, free, taken) for _ in range(MEDLEYS)]
    return Passages(tuple(medleys), held_back * STEP)


def cut(audio: np.ndarray, starts: tuple[int, ...], *, latency: int) -> Medley:
    """Cut pieces out, with silence before and after the song.

    Args:
        audio: `(tracks, time)`.
        starts: first sample of each.
        latency: samples by which the console comes late.
    """
    pieces = np.zeros((len(starts), len(audio), LEAD + PIECE + latency), np.float32)
    for piece, start in zip(pieces, starts, strict=True):
        first = max(0, start - LEAD)
        part = audio[:, first : start + PIECE + latency]
        skipped = first - (start - LEAD)
        piece[:, skipped : skipped + part.shape[1]] = part
    beyond = max(0, starts[-1] + PIECE - audio.shape[1])
    window = np.ones(len(starts) * PIECE - beyond, np.float32)
    fall = np.square(np.cos(np.linspace(0.0, np.pi / 2, FADE, dtype=np.float32)))
    for joint in PIECE * (1 + np.flatnonzero(np.diff(starts) != PIECE)):
        window[joint - FADE : joint], window[joint : joint + FADE] = fall, fall[::-1]
    return Medley(pieces, window)


def _medley(powers: np.ndarray, free: list[int], taken: list[int]) -> tuple[int, ...]:
    """Choose one medley's pieces among `free` and add them to `taken`."""
    song = np.mean(powers, axis=1)
    chosen: list[int] = []
    while len(chosen) < PIECES:
        new = [s for s in free if all(abs(s - c) >= STEPS_PER_PIECE for c in taken)] or free
        trials = [
            np.mean([_mean(powers, s, STEPS_PER_PIECE) for s in (*chosen, more)], axis=0)
            for more in new
        ]
        chosen.append(new[int(np.argmax([_likeness(trial, song) for trial in trials]))])
        taken.append(chosen[-1])
    return tuple(start * STEP for start in sorted(chosen))


def _meet(piece: int, stretch: int) -> bool:
    return stretch - STEPS_PER_PIECE < piece < stretch + STEPS_PER_STRETCH


def _mean(powers: np.ndarray, start: int, steps: int) -> np.ndarray:
    return np.mean(powers[:, start : start + steps], axis=1)


def _step_powers(tracks: np.ndarray) -> np.ndarray:
    """Mean square of each track in steps, `(tracks, steps)`, a last, incomplete one left out."""
    steps = tracks.shape[1] // STEP
    powers = np.zeros((len(tracks), steps))
    for row, track in zip(powers, tracks, strict=True):
        row[:] = np.mean(np.square(track[: steps * STEP]).reshape(steps, STEP), axis=1)
    return powers


def _likeness(powers: np.ndarray, song: np.ndarray) -> float:
    """0 when every track has the level that it has in the song, less the further from it."""
    floor = FAINT * song + FAINTEST_POWER
    return -float(np.mean(np.square(np.log(powers + floor) - np.log(song + floor))))

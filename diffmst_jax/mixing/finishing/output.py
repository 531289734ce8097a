"""The last stage of a mix: the loudness asked for, under a ceiling, without clipping.

Loudness comes from a plain gain. Where that would push peaks through the ceiling, a limiter turns
the moments around them down: the gain that each sample needs, its minimum over a window around it,
smoothed by a kernel of that window's width. The smoothed gain at a peak is an average of values
that are all at most what the peak needs, so the ceiling holds by construction. A finished song may
look as far ahead as back, so this limiter is without delay and symmetric in time, and moves more
smoothly than one that streams; `dsp.limiter` is the causal, differentiable one.

A mix comes and goes in pieces, all of `PIECE` samples but the last, so that a song of any length
fits: it is on a *tape*, which is a list or anything else that pieces can be appended to and that
can be iterated again and again.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.finishing.limits import DEFAULT_CEILING_DBTP, DEFAULT_LOUDNESS_LUFS
from diffmst_jax.mixing.finishing.sliding import lowest_around, mean_around
from diffmst_jax.mixing.finishing.weighting import PieceWeighting
from diffmst_jax.mixing.signals.ahead import ahead
from diffmst_jax.mixing.signals.measure import (
    TRUE_PEAK_MARGIN,
    StepPowers,
    decibels,
    factor,
    gated_loudness,
    peak,
    true_peak_envelope,
)
from diffmst_jax.mixing.signals.pieces import regrouped, with_margins

LIMITER_WINDOW_S = 0.04
MOST_LIMITING_DB = 6.0
"""Peaks are never turned down by more; the mix stays quieter than asked instead."""

LIMITED_RANGE = factor(MOST_LIMITING_DB) * 1.01
"""How far below the highest peak another may be to be limited too, linear."""

LOUDNESS_TOLERANCE_LU = 0.02
LOUDNESS_ROUNDS = 6
SAID_FROM_LU = 0.1


class OutputTarget(NamedTuple):
    """What a finished mix must meet.

    Attributes:
        loudness_lufs: integrated loudness.
        ceiling_dbtp: highest true peak.
    """

    loudness_lufs: float = DEFAULT_LOUDNESS_LUFS
    ceiling_dbtp: float = DEFAULT_CEILING_DBTP


class Tape(Protocol):
    """What keeps a mix, `(3, time)` a piece: left, right, and `true_peak_envelope`."""

    def append(self, piece: np.ndarray, /) -> None:
        """Put a piece at the end."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Play it from the beginning."""


class Recorded(NamedTuple):
    """A mix before its last stage.

    Attributes:
        tape: where it is.
        step_powers: as of `weighted_step_powers`. Its loudness is not known before its gain is,
            for loudness leaves out what is below an absolute level, and the console's is far down.
        true_peak: linear.
    """

    tape: Tape
    step_powers: np.ndarray
    true_peak: float


class Level(NamedTuple):
    """What brings a mix to its loudness, and what is reached.

    Attributes:
        gain_db: gain before the limiter.
        ceiling: of the limiter, linear; infinite for silence.
        trim: gain after the limiter, linear, 1 or a little less.
        limiting_db: the most that a peak is turned down, 0 or more.
        loudness_lufs: integrated loudness reached; minus infinity for silence.
        true_peak_dbtp: true peak reached.
    """

    gain_db: float
    ceiling: float
    trim: float
    limiting_db: float
    loudness_lufs: float
    true_peak_dbtp: float


class Finished(NamedTuple):
    """A finished mix.

    Attributes:
        audio: float32 `(2, time)`.
        level: how it came to its loudness.
    """

    audio: np.ndarray
    level: Level


def shortfall_words(level: Level, target: OutputTarget) -> list[str]:
    """Say that a mix did not become as loud as it should, if so and it is not silent."""
    missing = target.loudness_lufs - level.loudness_lufs
    if missing <= SAID_FROM_LU or math.isinf(missing):
        return []
    return [f"The mix is {missing:.1f} LU quieter than asked: more would have crushed its peaks."]


def finish(mix: np.ndarray, target: OutputTarget) -> Finished:
    """Bring a mix to its loudness under its ceiling.

    A mix that would need more than `MOST_LIMITING_DB` of limiting gets as loud as that allows.
    Silence comes back as it is.

    Args:
        mix: float32 `(2, time)`.
        target: loudness and ceiling.
    """
    return finish_recorded(record([mix], []), target)


def finish_recorded(recorded: Recorded, target: OutputTarget) -> Finished:
    """Do what `finish` does with a mix on a tape."""
    level = find_level(recorded, target)
    return Finished(np.concatenate(list(finished_pieces(recorded, level)), axis=1), level)


def record(pieces: Iterable[np.ndarray], tape: Tape) -> Recorded:
    """Put a mix on a tape and measure it.

    Args:
        pieces: float32 `(2, time)` of any lengths.
        tape: empty.
    """
    meter, highest = _meter(), 0.0
    for around, inner in with_margins(regrouped(pieces), TRUE_PEAK_MARGIN):
        piece = around[:, inner]
        meter.add(piece)
        # Nothing 6 dB below the highest peak is ever limited: see `MOST_LIMITING_DB`.
        highest = max(highest, peak(piece))
        envelope = true_peak_envelope(around, matters_from=highest / LIMITED_RANGE)[inner]
        highest = max(highest, float(np.max(envelope, initial=0.0)))
        tape.append(np.concatenate([piece, envelope[np.newaxis]]).astype(np.float32))
    return Recorded(tape, meter.result(), highest)


def find_level(recorded: Recorded, target: OutputTarget) -> Level:
    """Find the gain, and the limiting, that give a recorded mix its loudness under its ceiling."""
    ceiling = factor(target.ceiling_dbtp)
    most_gain_db = target.ceiling_dbtp + MOST_LIMITING_DB - decibels(recorded.true_peak)
    loudness = _loudness_after(recorded, most_gain_db)
    if not math.isfinite(loudness):
        return Level(0.0, math.inf, 1.0, 0.0, loudness, decibels(recorded.true_peak))
    gain_db = most_gain_db + min(target.loudness_lufs - loudness, 0.0)
    for _ in range(LOUDNESS_ROUNDS):
        loudness, reached = _measured(recorded, gain_db, ceiling)
        missing = min(target.loudness_lufs - loudness, most_gain_db - gain_db)
        if abs(missing) < LOUDNESS_TOLERANCE_LU:
            break
        gain_db += missing
    else:
        loudness, reached = _measured(recorded, gain_db, ceiling)
    # What the changing gain itself adds between samples: 0.01 dB or so.
    trim = min(1.0, ceiling / reached)
    limiting_db = max(0.0, decibels(recorded.true_peak) + gain_db - target.ceiling_dbtp)
    loudness, reached = loudness + decibels(trim), reached * trim
    return Level(gain_db, ceiling, trim, limiting_db, loudness, decibels(reached))


def finished_pieces(recorded: Recorded, level: Level) -> Iterator[np.ndarray]:
    """Give the finished mix, float32 `(2, PIECE)` a piece."""
    if math.isinf(level.ceiling):  # silence
        yield from (piece[:2] for piece in recorded.tape)
        return
    for piece, _, _ in ahead(_limited_pieces(recorded, factor(level.gain_db), level.ceiling)):
        yield piece if level.trim == 1.0 else (piece * level.trim).astype(np.float32)


def _loudness_after(recorded: Recorded, gain_db: float) -> float:
    """Loudness of the mix after a plain gain."""
    return gated_loudness(recorded.step_powers * factor(2 * gain_db))


def _measured(recorded: Recorded, gain_db: float, ceiling: float) -> tuple[float, float]:
    """Loudness and true peak of the mix after a gain and the limiter."""
    gain = factor(gain_db)
    if recorded.true_peak * gain <= ceiling:
        return _loudness_after(recorded, gain_db), recorded.true_peak * gain
    meter, highest = _meter(), 0.0
    limited: list[bool] = []

    def metered() -> Iterator[np.ndarray]:
        nonlocal highest
        for piece, envelope, is_limited in ahead(_limited_pieces(recorded, gain, ceiling)):
            meter.add(piece)
            limited.append(is_limited)
            if not is_limited:
                highest = max(highest, float(np.max(envelope)) * gain)
            yield piece

    for i, (piece, inner) in enumerate(with_margins(metered(), TRUE_PEAK_MARGIN)):
        if limited[i]:
            envelope = true_peak_envelope(piece, matters_from=highest)
            highest = max(highest, float(np.max(envelope[inner])))
    return gated_loudness(meter.result()), highest


def _meter() -> StepPowers:
    return StepPowers(PieceWeighting(2), sample_rate=SAMPLE_RATE)


def _limited_pieces(
    recorded: Recorded, gain: float, ceiling: float
) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """Apply a gain and limit; gives audio, the envelope before, and whether it was limited."""
    half = round(LIMITER_WINDOW_S * SAMPLE_RATE / 2) | 1
    for around, inner in with_margins(recorded.tape, 2 * half):
        wanted = around[2] * np.float32(gain / ceiling)
        if np.max(wanted) <= 1.0:
            yield around[:2, inner] * np.float32(gain), around[2, inner], False
            continue
        needed = 1 / np.maximum(wanted, 1)
        smooth = mean_around(mean_around(lowest_around(needed, half), half // 2), half // 2)
        gains = (gain * smooth[inner]).astype(np.float32)
        yield around[:2, inner] * gains, around[2, inner], True

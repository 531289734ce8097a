"""What the page draws and matches: outlines, loudness and peaks of what can be listened to."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.finishing.output import Level
from diffmst_jax.mixing.signals.measure import decibels, integrated_loudness

OUTLINE_POINTS = 900
PEAK_DBFS = -1.0
"""Nothing that is compared at one loudness is played above this."""


class Heard(NamedTuple):
    """One signal as the page knows it.

    Attributes:
        outline: highest magnitude in each of equal stretches, whole thousandths.
        loudness_lufs: integrated loudness; None for silence.
        peak_db: largest sample.
    """

    outline: list[int]
    loudness_lufs: float | None
    peak_db: float


class Drawing:
    """An outline and a peak that are drawn while a signal goes by.

    Args:
        length: samples per channel of the whole signal.
    """

    def __init__(self, length: int) -> None:
        count = min(OUTLINE_POINTS, length)
        self._starts = np.linspace(0, length, count, endpoint=False).astype(int)
        self._highest = np.zeros(count, np.float32)
        self._place = 0

    def drawn(self, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Draw `(channels, time)` pieces and hand them on."""
        for piece in pieces:
            end = self._place + piece.shape[1]
            first = int(np.searchsorted(self._starts, self._place, side="right")) - 1
            last = int(np.searchsorted(self._starts, end, side="left"))
            cuts = np.maximum(self._starts[first:last] - self._place, 0)
            highest = np.maximum.reduceat(np.max(np.abs(piece), axis=0), cuts)
            part = self._highest[first:last]
            np.maximum(part, highest, out=part)
            self._place = end
            yield piece

    def outline(self) -> list[int]:
        """Magnitudes of equal stretches, at most `OUTLINE_POINTS`."""
        return [round(1000 * float(value)) for value in self._highest]

    def peak(self) -> float:
        """The largest magnitude."""
        return float(np.max(self._highest))


def heard(audio: np.ndarray) -> Heard:
    """Measure `(2, time)` audio."""
    drawing = Drawing(audio.shape[1])
    deque(drawing.drawn([audio]), maxlen=0)
    return heard_as(drawing, integrated_loudness(audio, sample_rate=SAMPLE_RATE))


def heard_as(drawing: Drawing, loudness_lufs: float) -> Heard:
    """What is known of a signal that was drawn, and its loudness measured."""
    known = round(loudness_lufs, 2) if np.isfinite(loudness_lufs) else None
    return Heard(drawing.outline(), known, round(decibels(drawing.peak()), 2))


def output_document(level: Level) -> dict[str, float | None]:
    """What the last stage did to a mix, as JSON."""
    loudness = level.loudness_lufs
    return {
        "gain_db": round(level.gain_db, 4),
        "limiting_db": round(level.limiting_db, 2),
        "loudness_lufs": round(loudness, 2) if np.isfinite(loudness) else None,
        "true_peak_dbtp": round(level.true_peak_dbtp, 2),
    }

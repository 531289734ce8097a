"""What the page draws and matches: outlines, loudness and peaks of what can be listened to."""

from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.measure import decibels, integrated_loudness, peak
from diffmst_jax.mixing.output import Finished

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


def heard(audio: np.ndarray) -> Heard:
    """Measure `(2, time)` audio."""
    loudness = integrated_loudness(audio, sample_rate=SAMPLE_RATE)
    known = round(loudness, 2) if np.isfinite(loudness) else None
    return Heard(outline(audio), known, round(decibels(peak(audio)), 2))


def outline(audio: np.ndarray) -> list[int]:
    """Draw `(channels, time)` audio as magnitudes, at most `OUTLINE_POINTS`."""
    magnitude = np.max(np.abs(audio), axis=0)
    count = min(OUTLINE_POINTS, len(magnitude))
    starts = np.linspace(0, len(magnitude), count, endpoint=False).astype(int)
    return [round(1000 * float(value)) for value in np.maximum.reduceat(magnitude, starts)]


def output_document(finished: Finished) -> dict[str, float | None]:
    """What the last stage did to a mix, as JSON."""
    loudness = finished.loudness_lufs
    return {
        "gain_db": round(finished.gain_db, 4),
        "limiting_db": round(finished.limiting_db, 2),
        "loudness_lufs": round(loudness, 2) if np.isfinite(loudness) else None,
        "true_peak_dbtp": round(finished.true_peak_dbtp, 2),
    }

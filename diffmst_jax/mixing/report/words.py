"""Settings and measurements in the words of people who mix."""

import math
from collections.abc import Sequence

import numpy as np

import dsp
from diffmst_jax.mixing.console.settings import RefinementNote
from diffmst_jax.mixing.report.charts import plain, signed
from diffmst_jax.mixing.report.tracks import VISIBLE_REDUCTION_DB
from dsp.equalizer import CONSOLE_BANDS

AUDIBLE_BAND_DB = 0.5
"""Bands with less gain are not worth a mention."""

AUDIBLE_RATIO = 1.05

VISIBLE_GAIN_DB = 0.05
"""Less than this is written as 0.0 dB."""


def listed(parts: Sequence[str]) -> str:
    """Join as in a sentence: `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def significant(value: float) -> str:
    """Write a distance with three significant digits and no exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 7)}f}"


def equalizer_words(equalizer: dsp.EqualizerParams) -> str:
    """Name the bands that do something: `+3.1 dB at 240 Hz, ...`."""
    parts = []
    for kind, gain, frequency in zip(
        CONSOLE_BANDS, equalizer.gain_db, equalizer.frequency_hz, strict=True
    ):
        if abs(gain) >= AUDIBLE_BAND_DB:
            parts.append(band_words(kind, gain, frequency))
    return ", ".join(parts) or "flat"


def compressor_words(compressor: dsp.CompressorParams) -> str:
    """Say what a compressor does: `3.2 : 1 above -31 dB, 12 / 140 ms`."""
    makeup = float(compressor.makeup_gain_db)
    gain = f", {signed(makeup)} dB" if makeup >= VISIBLE_GAIN_DB else ""
    if compressor.ratio < AUDIBLE_RATIO:
        return "off" + gain
    threshold = plain(round(float(compressor.threshold_db), 1))
    times = f"{compressor.attack_ms:.0f} / {compressor.release_ms:.0f} ms"
    return f"{compressor.ratio:.1f} : 1 above {threshold} dB, {times}{gain}"


def reduction_words(reduction_db: np.ndarray) -> str:
    """Say how far a compressor went: `: 4.2 dB at most`, or nothing."""
    most = -float(np.min(reduction_db))
    return f": {most:.1f} dB at most" if most >= VISIBLE_REDUCTION_DB else ""


def pan_words(pan: float) -> str:
    """Say where a position is: `centre`, `30 % left`."""
    percent = round(200 * abs(pan - 0.5))
    if percent < 1:
        return "centre"
    return f"{percent} % {'left' if pan < 0.5 else 'right'}"


def hertz(frequency: float) -> str:
    """Write a frequency with two or three significant digits."""
    rounded = float(f"{frequency:.2g}")
    return f"{rounded:g} Hz" if rounded < 1000 else f"{frequency / 1000:.1f} kHz"


def balance_words(imbalance: float) -> str:
    """Say where the energy leans: `centred`, `3.2 % left`."""
    percent = round(100 * abs(imbalance), 1)
    if percent == 0:
        return "centred"
    return f"{percent:g} % {'right' if imbalance > 0 else 'left'}"


def band_words(kind: str, gain_db: float, frequency_hz: float) -> str:
    """Say what one band of an equalizer does: `+3.1 dB at 240 Hz`, `-2.0 dB above 8.0 kHz`."""
    where = {"low_shelf": "below", "high_shelf": "above"}.get(kind, "at")
    return f"{signed(gain_db)} dB {where} {hertz(frequency_hz)}"


def refinement_words(note: RefinementNote | None) -> str:
    """Say what refining did; nothing where it was not asked for."""
    if note is None:
        return ""
    start = f"Refined in {note.steps} step{'s' if note.steps != 1 else ''}: "
    if note.steps and note.seen_after == note.seen_before:
        return start + "nothing of it was kept, for the prediction was better."
    before, after = significant(note.seen_before), significant(note.seen_after)
    start += f"style distance {before} to {after}"
    if note.seen_after > note.seen_before:
        start += " (farther, for a faint track is heard more)"
    if note.unseen_after is None:
        return f"{start}; there was no stretch to hold back."
    unseen = significant(note.unseen_after)
    return f"{start} without a stretch held back as a check, which says {unseen}."

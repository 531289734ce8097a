"""A mix beside its baselines and its reference: style distance, tone, width, loudness.

Everything here compares at one loudness, so that louder never looks better.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import AudioFeatureLoss, StyleFeatures, style_distance
from diffmst_jax.mixing.signals.measure import (
    factor,
    gated_loudness,
    mid_side_density,
    power_db,
    weighted_step_powers,
)
from diffmst_jax.mixing.sources.reference import Reference, blended
from diffmst_jax.mixing.sources.sounding import sounding
from diffmst_jax.mixing.sources.style import MATCHED_LUFS, style_as_it_is
from dsp.loudness import HOP_S

SPECTRUM_HZ = np.geomspace(20.0, 20000.0, 181)
SPECTRUM_OCTAVES = 1 / 6
INAUDIBLE_DB = -90.0
"""Bands this far below the loudest have no width worth drawing (what an MP3 cut away, say)."""


class View(NamedTuple):
    """One stereo signal as the report shows it.

    Attributes:
        name: what it is called.
        style: its class name in the report's style sheet.
        audio: float32 `(2, time)`, brought to `MATCHED_LUFS`.
        gain_db: the gain that took.
        features: its style features.
        distance: its style distance to the reference; None for the reference itself.
        spectrum_db: level per `SPECTRUM_OCTAVES` at `SPECTRUM_HZ`, of the mid signal.
        width_db: side against mid at `SPECTRUM_HZ`.
        step_powers: K-weighted power in steps of `HOP_S`, from which loudness over time follows.
    """

    name: str
    style: str
    audio: np.ndarray
    gain_db: float
    features: StyleFeatures
    distance: AudioFeatureLoss | None
    spectrum_db: np.ndarray
    width_db: np.ndarray
    step_powers: np.ndarray


class Comparison(NamedTuple):
    """A mix beside what it is compared with."""

    plain: View
    equal: View
    mix: View
    reference: View

    @property
    def mixes(self) -> tuple[View, ...]:
        """All but the reference: what has a distance to it."""
        return self[:-1]


def compare(
    mixes: Iterable[tuple[str, str, np.ndarray]],
    references: Sequence[Reference],
) -> list[View]:
    """Measure mixes of one song, and the reference, at `MATCHED_LUFS`.

    Args:
        mixes: of each its name, its style class and its audio `(2, time)`, all of one length.
            They are taken one by one, so that a generator need not have all in memory.
        references: what they are compared with, `weighed`. Of a saved style the features are of
            all of the mix that it was, what is seen and heard of its passages.

    Returns:
        A view of each mix in order, then of the reference.
    """
    target = _blended(references)
    views = [_view(name, style, audio, target) for name, style, audio in mixes]
    return [*views, target]


def _blended(references: Sequence[Reference]) -> View:
    """Average what is measured of references; the first is the one to hear."""
    views = [
        _view("Reference", "reference", item.audio, None, item.features) for item in references
    ]
    weights = [item.weight for item in references]

    def average(*values: np.ndarray) -> np.ndarray:
        known = np.isfinite(values)
        shares = known * np.reshape(weights, (-1, *[1] * np.ndim(values[0])))
        total = np.sum(shares, axis=0)
        mean = np.sum(np.where(known, values, 0.0) * shares, axis=0) / np.where(total, total, 1.0)
        return np.where(total > 0, mean, np.nan)

    return views[0]._replace(
        features=blended(references),
        spectrum_db=average(*[view.spectrum_db for view in views]),
        width_db=average(*[view.width_db for view in views]),
    )


def loudest_stretch(step_powers: np.ndarray, length_s: float) -> int:
    """First sample of the stretch of `length_s` seconds that has the most power."""
    steps = round(length_s / HOP_S)
    if len(step_powers) <= steps:
        return 0
    sums = np.concatenate([[0.0], np.cumsum(step_powers)])
    return int(np.argmax(sums[steps:] - sums[:-steps])) * round(HOP_S * SAMPLE_RATE)


def _view(
    name: str,
    style: str,
    audio: np.ndarray,
    target: View | None,
    features: StyleFeatures | None = None,
) -> View:
    powers = weighted_step_powers(audio, sample_rate=SAMPLE_RATE)
    gain_db = MATCHED_LUFS - gated_loudness(powers)
    if not np.isfinite(gain_db):
        gain_db = 0.0
    audio = audio * np.float32(factor(gain_db))
    heard = audio[:, sounding(audio)]
    if features is None:
        features = style_as_it_is(heard)
    distance = None
    if target is not None:
        distance = jax.tree.map(float, _style_distance(features, target.features))
    spectrum_db, width_db = spectrum_and_width(heard)
    powers = powers * factor(gain_db) ** 2
    return View(name, style, audio, gain_db, features, distance, spectrum_db, width_db, powers)


_style_distance = jax.jit(style_distance)


def spectrum_and_width(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Band levels of the mid signal in dB, and side against mid, at `SPECTRUM_HZ`."""
    frequency, density = mid_side_density(audio, sample_rate=SAMPLE_RATE)
    total = np.concatenate([np.zeros((2, 1)), np.cumsum(density, axis=1)], axis=1)
    edges = SPECTRUM_HZ * np.array([[2 ** (-SPECTRUM_OCTAVES / 2)], [2 ** (SPECTRUM_OCTAVES / 2)]])
    bandwidth = frequency[1] - frequency[0]
    places = edges / bandwidth + 0.5  # bin k collects what lies between k - 1/2 and k + 1/2
    grid = np.arange(total.shape[1])
    bands = [np.interp(places[1], grid, t) - np.interp(places[0], grid, t) for t in total]
    mid_db, side_db = (power_db(band * bandwidth) for band in bands)
    loudest = max(np.max(mid_db), np.max(side_db))
    audible = np.maximum(mid_db, side_db) > loudest + INAUDIBLE_DB
    return mid_db, np.where(audible, side_db - mid_db, np.nan)

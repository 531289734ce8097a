"""Scores of many mixes at once, on the device."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from diffmst_jax.evaluation.batch import Mixed
from diffmst_jax.evaluation.known import settings_controls
from diffmst_jax.evaluation.loading import Loaded
from diffmst_jax.evaluation.metrics import (
    Measured,
    audibility_scores,
    compare,
    controls_error,
    measure,
    spectral_truth,
)

SPECTRUM_DECIMALS = 3


class Judged(NamedTuple):
    """A mix, and what it is judged against.

    Attributes:
      song: the example.
      reference: its reference, measured.
      result: the mix.
    """

    song: Loaded
    reference: Measured
    result: Mixed

    @staticmethod
    def scores(
        items: Sequence["Judged"], lufs: float, *, size: int
    ) -> list[tuple[dict[str, float], list[list[float]]]]:
        """Values by metric and the spectrum of each mix."""
        mixes = judge_batch([item.result.mix for item in items], lufs, size=size)
        return [
            (_values(item, measured, lufs), rounded_spectrum(measured))
            for item, measured in zip(items, mixes, strict=True)
        ]


def judge_batch(audios: Sequence[np.ndarray], lufs: float, *, size: int) -> list[Measured]:
    """Measure signals (2, time) at a loudness, those of one length together, `size` at a time."""
    results: dict[int, Measured] = {}
    lengths = dict.fromkeys(audio.shape[1] for audio in audios)
    for length in lengths:
        places = [i for i, audio in enumerate(audios) if audio.shape[1] == length]
        for start in range(0, len(places), size):
            group = places[start : start + size]
            padded = [*group, *[group[0]] * (size - len(group))]
            stacked = np.stack([np.asarray(audios[i], np.float32) for i in padded])
            measured = jax.device_get(_measure(stacked, lufs))
            for row, place in enumerate(group):
                results[place] = jax.tree.map(lambda leaf, row=row: leaf[row], measured)
    return [results[i] for i in range(len(audios))]


def rounded_spectrum(measured: Measured) -> list[list[float]]:
    """Log Bark spectrum of mid and side, (2, 24), short enough to store."""
    spectrum = np.asarray(measured.features.bark_spectrum).T
    return [[round(float(x), SPECTRUM_DECIMALS) for x in row] for row in spectrum]


def _values(item: Judged, measured: Measured, lufs: float) -> dict[str, float]:
    values = {name: float(value) for name, value in _compare(measured, item.reference).items()}
    song, result = item.song, item.result
    if result.heard is not None:
        values |= audibility_scores(result.heard, song.names)
    if song.truth is not None:
        against = _truth(result.mix, song.reference, lufs)
        values |= {name: float(value) for name, value in against.items()}
        if result.settings is not None:
            values |= controls_error(settings_controls(result.settings), song.truth)
    return values


@jax.jit
def _measure(audio: jax.Array, lufs: float) -> Measured:
    return jax.vmap(partial(measure, lufs=lufs))(audio)


_compare = jax.jit(compare)
_truth = jax.jit(spectral_truth)

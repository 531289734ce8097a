"""Levels at which a model hears tracks and reference, and how to get there."""

from typing import NamedTuple

import jax
from jax import Array

from diffmst_jax.losses.loudness import loudness_gain_db

TRACK_LUFS = -48.0
REFERENCE_LUFS = -16.0


class Leveled(NamedTuple):
    """Signals brought to one loudness.

    Attributes:
        audio: the signals times their gains.
        gain_db: gain of each, in dB; 0 for silence.
    """

    audio: Array
    gain_db: Array


def normalize_tracks(tracks: Array, *, sample_rate: int) -> Leveled:
    """Bring each of `(tracks, time)` to -48 LUFS; silence stays.

    The console's settings that a model predicts are for tracks at this level: whoever renders them
    has to apply the same gains first.
    """
    gain_db = jax.vmap(
        lambda track: loudness_gain_db(track[None], TRACK_LUFS, sample_rate=sample_rate)
    )(tracks)
    return Leveled(tracks * 10.0 ** (gain_db[:, None] / 20.0), gain_db)


def normalize_reference(reference: Array, *, sample_rate: int) -> Leveled:
    """Bring a stereo mix `(2, time)` to -16 LUFS; silence stays."""
    gain_db = loudness_gain_db(reference, REFERENCE_LUFS, sample_rate=sample_rate)
    return Leveled(reference * 10.0 ** (gain_db / 20.0), gain_db)

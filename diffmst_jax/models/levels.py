"""Levels at which a model hears tracks and reference, and how to get there."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from dsp.loudness import ABSOLUTE_GATE_LUFS, integrated_loudness

TRACK_LUFS = -48.0
REFERENCE_LUFS = -16.0


class Leveled(NamedTuple):
    """Signals brought to one loudness.

    Attributes:
        audio: the signals times their gains.
        gain_db: gain of each, in dB; 0 for silence.
        audible: whether each was louder than -70 LUFS.
    """

    audio: Array
    gain_db: Array
    audible: Array


def normalize_tracks(tracks: Array, *, sample_rate: int) -> Leveled:
    """Bring each of `(tracks, time)` to -48 LUFS; silence stays.

    The console settings that a model predicts are for tracks at this level: whoever renders them
    has to apply the same gains first.
    """
    gain_db, audible = jax.vmap(lambda x: _gain(x[None], TRACK_LUFS, sample_rate))(tracks)
    return Leveled(tracks * 10.0 ** (gain_db[:, None] / 20.0), gain_db, audible)


def normalize_reference(reference: Array, *, sample_rate: int) -> Leveled:
    """Bring a stereo mix `(2, time)` to -16 LUFS; silence stays."""
    gain_db, audible = _gain(reference, REFERENCE_LUFS, sample_rate)
    return Leveled(reference * 10.0 ** (gain_db / 20.0), gain_db, audible)


def _gain(audio: Array, target_lufs: float, sample_rate: int) -> tuple[Array, Array]:
    """Gain in dB to a loudness, and whether there was any."""
    loudness = integrated_loudness(audio, sample_rate=sample_rate)
    audible = loudness > ABSOLUTE_GATE_LUFS
    return jnp.where(audible, target_lufs - loudness, 0.0), audible

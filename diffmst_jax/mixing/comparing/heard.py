"""How well each track is heard in a finished mix, for the report.

Worked out from what is known without rendering again: the recordings, the equalizers' responses,
and the power that each strip adds to the mix. What it leaves out is that compressors change when a
track is loud.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses.audibility import (
    audibility,
    band_energy,
    bin_hz,
    playing,
    power_spectrum,
    spread,
)
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.signals.measure import SMALLEST_POWER
from diffmst_jax.mixing.sources.tracks import Multitrack

PASSAGE = 1 << 17
"""The song is listened to in pieces of this length, and all of it: a stab or a crash may play for a
moment of a long one, and is neither to be missed nor judged by the hum before it."""

BINS_HZ = bin_hz(sample_rate=SAMPLE_RATE)

BURIED = 0.02
"""A track that keeps less of its own loudness is lost in the mix. In the plain sums of the stems of
eight real songs, 77 tracks, three keep less: what was left in the session but is not heard."""


class _Heard(NamedTuple):
    """What each strip does over a song.

    Attributes:
        recorded: its power, `(strips,)`.
        equalized: the same through its equalizer.
        energy: that in critical bands over time, `(strips, bands, frames)`.
    """

    recorded: np.ndarray
    equalized: np.ndarray
    energy: np.ndarray


def estimated_audibility(
    settings: MixSettings, multitrack: Multitrack, strip_powers: np.ndarray
) -> np.ndarray:
    """Share of its own loudness that each strip keeps in the mix, `(strips,)` in [0, 1].

    Who mutes a strip does not miss it: it counts as one that does not play, 1.

    Args:
        settings: the mix.
        multitrack: its tracks.
        strip_powers: `Rendered.strip_powers`.
    """
    gain = np.ones((len(settings.strips), len(BINS_HZ)), np.float32)
    if settings.config.track_equalizer:
        gain = np.asarray(jax.vmap(_power_response)(settings.params.tracks.equalizer))
    heard = _over_the_song(multitrack, gain[multitrack.strip_of_track])
    at_one_loudness = 10.0 ** (-multitrack.loudness_lufs / 10.0)
    plays = np.asarray(playing(jnp.asarray(heard.recorded * at_one_loudness))) & ~settings.muted
    mixed = strip_powers / np.maximum(heard.equalized, SMALLEST_POWER)
    energy = heard.energy * mixed[:, np.newaxis, np.newaxis]
    return np.asarray(_audibility(energy.astype(np.float32), plays))


def _over_the_song(multitrack: Multitrack, gain: np.ndarray) -> _Heard:
    """What each strip does, passage after passage.

    Args:
        multitrack: the tracks.
        gain: of power, by the equalizer of each console track, `(console tracks, bins)`.
    """
    parts = []
    for start in range(0, multitrack.audio.shape[1], PASSAGE):
        piece = multitrack.audio[:, start : start + PASSAGE]
        piece = np.pad(piece, ((0, 0), (0, PASSAGE - piece.shape[1])))
        parts.append([multitrack.sum_per_strip(np.asarray(x)) for x in _passage(piece, gain)])
    recorded, equalized, energy = zip(*parts, strict=True)
    return _Heard(
        np.sum(recorded, axis=0), np.sum(equalized, axis=0), np.concatenate(energy, axis=2)
    )


@jax.jit
def _audibility(energy: jax.Array, plays: jax.Array) -> jax.Array:
    return audibility(spread(energy), plays)


@jax.jit
def _passage(piece: jax.Array, gain: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What `_Heard` has of it, for each console track."""
    recorded = power_spectrum(piece)
    equalized = recorded * gain[:, :, jnp.newaxis]
    return (
        jnp.sum(recorded, axis=(1, 2)),
        jnp.sum(equalized, axis=(1, 2)),
        band_energy(equalized, sample_rate=SAMPLE_RATE),
    )


@jax.jit
def _power_response(equalizer: dsp.EqualizerParams) -> jax.Array:
    response_db = dsp.equalizer_response(equalizer, BINS_HZ, sample_rate=SAMPLE_RATE)
    return 10.0 ** (response_db / 10.0)

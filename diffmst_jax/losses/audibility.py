"""How well each track is heard in a mix: its loudness beside the others against its loudness alone.

Partial loudness after Moore, Glasberg and Baer (1997), "A model for the prediction of thresholds,
loudness, and partial loudness", equations 7 to 20 without the ear's transfer functions: energy is
spread over critical bands, loudness is a power law of it above the threshold in quiet, and a track
that falls below the threshold that the others raise loses its loudness fast. What the model needs
of absolute level comes from playing the mix at `PLAYBACK_DB_SPL`, so audibility does not depend on
the level of the recording.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from dsp.checks import check_number
from dsp.numerics import matmul
from dsp.spectral import bark_filterbank, bark_to_hz, hz_to_bark, power, stft

BANDS, LOW_HZ, HIGH_HZ = 24, 20.0, 16000.0
N_FFT, HOP = 2048, 4096
"""Frames lie apart: this is a statistic over time, and every second moment is enough for it."""

# A masker spreads this steeply towards lower and higher bands, in dB per Bark (Terhardt 1979, the
# upper one at a level of about 70 dB).
LOWER_SLOPE, UPPER_SLOPE = 27.0, 10.0

PLAYBACK_DB_SPL = 75.0
EXPONENT = 0.2
# Excitation at the threshold in quiet, and signal over masker at the masked threshold (K), both in
# dB: approximations of the paper's curves, constant outside.
THRESHOLD_HZ = (50.0, 80.0, 125.0, 200.0, 315.0, 500.0)
THRESHOLD_DB = (28.2, 19.2, 12.7, 8.1, 5.3, 3.6)
MASKED_HZ = (50.0, 100.0, 200.0, 500.0, 1000.0)
MASKED_DB = (13.0, 5.0, 1.0, -2.0, -3.0)

NEVER_HEARD = 1e-3
"""A track with less loudness than this share of the loudest one's does not play in the passage."""

PLAYS = 1e-4
"""A track of more power than this share of the strongest one's, as recorded, does play in it,
however far a mix turns it down."""

SMALLEST = 1e-12


def power_spectrum(signals: Array) -> Array:
    """Power of each signal over time at `bin_hz`, `(..., bins, frames)`; at least 1025 samples."""
    return power(stft(signals, n_fft=N_FFT, hop=HOP))


def band_energy(spectrum: Array, *, sample_rate: int) -> Array:
    """Energy over time in critical bands.

    Args:
        spectrum: `power_spectrum` of signals, `(..., bins, frames)`.
        sample_rate: samples per second.

    Returns:
        `(..., bands, frames)`; energies of signals that have nothing in common add.

    Raises:
        ValueError: `sample_rate` is below 32000: the bands reach to 16 kHz.
    """
    check_number(sample_rate, "sample_rate", 2 * HIGH_HZ)
    bank = bark_filterbank(
        bands=BANDS, n_fft=N_FFT, sample_rate=sample_rate, low_hz=LOW_HZ, high_hz=HIGH_HZ
    )
    return matmul(jnp.asarray(bank.T, spectrum.dtype), spectrum)


def spread(energy: Array) -> Array:
    """Excitation `(..., bands, frames)` by a `band_energy`, which excites neighbours too."""
    return matmul(jnp.asarray(_spreading().T, energy.dtype), energy)


def band_excitation(signals: Array, *, sample_rate: int) -> Array:
    """What each signal excites over time in critical bands.

    Args:
        signals: `(..., time)`, at least 1025 samples.
        sample_rate: samples per second.

    Returns:
        `(..., bands, frames)`, in squared units of the signal; a power: excitations of signals that
        have nothing in common add.

    Raises:
        ValueError: `sample_rate` is below 32000 (the bands reach to 16 kHz), or signals too short.
    """
    return spread(band_energy(power_spectrum(signals), sample_rate=sample_rate))


def playing(powers: Array) -> Array:
    """Which tracks surely play in a passage, bool `(tracks,)`, from their powers as recorded."""
    return powers > PLAYS * jnp.max(powers, initial=0.0)


def audibility(excitations: Array, plays: Array | None = None) -> Array:
    """Share of its own loudness that each track keeps in the mix of all of them.

    Args:
        excitations: of every track, `(tracks, ..., bands, frames)`, from `band_excitation` of what
            each adds to the mix; ears in an axis between are heard by themselves and summed.
        plays: which tracks do play, see `playing`, bool `(tracks,)`. Others do where they have
            loudness in the mix; without it, one that is turned off is as one that does not play.

    Returns:
        `(tracks,)` in [0, 1]: 1 for a track that is alone, near 0 for a buried one; 1 too for one
        that does not play. Differentiable, with a finite gradient everywhere, silence included.
    """
    threshold = 10.0 ** (_at_bands(THRESHOLD_HZ, THRESHOLD_DB) / 10.0)
    masked = 10.0 ** (_at_bands(MASKED_HZ, MASKED_DB) / 10.0)
    total = jnp.sum(excitations, axis=0)
    level = jnp.maximum(jnp.mean(jnp.sum(total, axis=-2)), SMALLEST)
    own = excitations * (10.0 ** (PLAYBACK_DB_SPL / 10.0) / level)
    others = jnp.maximum(jnp.sum(own, axis=0, keepdims=True) - own, 0.0)
    column = (1,) * (own.ndim - 2) + (BANDS, 1)
    beside = partial_loudness(
        own, others, threshold=threshold.reshape(column), masked=masked.reshape(column)
    )
    alone = partial_loudness(
        own, jnp.zeros_like(own), threshold=threshold.reshape(column), masked=masked.reshape(column)
    )
    axes = tuple(range(1, own.ndim))
    heard, whole = jnp.sum(beside, axis=axes), jnp.sum(alone, axis=axes)
    least = NEVER_HEARD * jnp.max(whole)
    sounds = whole > least
    # What is all but turned off is measured by the least that sounds, so that it fades to 0.
    beside_least = heard / jnp.where(least > 0.0, least, 1.0)
    silent = 1.0 if plays is None else jnp.where(plays, jnp.minimum(beside_least, 1.0), 1.0)
    return jnp.where(sounds, heard / jnp.where(sounds, whole, 1.0), silent)


def partial_loudness(
    own: Array, others: Array, *, threshold: np.ndarray, masked: np.ndarray
) -> Array:
    """Specific loudness of a signal beside others, up to a constant factor, elementwise.

    Above its masked threshold, a signal has what it adds to the loudness of everything, less a part
    that fades as it rises; below, the loudness it would have at the threshold in quiet, scaled by
    how far below it lies. Both agree at the threshold.

    Args:
        own: excitation of the signal, at least 0, in units of 0 dB SPL.
        others: excitation of everything else.
        threshold: excitation at the threshold in quiet.
        masked: ratio of signal to masker at the masked threshold.
    """
    in_quiet = jnp.asarray(threshold, own.dtype)
    base = 2.0 * in_quiet
    masked_threshold = jnp.asarray(masked, own.dtype) * others + in_quiet

    def loudness(excitation: Array) -> Array:
        return _power(excitation + base, EXPONENT)

    quiet = loudness(in_quiet) - loudness(jnp.zeros_like(base))
    just_heard, masker = loudness(others + masked_threshold), loudness(others)
    above = own > masked_threshold
    safe = jnp.where(above, own, masked_threshold)
    fading = _power(masked_threshold / safe, 0.3)
    loud = (
        loudness(safe + others)
        - loudness(jnp.zeros_like(base))
        - fading * (just_heard - loudness(in_quiet))
    )
    share = (2.0 * own / (own + masked_threshold)) ** 1.5
    # Without a difference of two that are nearly alike, far below the threshold.
    added = masker * jnp.expm1(EXPONENT * jnp.log1p(own / (others + base)))
    soft = share * quiet * added / (just_heard - masker)
    return jnp.where(above, loud, soft)


def _power(base: Array, exponent: float) -> Array:
    """Of what is above 0; its gradient takes a division where that of `**` takes another power."""
    return jnp.exp(exponent * jnp.log(base))


def band_hz() -> np.ndarray:
    """Centre frequency of each band in Hz, `(BANDS,)`."""
    edges = np.linspace(hz_to_bark(LOW_HZ), hz_to_bark(HIGH_HZ), BANDS + 2)
    return bark_to_hz(edges)[1:-1]


def bin_hz(*, sample_rate: int) -> np.ndarray:
    """Frequencies of `power_spectrum` in Hz, `(bins,)`."""
    return np.fft.rfftfreq(N_FFT, 1.0 / sample_rate)


def _at_bands(frequencies_hz: tuple[float, ...], values_db: tuple[float, ...]) -> np.ndarray:
    return np.interp(np.log(band_hz()), np.log(frequencies_hz), values_db)


def _spreading() -> np.ndarray:
    """What a band (row) adds to each band (column); 1 to itself."""
    bark = hz_to_bark(band_hz())
    distance = bark[None, :] - bark[:, None]
    slope = np.where(distance < 0, LOWER_SLOPE, -UPPER_SLOPE)
    return 10.0 ** (slope * distance / 10.0)

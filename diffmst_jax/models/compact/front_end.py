"""What the compact model hears: band statistics of a signal, computed once and not learned."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from diffmst_jax.models.compact.spectra import Spectra

MAGNITUDE_FLOOR = 1e-3  # of a band, before its logarithm; about 70 dB below a track at -48 LUFS
AMPLITUDE_FLOOR, POWER_FLOOR = 1e-6, 1e-12
TYPICAL_CREST = 2.0  # nepers
ACTIVE_BELOW_PEAK = 0.1  # frames within 20 dB of the loudest count as active
# Rough centre and spread of log magnitudes, so that the perceptrons see values of order one.
LOG_CENTRE, LOG_SPREAD = -1.0, 3.0


class BandStatistics(NamedTuple):
    """Statistics of signals `(..., time)` over time.

    Attributes:
        log_bands: standardised log magnitude, `(..., frames, bands)`.
        pooled: mean, spread and peakiness of each band over time, then crest factor, activity,
            level fluctuation and centroid, `(..., 3 bands + 4)`.
        centroid: mean band index weighted by magnitude, in [0, 1], `(...)`.
    """

    log_bands: Array
    pooled: Array
    centroid: Array


def band_statistics(x: Array, spectra: Spectra) -> BandStatistics:
    """Measure signals `(..., time)` by their spectra, see `spectra.analyse`.

    All values are finite at silence.
    """
    bands = spectra.bands
    logs = standardise(jnp.log(bands + MAGNITUDE_FLOOR))
    mean = jnp.mean(bands, axis=-2)
    effective = jnp.sqrt(jnp.mean(jnp.square(bands), axis=-2))
    peakiness = jnp.log((effective + MAGNITUDE_FLOOR) / (mean + MAGNITUDE_FLOOR))
    centroid = _centroid(mean)
    scalars = [_crest(x), _activity(bands), _fluctuation(bands), centroid]
    per_band = [standardise(jnp.log(mean + MAGNITUDE_FLOOR)), jnp.std(logs, axis=-2), peakiness]
    pooled = jnp.concatenate([*per_band, jnp.stack(scalars, axis=-1)], axis=-1)
    return BandStatistics(logs, pooled, centroid)


def standardise(log_magnitude: Array) -> Array:
    """Bring natural log magnitudes to order one."""
    return (log_magnitude - LOG_CENTRE) / LOG_SPREAD


def _centroid(mean: Array) -> Array:
    position = jnp.linspace(0.0, 1.0, mean.shape[-1])
    return mean @ position / jnp.maximum(jnp.sum(mean, axis=-1), MAGNITUDE_FLOOR)


def _crest(x: Array) -> Array:
    """Peak over RMS in nepers, about 0 for music; finite at silence."""
    rms = jnp.sqrt(jnp.mean(jnp.square(x), axis=-1))
    peak = jnp.max(jnp.abs(x), axis=-1)
    crest = jnp.maximum(peak, AMPLITUDE_FLOOR) / jnp.maximum(rms, AMPLITUDE_FLOOR)
    return jnp.log(crest) - TYPICAL_CREST


def _activity(bands: Array) -> Array:
    """Share of frames within 20 dB of the loudest."""
    level = jnp.sum(bands, axis=-1)
    return jnp.mean(level > ACTIVE_BELOW_PEAK * jnp.max(level, axis=-1, keepdims=True), axis=-1)


def _fluctuation(bands: Array) -> Array:
    """Mean rise of the log level from frame to frame: high for drums, low for pads."""
    level = jnp.log(jnp.sum(bands, axis=-1) + MAGNITUDE_FLOOR)
    return jnp.mean(jax.nn.relu(jnp.diff(level, axis=-1)), axis=-1)

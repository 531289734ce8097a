"""Graphic equalizer: fixed bands, whose filters are set so that the sliders mean what they say.

The skirt of each peaking filter reaches into its neighbours' bands, so filters set to the sliders'
gains add up to something else (13 dB instead of 12 dB, with every slider up). The gains of the
filters are therefore solved for, such that the whole response passes through every slider: from
the matrix of the bands' influence on each other (V. Valimaki, J. Liski, "Accurate cascade graphic
equalizer", 2017), refined by a few fixed-point steps because that influence depends on the gains.
"""

import functools
import math
from typing import overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from dsp.biquad import frequency_response, response_db, state_variable
from dsp.checks import check_audio, check_count, check_sample_rate, check_shape
from dsp.equalizer import EqualizerParams, parametric_eq
from dsp.numerics import matmul

REFERENCE_HZ = 1000.0
LOWEST_HZ, HIGHEST_HZ = 19.0, 21000.0
# A band needs some room below half the sample rate.
HIGHEST_FRACTION = 0.46
# Bandwidth of a filter over the spacing of bands, at half its gain in dB: wider bands ripple less
# between equal sliders, narrower ones follow opposite sliders with less gain.
RELATIVE_BANDWIDTH = 1.4
# The gain at which influence is measured, and the steps that correct for other gains.
PROTOTYPE_DB = 12.0
REFINEMENTS = 5


def graphic_eq_frequencies(*, sample_rate: float, bands_per_octave: int = 1) -> np.ndarray:
    """Centres of the bands in Hz, `(bands,)`: `1000 * 2 ** (k / bands_per_octave)`.

    At 44100 Hz: 10 octaves from 31.25 Hz to 16 kHz, or 31 thirds of an octave from 19.7 Hz to
    20.2 kHz.

    Raises:
        ValueError: if the sample rate or `bands_per_octave` is not positive.
    """
    check_sample_rate(sample_rate)
    check_count(bands_per_octave, "bands_per_octave")
    lowest = math.ceil(bands_per_octave * math.log2(LOWEST_HZ / REFERENCE_HZ))
    top = min(HIGHEST_HZ, HIGHEST_FRACTION * sample_rate)
    highest = math.floor(bands_per_octave * math.log2(top / REFERENCE_HZ))
    return REFERENCE_HZ * 2.0 ** (np.arange(lowest, highest + 1) / bands_per_octave)


def graphic_eq_design(
    gain_db: ArrayLike, *, sample_rate: float, bands_per_octave: int = 1
) -> EqualizerParams:
    """Settings of the peaking filters whose cascade passes through the sliders.

    The response at the centres is within 0.001 dB of sliders drawn from +-12 dB (0.1 dB where
    sliders alternate between the extremes); between equal sliders it ripples by 0.7 dB at 12 dB.

    Args:
        gain_db: `(bands,)`, one for each of `graphic_eq_frequencies`, within +-12 dB.
        sample_rate: samples per second.
        bands_per_octave: 1 for octaves, 3 for thirds.

    Returns:
        Gains, centres and Q of the filters, each `(bands,)`. The Q makes up for the narrowing of
        bands near half the sample rate.

    Raises:
        ValueError: if `gain_db` has not one entry per band or a static argument is out of domain.
    """
    centres = graphic_eq_frequencies(sample_rate=sample_rate, bands_per_octave=bands_per_octave)
    sliders = jnp.asarray(gain_db)
    if not jnp.issubdtype(sliders.dtype, jnp.floating):
        sliders = sliders.astype(float)  # whole decibels; the filters are not whole
    check_shape(sliders, (centres.size,), "gain_db")
    to_gains = jnp.asarray(_inverse_influence(sample_rate, bands_per_octave), sliders.dtype)
    fixed = _filters(centres, sample_rate, bands_per_octave, sliders.dtype)
    gains = matmul(to_gains, sliders)
    for _ in range(REFINEMENTS):
        response = jnp.sum(_responses(fixed._replace(gain_db=gains), sample_rate), axis=0)
        gains = gains + matmul(to_gains, sliders - response)
    return fixed._replace(gain_db=gains)


def _responses(filters: EqualizerParams, sample_rate: float) -> jax.Array:
    """Response of every band in dB at every centre, `(bands, bands)`."""
    gain_db, centres, q_factor = filters
    sections = state_variable("peaking", centres, q_factor, gain_db, sample_rate=sample_rate)
    return response_db(sections, centres, sample_rate=sample_rate)


def _filters(
    centres: np.ndarray, sample_rate: float, bands_per_octave: int, dtype: np.dtype
) -> EqualizerParams:
    """The bands at 0 dB."""
    omega = 2 * np.pi * centres / sample_rate
    octaves = RELATIVE_BANDWIDTH / bands_per_octave
    # Q of a bandwidth in octaves after the bilinear transform (audio EQ cookbook).
    q_factor = 0.5 / np.sinh(np.log(2) / 2 * octaves * omega / np.sin(omega))
    return EqualizerParams(
        jnp.zeros(centres.size, dtype), jnp.asarray(centres, dtype), jnp.asarray(q_factor, dtype)
    )


@functools.cache
def _inverse_influence(sample_rate: float, bands_per_octave: int) -> np.ndarray:
    """Filter gains per slider: inverse of the response at every centre per dB of every band."""
    centres = graphic_eq_frequencies(sample_rate=sample_rate, bands_per_octave=bands_per_octave)
    # Not by `_responses`: decibels have a derivative of their own, which `vmap` traces even here.
    with jax.ensure_compile_time_eval():
        _, hz, q_factor = _filters(centres, sample_rate, bands_per_octave, np.dtype(np.float32))
        boosted = state_variable("peaking", hz, q_factor, PROTOTYPE_DB, sample_rate=sample_rate)
        response = np.asarray(frequency_response(boosted, centres * (2 * np.pi / sample_rate)))
    influence = 20 * np.log10(np.abs(response)).T / PROTOTYPE_DB
    return np.linalg.inv(influence)


@overload
def graphic_eq(
    x: jax.Array,
    gain_db: ArrayLike,
    *,
    sample_rate: float,
    bands_per_octave: int = ...,
    method: str = ...,
    state: None = ...,
) -> jax.Array: ...
@overload
def graphic_eq(
    x: jax.Array,
    gain_db: ArrayLike,
    *,
    sample_rate: float,
    bands_per_octave: int = ...,
    method: str = ...,
    state: jax.Array,
) -> tuple[jax.Array, jax.Array]: ...
def graphic_eq(
    x: jax.Array,
    gain_db: ArrayLike,
    *,
    sample_rate: float,
    bands_per_octave: int = 1,
    method: str = "auto",
    state: jax.Array | None = None,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Filter audio by a graphic equalizer.

    Args:
        x: `(channels, time)`.
        gain_db: `(bands,)`, see `graphic_eq_design`. All 0 is the identity.
        sample_rate: samples per second.
        bands_per_octave: 1 for octaves, 3 for thirds.
        method: as in `parametric_eq`.
        state: `(channels, 2 * bands)`, zeros at the start or from the previous chunk.

    Returns:
        y `(channels, time)`; with `state`, the pair (y, state after the last sample).

    Raises:
        ValueError: wrong shapes or dtype, or a static argument out of its domain.
    """
    x = check_audio(x)
    sliders = jnp.asarray(gain_db, x.dtype)
    params = graphic_eq_design(sliders, sample_rate=sample_rate, bands_per_octave=bands_per_octave)
    kinds = ("peaking",) * sliders.size
    if state is None:
        return parametric_eq(x, params, sample_rate=sample_rate, kinds=kinds, method=method)
    return parametric_eq(
        x, params, sample_rate=sample_rate, kinds=kinds, method=method, state=state
    )

"""Design of second-order filters from physical settings.

All eight kinds are one trapezoidal state-variable filter with different output mixes. For the
analogue prototype in the normalised frequency `s`

    H(s) = m0 + (m1 s + m2) / (s^2 + k s + 1),      s = (1 / g) (1 - z^-1) / (1 + z^-1)

with `g = tan(pi f / fs)` (bilinear transform, prewarped at f) and `k = 1 / Q`. The transfer
functions are those of R. Bristow-Johnson's "Cookbook formulae for audio EQ biquad filter
coefficients"; the form, and why it stays accurate at low frequencies where direct-form
coefficients do not, is in A. Simper, "Linear trapezoidal integrated state variable filter" (2013).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from dsp.checks import check_broadcast, check_choice, check_sample_rate
from dsp.numerics import power_to_db

KINDS = (
    "low_shelf",
    "high_shelf",
    "peaking",
    "low_pass",
    "high_pass",
    "band_pass",
    "notch",
    "all_pass",
)

# Highest frequency, in sample rates: the tangent has its pole at 1/2, and filters beyond blow up.
MAX_FREQUENCY = 0.499


class StateVariable(NamedTuple):
    """One second-order section `m0 + (m1 s + m2) / (s^2 + k s + 1)`, `s` scaled by `g`.

    Stable for g > 0 and k > 0. Every field has the same (batch) shape.
    """

    g: jax.Array
    k: jax.Array
    m0: jax.Array
    m1: jax.Array
    m2: jax.Array


def state_variable(
    kind: str,
    frequency_hz: ArrayLike,
    q_factor: ArrayLike,
    gain_db: ArrayLike = 0.0,
    *,
    sample_rate: float,
) -> StateVariable:
    """Design one section in state-variable form; arguments and errors as `biquad`.

    Returns:
        The section; arguments broadcast against each other.
    """
    check_choice(kind, KINDS, "kind")
    check_sample_rate(sample_rate)
    check_broadcast(frequency_hz=frequency_hz, q_factor=q_factor, gain_db=gain_db)
    frequency, q, gain = (jnp.asarray(v) for v in (frequency_hz, q_factor, gain_db))
    tangent = prewarped(frequency, sample_rate=sample_rate)
    a = jnp.exp(gain * (math.log(10.0) / 40.0))  # amplitude: the square root of the band's gain
    one, zero = jnp.ones_like(q), jnp.zeros_like(q)
    k = 1 / q
    if kind == "low_shelf":
        section = (tangent / jnp.sqrt(a), k, one, k * (a - 1), a * a - 1)
    elif kind == "high_shelf":
        section = (tangent * jnp.sqrt(a), k, a * a, k * (1 - a) * a, 1 - a * a)
    elif kind == "peaking":
        section = (tangent, k / a, one, (k / a) * (a * a - 1), zero)
    else:
        mix = {
            "low_pass": (zero, zero, one),
            "high_pass": (one, -k, -one),
            "band_pass": (zero, k, zero),  # 0 dB at the centre
            "notch": (one, -k, zero),
            "all_pass": (one, -2 * k, zero),
        }[kind]
        section = (tangent, k, *mix)
    return StateVariable(*jnp.broadcast_arrays(*section))


def prewarped(frequency_hz: jax.Array, *, sample_rate: float) -> jax.Array:
    """`tan(pi f / fs)`: the analogue frequency that the bilinear transform takes to f.

    Frequencies from `MAX_FREQUENCY` on count as that.
    """
    return jnp.tan(jnp.minimum(frequency_hz / sample_rate, MAX_FREQUENCY) * np.pi)


def biquad(
    kind: str,
    frequency_hz: ArrayLike,
    q_factor: ArrayLike,
    gain_db: ArrayLike = 0.0,
    *,
    sample_rate: float,
) -> jax.Array:
    """Design one section as direct-form coefficients, by the audio EQ cookbook.

    Args:
        kind: `"low_shelf"`, `"high_shelf"`, `"peaking"`, `"low_pass"`, `"high_pass"`, `"band_pass"`
            (0 dB at its centre), `"notch"` or `"all_pass"`.
        frequency_hz: corner or centre frequency, 0 < f < sample_rate / 2; above 0.499 of the sample
            rate it counts as that, with zero gradient.
        q_factor: quality factor, > 0; for shelves 1/sqrt(2) is the steepest without overshoot.
        gain_db: gain of shelf or peak; ignored by the other kinds. 0 dB is the identity.
        sample_rate: Hz.

    Returns:
        `b0 b1 b2 1 a1 a2` on a new last axis, the row layout of `scipy.signal.sosfilt`. In float32
        the rounding of these six numbers alone moves low-frequency poles (2e-3 of full scale at
        20 Hz, Q 5, +12 dB): `parametric_eq` therefore filters in state-variable form.

    Raises:
        ValueError: unknown `kind`, a sample rate that is not positive, or shapes that do not
            broadcast.
    """
    section = state_variable(kind, frequency_hz, q_factor, gain_db, sample_rate=sample_rate)
    g, k, m0, m1, m2 = section
    a0, a1, a2 = 1 + g * k + g * g, 2 * (g * g - 1), 1 - g * k + g * g
    low, band = m2 * g * g, m1 * g
    b0, b1, b2 = m0 * a0 + low + band, m0 * a1 + 2 * low, m0 * a2 + low - band
    return jnp.stack([b0 / a0, b1 / a0, b2 / a0, jnp.ones_like(a0), a1 / a0, a2 / a0], axis=-1)


def frequency_response(section: StateVariable, radians: ArrayLike) -> jax.Array:
    """Complex response of sections at angular frequencies in radians per sample.

    Args:
        section: fields of one shape, (...).
        radians: (frequencies,), 0 to pi.

    Returns:
        (..., frequencies), complex. Exact at 0 and at pi: the formula is multiplied out by
        cos^2(w / 2), which leaves no pole.
    """
    g, k, m0, m1, m2 = (jnp.expand_dims(f, -1) for f in section)
    half = jnp.reshape(jnp.asarray(radians) / 2, (1,) * (g.ndim - 1) + (-1,))
    sine, cosine = jnp.sin(half) / g, jnp.cos(half)
    cross = sine * cosine
    denominator = lax.complex(cosine**2 - sine**2, k * cross)
    numerator = lax.complex(m2 * cosine**2, m1 * cross)
    return m0.astype(numerator.dtype) + numerator / denominator


def response_db(
    section: StateVariable, frequency_hz: ArrayLike, *, sample_rate: float
) -> jax.Array:
    """Magnitude response in dB, (..., frequencies), at `frequency_hz`; at least -120 dB."""
    check_sample_rate(sample_rate)
    response = frequency_response(section, jnp.asarray(frequency_hz) * (2 * np.pi / sample_rate))
    return power_to_db(response.real**2 + response.imag**2)

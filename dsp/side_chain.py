"""What a dynamics processor listens to: one level for all channels, and the bend of its curve."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dsp.ballistics import one_pole, time_constant
from dsp.numerics import materialize, matmul, power_to_db

DETECTORS = ("mean", "max", "sum")
DETECTIONS = ("peak", "rms")

# A knee narrower than this is this narrow: inaudible, and the curve keeps a finite slope at knee 0.
MIN_KNEE_DB = 1e-3
# Rise time of the power average behind `detection="rms"`.
RMS_WINDOW_MS = 10.0


def linked_power(x: jax.Array, *, detector: str) -> jax.Array:
    """One power per sample, (time,), of x (channels, time); detectors as in `dsp.compressor`."""
    if x.shape[0] == 1:
        return jnp.square(x[0])  # all linkings agree, without a kink at zero
    if detector == "sum":
        return jnp.square(_sum_of_channels(x))
    if detector == "max":
        return jnp.max(jnp.square(x), axis=0)
    return jnp.square(_sum_of_channels(jnp.abs(x)) / x.shape[0])


@jax.custom_jvp
def _sum_of_channels(x: jax.Array) -> jax.Array:
    """`jnp.sum(x, axis=0)` as a product, which on a CPU XLA runs ten times as fast as this sum."""
    return matmul(jnp.ones(x.shape[0], x.dtype), x)


@_sum_of_channels.defjvp
def _sum_of_channels_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    # Within a block of a gradient the sum is part of a larger loop, and costs nothing.
    return jnp.sum(*primals, axis=0), jnp.sum(*tangents, axis=0)


def rms_power(
    power: jax.Array, average: jax.Array, *, sample_rate: float
) -> tuple[jax.Array, jax.Array]:
    """The running average of a power (time,) from `average` on, and its last value."""
    window = time_constant(RMS_WINDOW_MS, sample_rate=sample_rate)
    power = one_pole(power, window.astype(power.dtype), average)
    return power, power[-1]


@jax.custom_jvp
def soft_ramp(excess_db: jax.Array, knee_db: jax.Array) -> jax.Array:
    """max(excess, 0) with a quadratic transition of width `knee_db` around 0.

    With the slope u = clip(excess / W + 1/2, 0, 1) it is `W u^2 / 2 + max(excess - W/2, 0)`, its
    derivatives are u and u (1 - u) / 2: reverse mode keeps u and nothing else.
    """
    knee = jnp.maximum(knee_db, MIN_KNEE_DB)
    slope = _ramp_slope(excess_db, knee)
    return 0.5 * knee * jnp.square(slope) + jnp.maximum(excess_db - knee / 2, 0)


@soft_ramp.defjvp
def _soft_ramp_jvp(
    primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    excess, knee = primals
    excess_dot, knee_dot = tangents
    slope = materialize(_ramp_slope(excess, jnp.maximum(knee, MIN_KNEE_DB)))
    half = jnp.where(knee > MIN_KNEE_DB, 0.5 * knee_dot, 0)
    return soft_ramp(excess, knee), slope * excess_dot + slope * half - slope * slope * half


def _ramp_slope(excess_db: jax.Array, knee_db: jax.Array) -> jax.Array:
    return jnp.clip(excess_db / knee_db + 0.5, 0, 1)


def compression_db(level_db: jax.Array, threshold: jax.Array, knee: jax.Array) -> jax.Array:
    """The static gain of `dsp.compressor`, still without its slope."""
    return -soft_ramp(level_db - threshold, knee)


def expansion_db(
    level_db: jax.Array, threshold: jax.Array, ratio: jax.Array, knee: jax.Array, limit: jax.Array
) -> jax.Array:
    """The static gain of `dsp.expander`."""
    return -jnp.minimum((ratio - 1) * soft_ramp(threshold - level_db, knee), limit)


def wanted_db(
    linked: Callable[[jax.Array], jax.Array],
    curve: Callable[..., jax.Array],
    signals: tuple[jax.Array, ...],
    settings: tuple[jax.Array, ...],
) -> jax.Array:
    """The gain that the last of the signals asks for."""
    _, _, *curve_settings = settings
    return curve(power_to_db(linked(signals[-1])), *curve_settings)

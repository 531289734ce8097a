"""What a dynamics processor listens to: one level for all channels, and the bend of its curve."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from dsp.ballistics import one_pole, time_constant
from dsp.checks import check_choice
from dsp.numerics import materialize, power_to_db

DETECTORS = ("mean", "max", "sum")
DETECTIONS = ("peak", "rms")

# A knee narrower than this is this narrow: inaudible, and the curve keeps a finite slope at knee 0.
MIN_KNEE_DB = 1e-3
# Rise time of the power average behind `detection="rms"`.
RMS_WINDOW_MS = 10.0


def level_db(
    x: jax.Array,
    average: ArrayLike,
    *,
    sample_rate: float,
    detector: str,
    detection: str,
) -> tuple[jax.Array, jax.Array]:
    """One level per sample, (time,), and the RMS average after the last.

    Args:
        x: (channels, time).
        average: the RMS average before the first sample, scalar.
        sample_rate: Hz.
        detector: how channels are linked, one of `DETECTORS`; see `dsp.compressor`.
        detection: one of `DETECTIONS`.
    """
    check_choice(detector, DETECTORS, "detector")
    check_choice(detection, DETECTIONS, "detection")
    if x.shape[0] == 1:
        power = jnp.square(x[0])  # all linkings agree, without a kink at zero
    elif detector == "sum":
        power = jnp.square(jnp.sum(x, axis=0))
    elif detector == "max":
        power = jnp.max(jnp.square(x), axis=0)
    else:
        power = jnp.square(jnp.mean(jnp.abs(x), axis=0))
    average = jnp.asarray(average, x.dtype)
    if detection == "rms":
        window = time_constant(RMS_WINDOW_MS, sample_rate=sample_rate)
        power = one_pole(power, window.astype(x.dtype), average)
        average = power[-1]
    return power_to_db(power), average


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

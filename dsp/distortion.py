"""Waveshaping: tanh saturation, a smooth clipper, and oversampling against their aliases."""

from collections.abc import Callable
from typing import NamedTuple, overload

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from dsp.checks import check_audio, check_count, check_numbers, check_params, check_state
from dsp.numerics import db_to_gain
from dsp.ranges import Range
from dsp.resampling import ZERO_CROSSINGS, downsample, upsample


class ClipperParams(NamedTuple):
    """Settings of `soft_clipper`, scalars.

    Neutral at `drive_db` 0 for signals whose true peak stays below `ceiling (1 - knee)`.
    """

    drive_db: jax.Array  # gain before the clipper
    ceiling_db: jax.Array  # level that the output approaches
    knee: jax.Array  # 0 hard to 1 soft: part of the ceiling over which the curve bends


CLIPPER_RANGES = ClipperParams._make([Range(0.0, 24.0), Range(-24.0, 0.0), Range(0.0, 1.0)])


def distortion(x: jax.Array, drive_db: ArrayLike) -> jax.Array:
    """Saturate audio: `y = tanh(10^(drive_db / 20) x)`.

    Memoryless, so it aliases; `oversample` keeps that down. There is no neutral setting: quiet
    signals are amplified by the drive, and the level never exceeds 1.

    Args:
        x: (channels, time).
        drive_db: scalar, dB.

    Returns:
        (channels, time).

    Raises:
        ValueError: wrong shape or an integer dtype.
    """
    x = check_audio(x)
    check_numbers(drive_db, (), "drive_db")
    return jnp.tanh(x * db_to_gain(jnp.asarray(drive_db)).astype(x.dtype))


@overload
def soft_clipper(
    x: jax.Array, params: ClipperParams, *, oversampling: int = ..., state: None = ...
) -> jax.Array: ...
@overload
def soft_clipper(
    x: jax.Array, params: ClipperParams, *, oversampling: int = ..., state: jax.Array
) -> tuple[jax.Array, jax.Array]: ...
def soft_clipper(
    x: jax.Array,
    params: ClipperParams,
    *,
    oversampling: int = 4,
    state: jax.Array | None = None,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Clip audio along a smooth curve, with little aliasing.

    With `v = drive x`, ceiling c and knee k, the curve is linear up to `c (1 - k)`, a parabola from
    there to `c (1 + k)`, and constant at c above; its slope is continuous for k > 0.

    Aliases of a 5 kHz sine at 44100 Hz driven 12 dB over the ceiling with knee 0.5, relative to the
    output: -16 dB without oversampling, -43 at 2, -61 at 4, -83 at 8 (knee 0: -34, -46, -58). Where
    nothing is clipped the signal passes unchanged, bit by bit. Oversampled output may overshoot the
    ceiling as band-limited signals do, by 1.3 dB for that sine, and more where the input is full of
    sound above 0.9 of half the rate, which the correction does not reach; `limiter` is what keeps
    a ceiling.

    Args:
        x: (channels, time).
        params: settings.
        oversampling: factor by which the rate is raised around the curve, 1 for none.
        state: (channels, 4 * reach) from `oversampling_state` or from the previous chunk. A stream
            comes out `oversampling_latency` samples late.

    Returns:
        y (channels, time); with `state`, the pair (y, state after the last sample).

    Raises:
        ValueError: wrong shapes, an integer dtype or `oversampling` below 1.
    """
    x = check_audio(x)
    check_params(params, ClipperParams)
    check_count(oversampling, "oversampling")
    drive, ceiling = (db_to_gain(v).astype(x.dtype) for v in (params.drive_db, params.ceiling_db))
    knee = jnp.asarray(params.knee, x.dtype)

    def curve(v: jax.Array) -> jax.Array:
        return v - _clipped_away(v, ceiling, knee)

    if state is None:
        return oversample(curve, drive * x, factor=oversampling)
    check_state(state, oversampling_state(x, factor=oversampling))
    # The state holds the input before the drive, so that the drive may change between chunks.
    y, _ = oversample(curve, drive * x, factor=oversampling, state=drive * state)
    return y, jnp.concatenate([state, x], axis=1)[:, x.shape[1] :]


def _clipped_away(v: jax.Array, ceiling: jax.Array, knee: jax.Array) -> jax.Array:
    """What the clipper takes from `v`: 0 in the linear part, exactly."""
    level = jnp.abs(v)
    bent = level - ceiling * (1 - knee)
    width = 4 * ceiling * knee
    inside = level < ceiling * (1 + knee)
    # Hard clipping leaves no parabola; the division, whose slope has the width squared, must not
    # see a width of next to nothing, nor what lies outside of the parabola.
    least = jnp.finfo(v.dtype).eps ** 2
    parabola = jnp.square(jnp.where(inside, bent, 0)) / jnp.where(width > least, width, 1)
    above = jnp.where(inside, parabola, level - ceiling)
    return jnp.sign(v) * jnp.where(bent > 0, above, 0)


@overload
def oversample(
    function: Callable[[jax.Array], jax.Array], x: jax.Array, *, factor: int, state: None = ...
) -> jax.Array: ...
@overload
def oversample(
    function: Callable[[jax.Array], jax.Array], x: jax.Array, *, factor: int, state: jax.Array
) -> tuple[jax.Array, jax.Array]: ...
def oversample(
    function: Callable[[jax.Array], jax.Array],
    x: jax.Array,
    *,
    factor: int,
    state: jax.Array | None = None,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Apply a memoryless function at a higher sample rate, so that it aliases less.

    Only the difference `function(v) - v` goes up and down in rate: what the function leaves alone
    is left alone exactly. Linear phase; without `state` there is silence before and after the
    signal, and no delay. `distortion` with less aliasing:
    `oversample(lambda v: distortion(v, drive_db), x, factor=4)`.

    Args:
        function: elementwise, on (channels, samples).
        x: (channels, time).
        factor: ratio of the rates, at least 1.
        state: (channels, 4 * reach) from `oversampling_state` or from the previous chunk: the
            recent input. Output n is then that of input `n - oversampling_latency(factor)`.

    Returns:
        y (channels, time); with `state`, the pair (y, state after the last sample).

    Raises:
        ValueError: wrong shapes, an integer dtype or `factor` below 1.
    """
    x = check_audio(x)
    check_count(factor, "factor")

    def apply(v: jax.Array) -> jax.Array:
        raised = upsample(v, factor=factor)
        return v + downsample(function(raised) - raised, factor=factor)

    latency = oversampling_latency(factor)
    if state is None:
        # At the higher rate the signal rings before its first sample and after its last, and what
        # the function makes of that reaches back into it.
        padded = jnp.pad(x, ((0, 0), (latency, latency)))
        return apply(padded)[:, latency : latency + x.shape[1]]
    check_state(state, oversampling_state(x, factor=factor))
    extended = jnp.concatenate([state, x], axis=1)
    y = apply(extended)[:, latency : latency + x.shape[1]]
    return y, extended[:, x.shape[1] :]


def oversampling_latency(factor: int) -> int:
    """Delay of a stream through `oversample` in samples: the reach of both filters."""
    check_count(factor, "factor")
    return 0 if factor == 1 else 2 * ZERO_CROSSINGS


def oversampling_state(x: jax.Array, *, factor: int) -> jax.Array:
    """Return the state of silence before `x` (channels, time) for `oversample`."""
    x = check_audio(x)
    return jnp.zeros((x.shape[0], 2 * oversampling_latency(factor)), x.dtype)

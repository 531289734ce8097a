"""Compressor, expander and gate.

All three measure a level, look up a gain for it on a static curve, smooth that gain in dB with
attack and release, and apply it. Gains are linked: every channel gets the same one, so that the
stereo image does not move.

Source of curve and structure: D. Giannoulis, M. Massberg, J. Reiss, "Digital dynamic range
compressor design - a tutorial and analysis", JAES 60(6), 2012 (log-domain, feed-forward).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dsp.ballistics import BALLISTICS, resting_smoother, smooth, time_constant
from dsp.branching import Inputs, Law, smoothed_between
from dsp.checks import (
    check_audio,
    check_choice,
    check_number,
    check_params,
    check_sample_rate,
    check_state,
)
from dsp.numerics import db_to_gain
from dsp.ranges import Range, Setting
from dsp.side_chain import (
    DETECTIONS,
    DETECTORS,
    compression_db,
    expansion_db,
    linked_power,
    rms_power,
    wanted_db,
)

# An expander this steep is a gate: 1 dB below the threshold closes by 100 dB.
GATE_RATIO = 101.0
GATE_KNEE_DB = 1.0


class CompressorParams(NamedTuple):
    """Settings of a compressor, scalars. Neutral: ratio 1 and makeup 0 dB.

    threshold_db: level above which gain is reduced. ratio >= 1: input dB per output dB above it.
    attack_ms, release_ms >= 0: 10-90 % rise times of the gain when it falls and recovers.
    knee_db >= 0: width of the quadratic transition around the threshold.
    makeup_gain_db: added last.
    """

    threshold_db: Setting
    ratio: Setting
    attack_ms: Setting
    release_ms: Setting
    knee_db: Setting
    makeup_gain_db: Setting


class ExpanderParams(NamedTuple):
    """Settings of a downward expander, scalars. Neutral: ratio 1, or range 0 dB.

    threshold_db: level below which gain is reduced. ratio >= 1: output dB per input dB below it.
    attack_ms, release_ms >= 0: 10-90 % rise times of the gain when it opens and closes.
    knee_db >= 0: width of the transition. range_db >= 0: the most that gain is ever reduced.
    """

    threshold_db: Setting
    ratio: Setting
    attack_ms: Setting
    release_ms: Setting
    knee_db: Setting
    range_db: Setting


class GateParams(NamedTuple):
    """Settings of a gate, scalars; as `ExpanderParams`. Neutral: range 0 dB."""

    threshold_db: Setting
    attack_ms: Setting
    release_ms: Setting
    range_db: Setting


EXPANDER_RANGES = ExpanderParams._make(
    [
        Range(-60.0, -10.0),
        Range(1.0, 8.0),
        Range(1.0, 50.0),
        Range(10.0, 250.0),
        Range(0.0, 12.0),
        Range(0.0, 80.0),
    ]
)
GATE_RANGES = GateParams._make(
    [Range(-60.0, -10.0), Range(1.0, 50.0), Range(10.0, 250.0), Range(0.0, 80.0)]
)


class DynamicsState(NamedTuple):
    """What a dynamics processor remembers between chunks."""

    # () or (2,): the gain smoother; a compressor's before the factor 1 - 1 / ratio of its slope.
    smoother_db: jax.Array
    power: jax.Array  # (): the average behind RMS detection
    delayed: jax.Array  # (channels, lookahead in samples): audio not played yet


def dynamics_state(
    x: jax.Array,
    *,
    sample_rate: float,
    ballistics: str = "branching",
    lookahead_ms: float = 0.0,
) -> DynamicsState:
    """The state of silence before `x` (channels, time), for any effect of this module."""
    x = check_audio(x)
    delay = lookahead_samples(lookahead_ms, sample_rate=sample_rate)
    rest = resting_smoother(x.dtype, ballistics=ballistics)
    return DynamicsState(rest, jnp.zeros((), x.dtype), jnp.zeros((x.shape[0], delay), x.dtype))


def lookahead_samples(lookahead_ms: float, *, sample_rate: float) -> int:
    """The whole number of samples by which `lookahead_ms` delays the audio; halves go up."""
    check_sample_rate(sample_rate)
    check_number(lookahead_ms, "lookahead_ms", low=0)
    return math.floor(lookahead_ms * 1e-3 * sample_rate + 0.5)


def compressor(
    x: jax.Array,
    params: CompressorParams,
    *,
    sample_rate: float,
    ballistics: str = "branching",
    detector: str = "mean",
    detection: str = "peak",
    lookahead_ms: float = 0.0,
    side_chain: jax.Array | None = None,
    state: DynamicsState | None = None,
) -> Any:  # an array, or with a state a pair
    """Reduce the dynamic range above a threshold.

    With level l in dB, `d = l - threshold` and knee W, the static gain in dB is
    `(1 / ratio - 1) (clip(d + W/2, 0, W)^2 / (2 W) + max(d - W/2, 0))`.

    Args:
        x: (channels, time).
        params: scalars, see `CompressorParams`.
        sample_rate: Hz.
        ballistics: `"branching"` (true attack and release), `"decoupled"`, `"one_pole"` (attack
            only; the release time is ignored) or `"sampled_one_pole"` (the same by frequency
            sampling, as in dasp-pytorch, without a state); see `dsp.ballistics`.
        detector: how channels become one level: `"mean"` or `"max"` of their magnitudes, or the
            magnitude of their `"sum"` (dasp-pytorch's: +6 dB on a centred stereo signal).
        detection: `"peak"` magnitude, or `"rms"` over 10 ms.
        lookahead_ms: the audio is delayed against its gain, and so against other audio, by this.
        side_chain: (any channels, time) to measure instead of `x`.
        state: `dynamics_state(...)` or the previous chunk's.

    Returns:
        y (channels, time); with `state`, the pair (y, state after the last sample).

    Exact: with the sampled one-pole and the summed detector it equals dasp-pytorch's within 2.4e-7
    of full scale. Levels below -120 dB count as -120 dB, with zero gradient. At knee 0 the gain is
    continuous and its gradient is one of the two slopes.

    Raises:
        ValueError: wrong shapes or dtype, an unknown choice, a negative lookahead, or a state with
            `"sampled_one_pole"`.
    """
    x = check_audio(x)
    check_params(params, CompressorParams)
    threshold, ratio, attack, release, knee, makeup = (jnp.asarray(p, x.dtype) for p in params)
    # Smoothing commutes with the constant factor of the slope, which is applied after it.
    return _process(
        x, compression_db, (threshold, knee), (1 - 1 / ratio, makeup), (attack, release),
        side_chain, state, _Static(sample_rate, ballistics, detector, detection, lookahead_ms),
    )  # fmt: skip


def compressor_gain(
    side_chain: jax.Array,
    params: CompressorParams,
    *,
    sample_rate: float,
    ballistics: str = "branching",
    detector: str = "mean",
    detection: str = "peak",
) -> jax.Array:
    """Return the gain by which a compressor that hears `side_chain` turns down, makeup left out.

    Args:
        side_chain: (any channels, time), what is measured.
        params: as for `compressor`; the makeup gain is ignored.
        sample_rate: Hz.
        ballistics: as for `compressor`.
        detector: as for `compressor`.
        detection: as for `compressor`.

    Returns:
        Factors of amplitude, (time,), 1 where nothing is turned down.

    Raises:
        ValueError: as for `compressor`.
    """
    side_chain = check_audio(side_chain, "side_chain")
    check_params(params, CompressorParams)
    gain: jax.Array = compressor(
        jnp.ones_like(side_chain[:1]),
        params._replace(makeup_gain_db=jnp.zeros((), side_chain.dtype)),
        sample_rate=sample_rate,
        ballistics=ballistics,
        detector=detector,
        detection=detection,
        side_chain=side_chain,
    )
    return gain[0]


def expander(
    x: jax.Array,
    params: ExpanderParams,
    *,
    sample_rate: float,
    ballistics: str = "branching",
    detector: str = "mean",
    detection: str = "peak",
    lookahead_ms: float = 0.0,
    side_chain: jax.Array | None = None,
    state: DynamicsState | None = None,
) -> Any:  # an array, or with a state a pair
    """Widen the dynamic range below a threshold; arguments, result and errors as `compressor`.

    With `d = threshold - l` the static gain in dB is
    `-min(range, (ratio - 1) (clip(d + W/2, 0, W)^2 / (2 W) + max(d - W/2, 0)))`.
    Attack is the time in which the gain opens (rises), release the time in which it closes.
    """
    x = check_audio(x)
    check_params(params, ExpanderParams)
    threshold, ratio, attack, release, knee, limit = (jnp.asarray(p, x.dtype) for p in params)
    as_it_is = (jnp.ones_like(x[0, 0]), jnp.zeros_like(x[0, 0]))
    return _process(
        x, expansion_db, (threshold, ratio, knee, limit), as_it_is, (release, attack),
        side_chain, state, _Static(sample_rate, ballistics, detector, detection, lookahead_ms),
    )  # fmt: skip


def gate(
    x: jax.Array,
    params: GateParams,
    *,
    sample_rate: float,
    ballistics: str = "branching",
    detector: str = "mean",
    detection: str = "peak",
    lookahead_ms: float = 0.0,
    side_chain: jax.Array | None = None,
    state: DynamicsState | None = None,
) -> Any:  # an array, or with a state a pair
    """Mute what is below a threshold, by `range_db`; arguments, result and errors as `compressor`.

    An expander of ratio 101 and knee 1 dB.
    """
    check_params(params, GateParams)
    steep = ExpanderParams(
        params.threshold_db,
        jnp.asarray(GATE_RATIO),
        params.attack_ms,
        params.release_ms,
        jnp.asarray(GATE_KNEE_DB),
        params.range_db,
    )
    return expander(
        x,
        steep,
        sample_rate=sample_rate,
        ballistics=ballistics,
        detector=detector,
        detection=detection,
        lookahead_ms=lookahead_ms,
        side_chain=side_chain,
        state=state,
    )


class _Static(NamedTuple):
    """The static choices that all dynamics processors share."""

    sample_rate: float
    ballistics: str
    detector: str
    detection: str
    lookahead_ms: float


def _process(
    x: jax.Array,
    curve: Callable[..., jax.Array],
    curve_settings: tuple[jax.Array, ...],
    slope_makeup: tuple[jax.Array, jax.Array],
    fall_rise_ms: tuple[jax.Array, jax.Array],
    side_chain: jax.Array | None,
    state: DynamicsState | None,
    static: _Static,
) -> jax.Array | tuple[jax.Array, DynamicsState]:
    check_sample_rate(static.sample_rate)
    check_choice(static.ballistics, BALLISTICS, "ballistics")
    check_choice(static.detector, DETECTORS, "detector")
    check_choice(static.detection, DETECTIONS, "detection")
    start = dynamics_state(
        x,
        sample_rate=static.sample_rate,
        ballistics=static.ballistics,
        lookahead_ms=static.lookahead_ms,
    )
    if state is not None:
        if static.ballistics == "sampled_one_pole":
            raise ValueError(
                "state is given with ballistics 'sampled_one_pole'; expected None: it has no state"
            )
        check_state(state, start)
        start = state
    key = x if side_chain is None else side_chain
    key = check_audio(key, "side_chain")
    if key.shape[1] != x.shape[1]:
        raise ValueError(f"side_chain has shape {key.shape}; expected (channels, {x.shape[1]})")
    key = key.astype(x.dtype)

    if start.delayed.shape[1]:
        late = jnp.concatenate([start.delayed, x], axis=1)
        audio, delayed = late[:, : x.shape[1]], late[:, x.shape[1] :]
    else:
        audio, delayed = x, start.delayed
    linked: Callable[[jax.Array], jax.Array] = partial(linked_power, detector=static.detector)
    power = start.power
    if static.detection == "rms":
        key, power = rms_power(linked(key), power, sample_rate=static.sample_rate)
        linked = _itself
    # Audio that is its own side chain is handed on once, and so is its gradient.
    signals = (audio,) if key is audio else (audio, key)
    law = Law(partial(wanted_db, linked, curve), _play)
    fall, rise = (time_constant(t, sample_rate=static.sample_rate) for t in fall_rise_ms)
    settings = (*slope_makeup, *curve_settings)
    if static.ballistics == "branching":
        y, smoother = smoothed_between(
            law, Inputs(signals, settings, fall, rise, start.smoother_db)
        )
    else:
        gain_db, smoother = smooth(
            law.wanted(signals, settings), fall, rise, start.smoother_db,
            ballistics=static.ballistics,
        )  # fmt: skip
        y = law.applied(gain_db, signals, settings)
    return y if state is None else (y, DynamicsState(smoother, power, delayed))


def _play(
    gain_db: jax.Array, signals: tuple[jax.Array, ...], settings: tuple[jax.Array, ...]
) -> jax.Array:
    """The first of the signals at the gain."""
    slope, makeup_db, *_ = settings
    return signals[0] * db_to_gain(slope * gain_db + makeup_db)[None]


def _itself(power: jax.Array) -> jax.Array:
    return power

"""Echo: a fractional delay line with feedback, straight, crossed, or ping-pong.

With F a delay of d samples, the line holds `w = x + g F w` and the echoes are `v = F w`. That is a
linear recursion with one long step, so the echoes that fall into the signal form a finite sum,

    w = sum_{k < K} (g F)^k x        K = as many as start before the end

whose frequency response `(1 - (g F)^K) / (1 - g F)` is known in closed form: one FFT convolution
replaces the loop, exactly, on every backend. What the line held before the signal enters as an
additional input.

The fractional part of the delay is third-order Lagrange interpolation: exact at whole samples,
never above 0 dB, -0.7 dB at 10 kHz and -3.5 dB at 15 kHz per pass half-way between samples (at
44100 Hz).
"""

import math
from typing import NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dsp.checks import (
    check_audio,
    check_choice,
    check_number,
    check_params,
    check_sample_rate,
    check_state,
)
from dsp.ranges import Range

ROUTINGS = ("straight", "cross", "ping_pong")
SHORTEST_MS, LONGEST_MS = 5.0, 2000.0

# The interpolator reads from one sample after to two samples before the whole part of the delay.
AHEAD, BEHIND = 1, 2
# Below this squared magnitude the interpolator's response counts as this small: its logarithm and
# its phase have no slope at 0.
MIN_POWER = 1e-30


class DelayParams(NamedTuple):
    """Settings of `delay`, scalars; neutral at `mix` 0."""

    time_ms: jax.Array  # between the static ends of the range
    feedback: jax.Array  # 0 to below 1: gain from each echo to the next
    mix: jax.Array  # 0 dry to 1 wet: (1 - mix) x + mix echoes


DELAY_RANGES = DelayParams._make(
    [Range(SHORTEST_MS, LONGEST_MS), Range(0.0, 0.95), Range(0.0, 1.0)]
)


@overload
def delay(
    x: jax.Array,
    params: DelayParams,
    *,
    sample_rate: float,
    routing: str = ...,
    shortest_ms: float = ...,
    longest_ms: float = ...,
    state: None = ...,
) -> jax.Array: ...
@overload
def delay(
    x: jax.Array,
    params: DelayParams,
    *,
    sample_rate: float,
    routing: str = ...,
    shortest_ms: float = ...,
    longest_ms: float = ...,
    state: jax.Array,
) -> tuple[jax.Array, jax.Array]: ...
def delay(
    x: jax.Array,
    params: DelayParams,
    *,
    sample_rate: float,
    routing: str = "straight",
    shortest_ms: float = SHORTEST_MS,
    longest_ms: float = LONGEST_MS,
    state: jax.Array | None = None,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Add echoes.

    Args:
        x: `(channels, time)`; `(2, time)` for the routings that cross.
        params: settings. `time_ms` is held between `shortest_ms` and `longest_ms`, with gradient 0
            beyond; the value of the echoes is continuous in it, their slope jumps at whole samples.
        sample_rate: samples per second.
        routing: `"straight"`: each channel feeds itself; `"cross"`: each feeds the other;
            `"ping_pong"`: the mean of the channels starts on the left, then echoes alternate.
        shortest_ms: at least 3 samples.
        longest_ms: decides the size of the state.
        state: `(channels, samples)` from `delay_state` or from the previous chunk.

    Returns:
        y `(channels, time)`; with `state`, the pair (y, state after the last sample).

    Raises:
        ValueError: wrong shapes or dtype, an unknown routing, or times out of order.
    """
    x = check_audio(x, channels=None if routing == "straight" else 2)
    check_choice(routing, ROUTINGS, "routing")
    shortest, longest = _limits(sample_rate, shortest_ms, longest_ms)
    check_params(params, DelayParams)
    time_ms, feedback, mix = (jnp.asarray(value, x.dtype) for value in params)
    silence = jnp.zeros((x.shape[0], longest + BEHIND), x.dtype)
    memory = silence if state is None else state
    check_state(memory, silence)
    samples = jnp.clip(time_ms, shortest_ms, longest_ms) * (sample_rate / 1000)
    line = _Line(samples, max(shortest, longest - 1))
    gains = feedback[None]  # one for all channels, or one for each
    crossed = routing != "straight"
    entering = x
    if routing == "ping_pong":
        entering = jnp.stack([(x[0] + x[1]) / 2, jnp.zeros_like(x[0])])
    if crossed:
        # Crossed lines are two straight ones for the sum and the difference of the channels.
        entering, memory = _sum_difference(entering), _sum_difference(memory)
        gains = feedback * jnp.asarray([1, -1], x.dtype)
    echoes, memory = _echoes(entering, gains, line, memory, shortest)
    if crossed:
        echoes, memory = _sum_difference(echoes) / 2, _sum_difference(memory) / 2
    y = (1 - mix) * x + mix * echoes
    return y if state is None else (y, memory)


def delay_state(
    x: jax.Array,
    *,
    sample_rate: float,
    shortest_ms: float = SHORTEST_MS,
    longest_ms: float = LONGEST_MS,
) -> jax.Array:
    """Return the state of silence before `x` (channels, time)."""
    x = check_audio(x)
    _, longest = _limits(sample_rate, shortest_ms, longest_ms)
    return jnp.zeros((x.shape[0], longest + BEHIND), x.dtype)


class _Line:
    """A delay in samples, split into a whole part and the taps of an interpolator."""

    def __init__(self, samples: jax.Array, most: int) -> None:
        # At the end of the range the slope is that from below: nothing lies above.
        whole = jnp.minimum(jnp.floor(lax.stop_gradient(samples)), most)
        part = samples - whole
        self.whole = whole.astype(jnp.int32)
        ahead, beyond = part + 1, part - 2
        # Lagrange polynomials on the nodes -1, 0, 1, 2: the first is AHEAD of the whole part.
        self.taps = jnp.stack(
            [
                -part * (part - 1) * beyond / 6,
                ahead * (part - 1) * beyond / 2,
                -ahead * part * beyond / 2,
                ahead * part * (part - 1) / 6,
            ]
        )

    def read(self, line: jax.Array, time: int) -> jax.Array:
        """Read the last `time` samples of `line` (channels, memory + time) through the delay."""
        start = line.shape[1] - time - self.whole - BEHIND
        width = (line.shape[0], time + AHEAD + BEHIND)
        seen = lax.dynamic_slice(line, (jnp.zeros_like(start), start), width)
        last = AHEAD + BEHIND
        return sum(
            (tap * seen[:, last - k : last - k + time] for k, tap in enumerate(self.taps)),
            start=jnp.zeros((), line.dtype),
        )


def _echoes(
    x: jax.Array, gains: jax.Array, line: _Line, memory: jax.Array, shortest: int
) -> tuple[jax.Array, jax.Array]:
    """The delayed signal and the memory after it; every channel on its own."""
    time = x.shape[1]
    silent = jnp.zeros_like(x)
    remembered = line.read(jnp.concatenate([memory, silent], axis=1), time)
    driven = x + gains[:, None] * remembered
    if time > shortest - AHEAD:
        driven = _feed_back(driven, gains, line, shortest)
    whole = jnp.concatenate([memory, driven], axis=1)
    return line.read(whole, time), whole[:, time:]


def _feed_back(x: jax.Array, gains: jax.Array, line: _Line, shortest: int) -> jax.Array:
    """`sum_{k < K} (g F)^k x` with K echoes, as many as start within the signal."""
    time = x.shape[1]
    passes = (time - 1) // (line.whole - AHEAD) + 1
    # No echo may wrap around: K - 1 passes reach back this far at most. A power of two keeps the
    # phases below exact in wrapping 32-bit arithmetic.
    reach = (time - 1) * (shortest + BEHIND) / (shortest - AHEAD)
    size = 1 << int(np.ceil(np.log2(time + reach)))
    once = _delay_phase(line.whole, size, x.dtype)
    often = _delay_phase(line.whole.astype(jnp.uint32) * passes.astype(jnp.uint32), size, x.dtype)
    interpolator = _interpolator(line.taps, size)
    strength = jnp.abs(gains) ** passes.astype(x.dtype)
    strength *= jnp.where((gains < 0) & (passes % 2 == 1), -1, 1)
    gains, strength = (v[:, None].astype(once.dtype) for v in (gains, strength))
    left_out = strength * (often * _power(interpolator, passes))[None]
    response = (1 - left_out) / (1 - gains * (once * interpolator)[None])
    return jnp.fft.irfft(jnp.fft.rfft(x, size) * response, size)[:, :time]


def _delay_phase(samples: jax.Array, size: int, dtype: np.dtype) -> jax.Array:
    """`exp(-i w samples)` at the bins of an FFT of `size`, a power of two."""
    bins = jnp.arange(size // 2 + 1, dtype=jnp.uint32)
    steps = (bins * samples.astype(jnp.uint32)) & np.uint32(size - 1)
    # From the nearest quadrant on: the sine of pi in float32 is not 0, and echoes that hardly decay
    # divide by what is left of 1.
    quadrant = ((steps + np.uint32(size // 8)) // np.uint32(size // 4)).astype(jnp.int32)
    beyond = steps.astype(jnp.int32) - quadrant * (size // 4)
    angle = beyond.astype(dtype) * (-2 * np.pi / size)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    across, turns = quadrant % 2 == 1, quadrant % 4
    real, imaginary = jnp.where(across, sine, cosine), jnp.where(across, cosine, sine)
    return lax.complex(
        jnp.where(turns >= 2, -real, real),
        jnp.where((turns == 1) | (turns == 2), -imaginary, imaginary),
    )


def _interpolator(taps: jax.Array, size: int) -> jax.Array:
    """Response of the interpolator about the whole part of the delay."""
    step = _delay_phase(jnp.ones((), jnp.uint32), size, taps.dtype)
    ahead, here, behind, beyond = taps.astype(step.dtype)
    return ahead * jnp.conj(step) + here + step * (behind + beyond * step)


def _power(base: jax.Array, exponent: jax.Array) -> jax.Array:
    """Complex power with finite gradient where the base is 0."""
    squared = base.real**2 + base.imag**2
    present = squared > MIN_POWER
    real = jnp.where(present, base.real, math.sqrt(MIN_POWER))
    imaginary = jnp.where(present, base.imag, 0)
    times = exponent.astype(base.real.dtype)
    magnitude = jnp.exp(times / 2 * jnp.log(real**2 + imaginary**2))
    angle = times * jnp.arctan2(imaginary, real)
    return lax.complex(magnitude * jnp.cos(angle), magnitude * jnp.sin(angle))


def _sum_difference(x: jax.Array) -> jax.Array:
    return jnp.stack([x[0] + x[1], x[0] - x[1]])


def _limits(sample_rate: float, shortest_ms: float, longest_ms: float) -> tuple[int, int]:
    """The range of the delay in whole samples."""
    check_sample_rate(sample_rate)
    check_number(shortest_ms, "shortest_ms", low=(AHEAD + BEHIND) * 1e3 / sample_rate)
    check_number(longest_ms, "longest_ms", low=shortest_ms)
    shortest = int(shortest_ms * 1e-3 * sample_rate)
    return shortest, int(np.ceil(longest_ms * 1e-3 * sample_rate))

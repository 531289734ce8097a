r"""Attack and release: the recursive smoothers of dynamics processors.

Each smooths one signal `x[t]` with a coefficient `c` in (0, 1] for attack and one for release:

- branching: `y[t] = y[t-1] + c (x[t] - y[t-1])`, c = attack where `x[t] < y[t-1]`, else release.
  A gain that falls is an attack; true attack and release times.
- decoupled: a release-only peak hold followed by an attack-only smoother (both on the falling
  side): `p[t] = min(x[t], p[t-1] + release (x[t] - p[t-1]))`, then
  `y[t] = y[t-1] + attack (p[t] - y[t-1])`.
- one pole: attack at all times; release is ignored (dasp-pytorch's compressor).
- sampled one pole: the same computed by frequency sampling, which repeats the signal with a period
  of 2 T - 1 rounded up to a power of two: the end of a slow gain comes back at the start. Only for
  parity with dasp-pytorch; it is neither causal nor streamable.

Source: D. Giannoulis, M. Massberg, J. Reiss, "Digital dynamic range compressor design - a tutorial
and analysis", JAES 60(6), 2012.

The recursions themselves are in `dsp.branching` and `dsp.recurrence`: one scan over samples on a
CPU, parallel elsewhere.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from dsp.branching import branching
from dsp.checks import (
    check_choice,
    check_floating,
    check_numbers,
    check_sample_rate,
    check_shape,
)
from dsp.lanes import more_lanes, walk
from dsp.numerics import sequential_backend
from dsp.recurrence import linear_recurrence

BALLISTICS = ("branching", "decoupled", "one_pole", "sampled_one_pole")

# A microsecond: no audio rate resolves it, and the reciprocal stays finite at time 0.
MIN_TIME_MS = 1e-3

# 10 % to 90 % of a step: the rise time that attack and release times name.
_RISE = math.log(9.0)


def time_constant(time_ms: ArrayLike, *, sample_rate: float) -> jax.Array:
    """Coefficient c of a one-pole smoother whose step response rises 10-90 % in `time_ms` (>= 0).

    `c = 1 - 9 ** (-1 / (time_s * sample_rate))`; computed without cancellation. Times below
    a microsecond count as that, which is at once (c = 1), with zero gradient.
    """
    check_sample_rate(sample_rate)
    time = jnp.maximum(jnp.asarray(time_ms), MIN_TIME_MS)
    return -jnp.expm1(-_RISE / (time * (1e-3 * sample_rate)))


def smooth(
    x: jax.Array,
    attack: ArrayLike,
    release: ArrayLike,
    initial: ArrayLike,
    *,
    ballistics: str = "branching",
) -> tuple[jax.Array, jax.Array]:
    """Smooth one signal with attack and release.

    Args:
        x: (time,).
        attack: scalar coefficient in (0, 1], see `time_constant`.
        release: scalar coefficient in (0, 1].
        initial: the value to start from, scalar; for decoupled (2,), the same value twice.
        ballistics: `"branching"`, `"decoupled"`, `"one_pole"` (the release is ignored) or
            `"sampled_one_pole"` (so is `initial`); see `dsp.ballistics`.

    Returns:
        y (time,) and the state after the last sample, shaped like `initial`.

    The gradient is that of the equations with the branch taken at each sample held fixed, which is
    the derivative wherever it exists. Measured against torchcomp in float64, branching: values
    within 1.8e-6, gradients within 2.3e-6 of the largest.
    """
    if np.ndim(x) != 1 or not np.size(x):
        raise ValueError(f"x has shape {np.shape(x)}; expected (time,), at least one sample")
    x = check_floating(x, "x")
    check_numbers(attack, (), "attack")
    check_numbers(release, (), "release")
    rest = resting_smoother(x.dtype, ballistics=ballistics)
    check_shape(initial, rest.shape, "initial")
    attack, release, initial = (jnp.asarray(v, x.dtype) for v in (attack, release, initial))
    if ballistics == "one_pole":
        y = one_pole(x, attack, initial)
        return y, y[-1]
    if ballistics == "sampled_one_pole":
        y = _sampled_one_pole(x, attack)
        return y, y[-1]
    if ballistics == "branching":
        y = branching(x, attack, release, initial)
        return y, y[-1]
    held = _hold(x, release, initial[0])
    y = one_pole(held, attack, initial[1])
    return y, jnp.stack([held[-1], y[-1]])


def resting_smoother(dtype: jnp.dtype, *, ballistics: str) -> jax.Array:
    """The smoother's state at rest on 0: (2,) for decoupled, else a scalar."""
    check_choice(ballistics, BALLISTICS, "ballistics")
    return jnp.zeros((2,) if ballistics == "decoupled" else (), dtype)


def one_pole(x: jax.Array, coefficient: jax.Array, initial: jax.Array) -> jax.Array:
    """`y[t] = (1 - c) y[t-1] + c x[t]`, (time,), with `y[-1] = initial`."""
    leak = jnp.full_like(x, 1) * coefficient
    return linear_recurrence(leak, (coefficient * x).at[0].add((1 - coefficient) * initial))


def _sampled_one_pole(x: jax.Array, coefficient: jax.Array) -> jax.Array:
    """The one-pole smoother of `x`, zero-padded and repeated: what frequency sampling computes."""
    time = x.shape[0]
    period = 1 << (2 * time - 2).bit_length()
    y = one_pole(x, coefficient, jnp.zeros_like(coefficient))
    # At once (c = 1) would be a decay of log 0; the largest number below 1 leaves as little.
    most = 1 - jnp.finfo(x.dtype).epsneg
    log_decay = jnp.log1p(-jnp.where(coefficient < 1, coefficient, most))
    wrapped = y[-1] * jnp.exp((period - time) * log_decay) / -jnp.expm1(period * log_decay)
    return y + wrapped * jnp.exp(log_decay * jnp.arange(1, time + 1, dtype=x.dtype))


@jax.custom_jvp
def _hold(x: jax.Array, release: jax.Array, initial: jax.Array) -> jax.Array:
    """`p[t] = min(x[t], (1 - r) p[t-1] + r x[t])`: falls at once, rises with the release."""
    if sequential_backend():
        return _hold_lanes(x[None], release[None], initial[None])[0]
    return hold_by_composition(x, release, initial)


@_hold.defjvp
def _hold_jvp(
    primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
    x, release, initial = primals
    x_dot, release_dot, initial_dot = tangents
    p = _hold(x, release, initial)
    before = jnp.concatenate([initial[None], p[:-1]])
    # A falling sample forgets all that was held; a rising one leaks towards it.
    c = jnp.where(x < before, 1, release)
    drive = c * x_dot + jnp.where(x < before, 0, release_dot) * (x - before)
    return p, linear_recurrence(c, drive.at[0].add((1 - c[0]) * initial_dot))


@more_lanes
def _hold_lanes(x: jax.Array, release: jax.Array, initial: jax.Array) -> jax.Array:
    def fall(p: jax.Array, now: jax.Array) -> jax.Array:
        return jnp.minimum(now, p + release * (now - p))

    return walk(fall, initial, (x,))


def hold_by_composition(x: jax.Array, release: jax.Array, initial: jax.Array) -> jax.Array:
    """The hold by an associative scan: maps `p -> min(m, p - l p + b)` compose to such maps."""

    def then(first: tuple[jax.Array, ...], second: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        (l1, b1, m1), (l2, b2, m2) = first, second
        return l1 + l2 - l1 * l2, b1 + (b2 - l2 * b1), jnp.minimum(m2, m1 + (b2 - l2 * m1))

    maps = (jnp.full_like(x, 1) * release, release * x, x)
    leak, b, m = lax.associative_scan(then, maps)
    return jnp.minimum(m, initial + (b - leak * initial))

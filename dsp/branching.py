"""The branching smoother, true attack and release, with its derivatives.

`y[t] = y[t-1] + c (x[t] - y[t-1])`, c = attack where `x[t] < y[t-1]`, else release: per sample an
extremum of two increasing affine maps. On a CPU it is one scan over samples. Elsewhere it is
solved by policy iteration: guess where it attacks, solve the then linear recursion by an
associative scan, look again; the fixed point is the trajectory. Its derivative, by either way, is
one linear recursion with the final choice of coefficients.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from dsp.lanes import BLOCK, columns, more_lanes, over_blocks, put, room_for_columns, take, walk
from dsp.numerics import materialize, sequential_backend
from dsp.recurrence import recur, recur_adjoint, recur_in_parallel, step

# Six sweeps settle a million samples of music; ties of rounding could alternate for ever.
MAX_SWEEPS = 64


class _Inputs(NamedTuple):
    """Arguments of the smoother, or their cotangents."""

    x: jax.Array  # (time,)
    attack: jax.Array  # ()
    release: jax.Array  # ()
    initial: jax.Array  # ()


_Tangents = dict[str, jax.Array]


@jax.custom_jvp
def branching(x: jax.Array, attack: jax.Array, release: jax.Array, initial: jax.Array) -> jax.Array:
    """Smooth x (time,) with scalar coefficients from the value `initial`."""
    if not sequential_backend():
        return branching_by_sweeps(x, attack, release, initial)[0]
    return _branching_lanes(x[None], attack[None], release[None], initial[None])[0]


@partial(branching.defjvp, symbolic_zeros=True)
def _branching_jvp(
    primals: tuple[jax.Array, ...], tangents: tuple[jax.Array | SymbolicZero, ...]
) -> tuple[jax.Array, jax.Array]:
    y = branching(*primals)
    varied = {
        name: tangent
        for name, tangent in zip(_Inputs._fields, tangents, strict=True)
        if not isinstance(tangent, SymbolicZero)
    }
    if not varied:
        return y, jnp.zeros_like(y)
    return y, _tangent(_Inputs(*primals), y, varied)


@more_lanes
def _branching_lanes(
    x: jax.Array, attack: jax.Array, release: jax.Array, initial: jax.Array
) -> jax.Array:
    def follow(y: jax.Array, now: jax.Array) -> jax.Array:
        return y + jnp.where(now < y, attack, release) * (now - y)

    return walk(follow, initial, (x,))


def _tangent(inputs: _Inputs, y: jax.Array, varied: _Tangents) -> jax.Array:
    """The derivative along the tangents of the inputs that vary, on the trajectory y.

    The map is written as the solution of a linear system, whose unknowns are those tangents with
    that of y in the place of that of x: so both modes can be written by hand, and reverse mode
    keeps x and y and nothing else.
    """

    def residual(t: _Tangents) -> _Tangents:
        ahead, c = _ahead(inputs, y)
        initial = t.get("initial", jnp.zeros_like(inputs.initial))
        before = jnp.concatenate([initial[None], t["x"][:-1]])
        drive = t["x"] - before + c * before
        x = (drive - _from_coefficients(ahead, t)) / c
        # Second derivatives need every part to vary with what the trajectory depends on.
        return {name: x if name == "x" else v + 0 * x[0] for name, v in t.items()}

    def solve(_: object, t: _Tangents) -> _Tangents:
        ahead, c = _ahead(inputs, y)
        drive = c * t["x"] + _from_coefficients(ahead, t)
        return {**t, "x": recur(c, drive.at[0].add((1 - c[0]) * t.get("initial", 0)))}

    def transpose_solve(_: object, t: _Tangents) -> _Tangents:
        pulled = _pull(inputs, y, t["x"])._asdict()
        return {name: pulled[name] + (0 if name == "x" else ct) for name, ct in t.items()}

    return lax.custom_linear_solve(residual, _with_signal(varied, y), solve, transpose_solve)["x"]


def _with_signal(varied: _Tangents, y: jax.Array) -> _Tangents:
    """The same tangents, with one of x if there is none.

    It depends on the others, for a linear solve cannot be transposed in a part of its right-hand
    side alone.
    """
    if "x" in varied:
        return varied
    return {"x": jnp.zeros_like(y).at[0].add(0 * sum(varied.values())), **varied}


def _from_coefficients(ahead: jax.Array, varied: _Tangents) -> jax.Array:
    return ahead * jnp.where(ahead < 0, varied.get("attack", 0), varied.get("release", 0))


def _ahead(inputs: _Inputs, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How far the input is ahead of the smoother, and the coefficient that this chooses."""
    ahead = inputs.x - jnp.concatenate([inputs.initial[None], y[:-1]])
    return ahead, jnp.where(ahead < 0, inputs.attack, inputs.release)


def _pull(inputs: _Inputs, y: jax.Array, cotangent: jax.Array) -> _Inputs:
    """The cotangents of the inputs from that of y."""
    if sequential_backend():
        arguments = (v[None] for v in (cotangent, y, *inputs))
        return _Inputs(*(v[0] for v in _pull_lanes(*arguments)))
    ahead, c = _ahead(inputs, y)
    arriving = recur_adjoint(c, cotangent)
    attack, release = (jnp.sum(arriving * part(ahead, 0)) for part in (jnp.minimum, jnp.maximum))
    return _Inputs(c * arriving, attack, release, (1 - c[0]) * arriving[0])


@more_lanes
def _pull_lanes(
    cotangent: jax.Array,
    y: jax.Array,
    x: jax.Array,
    attack: jax.Array,
    release: jax.Array,
    initial: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """`_pull` of many signals: everything is done while a block is in the cache.

    The state is what arrives at the next sample and that sample's coefficient; cotangents that
    become the result; and, column by column of a block, sums towards those of the coefficients.
    """
    time, width = x.shape[1], min(BLOCK, x.shape[1])

    def block(state: tuple[jax.Array, ...], start: jax.Array, size: int) -> tuple[jax.Array, ...]:
        arriving, following, result, scratch, attacks, releases = state
        pulled, heard, reached = (take(row, start, size) for row in (result, x, y))
        last = jnp.where(start > 0, take(y, jnp.maximum(start - 1, 0), 1), initial[:, None])
        ahead = materialize(heard - jnp.concatenate([last, reached[:, :-1]], axis=1))
        c = jnp.where(ahead < 0, attack[:, None], release[:, None])
        leak = materialize(jnp.concatenate([c[:, 1:], following[:, None]], axis=1))
        arriving, scratch = columns(step, arriving, (pulled, leak), scratch, reverse=True)
        every = materialize(scratch[:size].T)
        room = ((0, 0), (0, width - size))
        attacks += jnp.pad(every * jnp.minimum(ahead, 0), room)
        releases += jnp.pad(every * jnp.maximum(ahead, 0), room)
        return arriving, c[:, 0], put(result, c * every, start), scratch, attacks, releases

    sums = jnp.zeros((x.shape[0], width), x.dtype)
    nothing = jnp.zeros_like(initial)
    start = (nothing, nothing, cotangent, room_for_columns(x), sums, sums)
    arriving, c, result, _, attacks, releases = over_blocks(block, start, time, reverse=True)
    to_initial = (1 - c) * arriving
    return materialize(result), jnp.sum(attacks, axis=1), jnp.sum(releases, axis=1), to_initial


def branching_by_sweeps(
    x: jax.Array, attack: jax.Array, release: jax.Array, initial: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The branching smoother by policy iteration; also returns the number of sweeps it took."""

    def solve(falling: jax.Array) -> jax.Array:
        c = jnp.where(falling, attack, release)
        drive = (c * x).at[0].add((1 - c[0]) * initial)
        return recur_in_parallel(c, drive, reverse=False)

    def choose(y: jax.Array) -> jax.Array:
        return x < jnp.concatenate([initial[None], y[:-1]])

    def unsettled(carry: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> jax.Array:
        _, falling, previous, sweeps = carry
        return jnp.any(falling != previous) & (sweeps < MAX_SWEEPS)

    def sweep(
        carry: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        _, falling, _, sweeps = carry
        y = solve(falling)
        return y, choose(y), falling, sweeps + 1

    guess = x < initial
    start = (x, guess, ~guess, jnp.zeros((), jnp.int32))
    y, _, _, sweeps = lax.while_loop(unsettled, sweep, start)
    return y, sweeps

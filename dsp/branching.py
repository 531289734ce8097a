"""The branching smoother, true attack and release, between two functions of single samples.

`y[t] = y[t-1] + c (x[t] - y[t-1])`, c = attack where `x[t] < y[t-1]`, else release: per sample an
extremum of two increasing affine maps. Its derivative is one linear recursion with the final choice
of coefficients.

A dynamics processor computes x from audio, sample by sample, and its output from y and audio. On a
CPU, where fresh memory costs more than arithmetic, reverse mode is one pass over all of it: it
keeps the audio and y, computes everything else again while a block is in the cache, and puts the
audio's cotangent in the place of the output's. Elsewhere the smoother is solved by sweeps, and the
rest is left to the compiler.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from dsp.lanes import columns, more_lanes, over_blocks, put, room, take
from dsp.linear_map import transposed_by_hand
from dsp.numerics import materialize, sequential_backend
from dsp.recurrence import linear_recurrence, step
from dsp.sweeps import branching_by_sweeps


class Law(NamedTuple):
    """What surrounds the smoother; functions of single samples, which broadcast.

    wanted: (signals, settings) -> x (time,).
    applied: (y (time,), signals, settings) -> output (..., time).
    """

    wanted: Callable[[Any, Any], jax.Array]
    applied: Callable[[jax.Array, Any, Any], jax.Array]


class Inputs(NamedTuple):
    """What a smoother between two functions works on, or tangents or cotangents of it."""

    signals: Any  # a tuple of (..., time)
    settings: Any  # a tuple of ()
    attack: jax.Array  # ()
    release: jax.Array  # ()
    initial: jax.Array  # (), y before the first sample


_SMOOTHER = Law(lambda signals, _: signals[0], lambda y, *_: y)


def branching(x: jax.Array, attack: jax.Array, release: jax.Array, initial: jax.Array) -> jax.Array:
    """Smooth x (time,) with scalar coefficients from the value `initial`."""
    return _smoothed(_SMOOTHER, Inputs((x,), (), attack, release, initial))[0]


def smoothed_between(law: Law, inputs: Inputs) -> tuple[jax.Array, jax.Array]:
    """The output of `law` and the last y."""
    if sequential_backend():
        output, track = _smoothed(law, inputs)
        return output, track[-1]
    signals, settings, *smoother = inputs
    y = branching(law.wanted(signals, settings), *smoother)
    return law.applied(y, signals, settings), y[-1]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _smoothed(law: Law, inputs: Inputs) -> tuple[jax.Array, jax.Array]:
    """The output of `law`, and y from the one before the first sample on, (time + 1,)."""
    if sequential_backend():
        return _first(more_lanes(partial(_run_lanes, law))(*_lane(inputs)))
    signals, settings, *smoother = inputs
    y, _ = branching_by_sweeps(law.wanted(signals, settings), *smoother)
    return law.applied(y, signals, settings), jnp.concatenate([inputs.initial[None], y])


@partial(_smoothed.defjvp, symbolic_zeros=True)
def _smoothed_jvp(law: Law, primals: Any, tangents: Any) -> tuple[Any, Any]:
    (inputs,), (inputs_dot,) = primals, tangents
    output, track = _smoothed(law, inputs)
    tree: Any
    primal_leaves, tree = jax.tree.flatten(inputs)
    tangent_leaves = tree.flatten_up_to(inputs_dot)
    varied = {i: t for i, t in enumerate(tangent_leaves) if not isinstance(t, SymbolicZero)}
    if not varied:
        return (output, track), (jnp.zeros_like(output), jnp.zeros_like(track))

    def push(t: dict[int, jax.Array]) -> tuple[jax.Array, jax.Array]:
        dots = [t.get(i, jnp.zeros_like(leaf)) for i, leaf in enumerate(primal_leaves)]
        return _push(law, inputs, track, tree.unflatten(dots))

    def pull(cotangent: tuple[jax.Array, jax.Array]) -> dict[int, jax.Array]:
        pulled = jax.tree.leaves(_pull(law, inputs, track, *cotangent))
        return {i: pulled[i] for i in varied}

    return (output, track), transposed_by_hand(push, pull, varied, track[-1])


def _push(law: Law, inputs: Inputs, track: jax.Array, dot: Inputs) -> tuple[jax.Array, jax.Array]:
    """The tangents of output and track from those of the inputs."""
    given, given_dot = inputs[:2], dot[:2]
    x, x_dot = jax.jvp(law.wanted, given, given_dot)
    ahead = x - track[:-1]
    c = jnp.where(ahead < 0, inputs.attack, inputs.release)
    drive = c * x_dot + ahead * jnp.where(ahead < 0, dot.attack, dot.release)
    y_dot = linear_recurrence(c, drive.at[0].add((1 - c[0]) * dot.initial))
    _, output_dot = jax.jvp(law.applied, (track[1:], *given), (y_dot, *given_dot))
    return output_dot, jnp.concatenate([dot.initial[None], y_dot])


def _pull(
    law: Law, inputs: Inputs, track: jax.Array, to_output: jax.Array, to_track: jax.Array
) -> Inputs:
    """The cotangents of the inputs from those of output and track."""
    if sequential_backend():
        run = more_lanes(partial(_pull_lanes, law))
        return _first(run(*_lane((inputs, track, to_output, to_track))))
    dots = jax.tree.map(jnp.zeros_like, inputs)
    return jax.linear_transpose(partial(_push, law, inputs, track), dots)((to_output, to_track))[0]


def _lane(tree: Any) -> Any:
    return jax.tree.map(lambda v: v[None], tree)


def _first(tree: Any) -> Any:
    return jax.tree.map(lambda v: v[0], tree)


def _rows(tree: Any) -> Any:
    """Every signal (..., time) as a matrix, for XLA copies a parameter that a loop reshapes."""
    return jax.tree.map(lambda v: v.reshape(-1, v.shape[-1]), tree)


def _windows(rows: Any, like: Any, start: jax.Array, size: int) -> Any:
    """`size` samples of `rows`, which were `like`."""

    def window(row: jax.Array, signal: Any) -> jax.Array:
        return take(row, start, size).reshape(*signal.shape[:-1], size)

    return jax.tree.map(window, rows, like)


def _run_lanes(
    law: Law,
    signals: Any,
    settings: Any,
    attack: jax.Array,
    release: jax.Array,
    initial: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """`_smoothed` of many signals, one block after the other."""

    def follow(y: jax.Array, now: jax.Array) -> jax.Array:
        return y + jnp.where(now < y, attack, release) * (now - y)

    def block(state: tuple[jax.Array, ...], start: jax.Array, size: int) -> tuple[jax.Array, ...]:
        y, track, walked = state
        walked = put(walked, take(track, start + 1, size), 0)
        y, walked = columns(follow, y, (walked,), size, reverse=False)
        return y, put(track, walked[:, :size], start + 1), walked

    x = jax.vmap(law.wanted)(signals, settings)
    # The track takes the place of x. (Padded instead, x of a single lane would not be vectorised.)
    track = jnp.concatenate([initial[:, None], x], axis=1)
    start = (initial, track, room(x))
    _, track, _ = over_blocks(block, start, x.shape[1], reverse=False)
    track = materialize(track)
    return jax.vmap(law.applied)(track[:, 1:], signals, settings), track


def _pull_lanes(
    law: Law, inputs: Inputs, track: jax.Array, to_output: jax.Array, to_track: jax.Array
) -> Inputs:
    """`_pull` of many signals, one block after the other.

    The state is what arrives at the next sample and that sample's coefficient, and the cotangents
    of signals, as far as they are known, and of settings, attack and release, whose parts are
    summed. That of the first signal takes the place of that of the output, if it can.
    """
    signals, settings, attack, release, initial = inputs
    wanted, applied = jax.vmap(law.wanted), jax.vmap(law.applied)
    rows, (played, direct) = _rows(signals), _rows((to_output, to_track))
    time = track.shape[1] - 1
    in_place = played.shape == rows[0].shape

    def block(state: Any, start: jax.Array, size: int) -> Any:
        arriving, following, to_signals, sums, (pulled, walked, leak) = state
        heard = _windows(rows, signals, start, size)
        before, reached = take(track, start, size), take(track, start + 1, size)
        # By way of `pulled`: what read its windows of the array that it then writes to, XLA would
        # copy whole, once per block.
        pulled = put(pulled, take(to_signals[0] if in_place else played, start, size), 0)
        _, pull_applied = jax.vjp(applied, reached, heard, settings)
        to_reached, to_heard, to_settings = pull_applied(
            pulled[:, :size].reshape(*to_output.shape[:-1], size)
        )
        walked = put(walked, to_reached + take(direct, start + 1, size), 0)
        x, pull_wanted = jax.vjp(wanted, heard, settings)
        ahead = materialize(x - before)
        c = jnp.where(ahead < 0, attack[:, None], release[:, None])
        leak = put(put(leak, c[:, 1:], 0), following[:, None], size - 1)
        arriving, walked = columns(step, arriving, (walked, leak), size, reverse=True)
        arrived = walked[:, :size]
        more_heard, more_settings = pull_wanted(c * arrived)
        to_signals = jax.tree.map(
            lambda row, a, b: put(row, (a + b).reshape(-1, size), start),
            to_signals, to_heard, more_heard,
        )  # fmt: skip
        to_coefficients = (
            jnp.sum(arrived * part(ahead, 0), axis=1) for part in (jnp.minimum, jnp.maximum)
        )
        sums = jax.tree.map(
            jnp.add, sums, (jax.tree.map(jnp.add, to_settings, more_settings), *to_coefficients)
        )
        return arriving, c[:, 0], to_signals, sums, (pulled, walked, leak)

    nothing = jnp.zeros_like(initial)
    to_signals = [lax.empty(row.shape, row.dtype) for row in rows]
    if in_place:
        to_signals[0] = played
    sums = (jax.tree.map(jnp.zeros_like, settings), nothing, nothing)
    rooms = (room(played), room(track[:, 1:]), room(track[:, 1:]))
    start = (nothing, nothing, tuple(to_signals), sums, rooms)
    arriving, c, to_signals, sums, _ = over_blocks(block, start, time, reverse=True)
    to_signals = jax.tree.map(lambda row, v: row.reshape(v.shape), to_signals, signals)
    to_settings, to_attack, to_release = sums
    to_initial = (1 - c) * arriving + to_track[:, 0]
    return Inputs(to_signals, to_settings, to_attack, to_release, to_initial)

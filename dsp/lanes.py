"""Loops over time for many signals at once, the way a CPU likes them.

A recursion steps from sample to sample; what can be vectorised is the signals, the lanes. A step
that reads one column and writes its carry as it is becomes one fused kernel. Signals lie in memory
time last, so whoever walked along a long one against its layout would fetch every cache line once
per lane: everything here goes block by block, within the cache, and turns there what it reads and
writes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from dsp.numerics import materialize

# Samples per block.
BLOCK = 256

Step = Callable[..., jax.Array]


def more_lanes(run: Callable[..., Any]) -> Callable[..., Any]:
    """Let `vmap` of a function of (lanes, ...) arrays add lanes instead of an axis."""
    batched = custom_vmap(run)

    @batched.def_vmap
    def rule(size: int, in_batched: list[bool], *arguments: jax.Array) -> tuple[Any, Any]:
        lanes = [
            jnp.broadcast_to(a if is_batched else a[None], (size, *jnp.shape(a)[is_batched:]))
            for a, is_batched in zip(arguments, in_batched, strict=True)
        ]
        flat = batched(*(a.reshape(-1, *a.shape[2:]) for a in lanes))
        out = jax.tree.map(lambda y: y.reshape(size, -1, *y.shape[1:]), flat)
        return out, jax.tree.map(lambda _: True, out)

    return batched


def over_blocks(
    block: Callable[[Any, jax.Array, int], Any], state: Any, time: int, *, reverse: bool
) -> Any:
    """`state = block(state, start, size)` for blocks of `BLOCK` samples, and a shorter last one.

    Backwards in time, the shorter block comes first.
    """
    even = time - time % BLOCK
    parts = [(0, even, BLOCK), (even, time, time - even)]
    for first, end, size in reversed(parts) if reverse else parts:
        if end > first:
            run = partial(_at, block, first, end, size, reverse)
            state = lax.fori_loop(0, (end - first) // size, run, state)
    return state


def _at(
    block: Callable[[Any, jax.Array, int], Any],
    first: int,
    end: int,
    size: int,
    reverse: bool,
    index: jax.Array,
    state: Any,
) -> Any:
    start = end - (index + 1) * size if reverse else first + index * size
    return block(state, start, size)


def take(row: jax.Array, start: jax.Array, size: int) -> jax.Array:
    """`row[:, start : start + size]`."""
    return lax.dynamic_slice_in_dim(row, start, size, axis=1)


def put(row: jax.Array, part: jax.Array, start: jax.Array) -> jax.Array:
    """`row` with `part` from column `start` on."""
    return lax.dynamic_update_slice_in_dim(row, part, start, axis=1)


def room_for_columns(rows: jax.Array) -> jax.Array:
    """What `columns` writes to while walking along `rows`: made once, for all blocks."""
    return lax.empty((BLOCK, rows.shape[0]), rows.dtype)


def columns(
    step: Step,
    carry: jax.Array,
    parts: tuple[jax.Array, ...],
    written: jax.Array,
    *,
    reverse: bool,
) -> tuple[jax.Array, jax.Array]:
    """Step through the columns of `parts`, (lanes, size) each; all carries are rows of `written`.

    Two parts at most, better one: every further one that a step reads by column, or a choice in it,
    costs as much as the rest of the step, where computing it beforehand costs next to nothing.
    """
    size = parts[0].shape[1]

    def body(i: jax.Array, loop: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        carry, written = loop
        t = size - 1 - i if reverse else i
        now = (take(part, t, 1)[:, 0] for part in parts)
        carry = step(carry, *now)
        return carry, lax.dynamic_update_slice_in_dim(written, carry[None], t, axis=0)

    return lax.fori_loop(0, size, body, (carry, written))


def walk(
    step: Step, initial: jax.Array, rows: tuple[jax.Array, ...], *, reverse: bool = False
) -> jax.Array:
    """Step through the columns of `rows`, each (lanes, time); returns every carry, (lanes, time).

    The result takes the place of the first row, for fresh memory costs more than the arithmetic.
    """

    def block(state: tuple[jax.Array, ...], start: jax.Array, size: int) -> tuple[jax.Array, ...]:
        carry, walked, written = state
        parts = tuple(take(row, start, size) for row in (walked, *rows[1:]))
        carry, written = columns(step, carry, parts, written, reverse=reverse)
        return carry, put(walked, written[:size].T, start), written

    start = (initial, rows[0], room_for_columns(rows[0]))
    _, walked, _ = over_blocks(block, start, rows[0].shape[1], reverse=reverse)
    return materialize(walked)

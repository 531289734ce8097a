"""Loops over time for many signals at once, the way a CPU likes them.

A recursion steps from sample to sample; what can be vectorised is the signals, the lanes. Signals
lie in memory time last, so whoever walked along long ones would fetch every cache line once per
lane, and whatever else is done to them would go through memory again: everything here goes block by
block, within the cache.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from dsp.numerics import materialize

# Samples per block and lane: long enough for two processors to share what is done to a block of
# several lanes, and short enough for some arrays of that size to fit the cache.
LONGEST = 8192

Step = Callable[..., jax.Array]


def more_lanes(run: Callable[..., Any]) -> Callable[..., Any]:
    """Let `vmap` of a function of (lanes, ...) arrays add lanes instead of an axis."""
    batched = custom_vmap(run)

    @batched.def_vmap
    def rule(size: int, in_batched: list[Any], *arguments: Any) -> tuple[Any, Any]:
        def spread(a: jax.Array, is_batched: bool) -> jax.Array:
            a = jnp.broadcast_to(a if is_batched else a[None], (size, *jnp.shape(a)[is_batched:]))
            return a.reshape(size * a.shape[1], *a.shape[2:])

        first, is_batched = jax.tree.leaves(arguments)[0], jax.tree.leaves(in_batched)[0]
        lanes = first.shape[int(is_batched)]
        out = batched(*jax.tree.map(spread, arguments, tuple(in_batched)))
        out = jax.tree.map(lambda y: y.reshape(size, lanes, *y.shape[1:]), out)
        return out, jax.tree.map(lambda _: True, out)

    return batched


def block_length(time: int) -> int:
    """At most `LONGEST`, and a divisor of `time` if there is one near."""
    least = -(-time // LONGEST)
    return time // next((n for n in range(least, 2 * least) if time % n == 0), least)


def over_blocks(
    block: Callable[[Any, jax.Array, int], Any], state: Any, time: int, *, reverse: bool
) -> Any:
    """`state = block(state, start, size)` for blocks of one size, and a shorter last one.

    Backwards in time, the shorter block comes first.
    """
    length = block_length(time)
    even = time - time % length
    parts = [(0, even, length), (even, time, time - even)]
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


def take(rows: jax.Array, start: jax.Array, size: int) -> jax.Array:
    """`rows[..., start : start + size]`."""
    return lax.dynamic_slice_in_dim(rows, start, size, axis=-1)


def put(rows: jax.Array, part: jax.Array, start: jax.Array | int) -> jax.Array:
    """`rows` with `part` from column `start` on."""
    return lax.dynamic_update_slice_in_dim(rows, part, start, axis=-1)


def room(rows: jax.Array) -> jax.Array:
    """Where a block of `rows` (lanes, time) is worked on: made once, for all blocks.

    Rows a power of two apart would share the same few places of a cache, hence some more columns.
    """
    return lax.empty((rows.shape[0], block_length(rows.shape[1]) // 1024 * 1024 + 1040), rows.dtype)


def columns(
    step: Step, carry: jax.Array, parts: tuple[jax.Array, ...], size: int, *, reverse: bool
) -> tuple[jax.Array, jax.Array]:
    """Step through the first `size` columns of `parts`, (lanes, ...) each, from `room`.

    Returns the last carry, and all carries in place of the first part. Two parts at most, better
    one: every further one that a step reads by column, or a choice in it, costs as much as the rest
    of the step, where computing it beforehand costs next to nothing.
    """

    def body(i: jax.Array, loop: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        carry, walked = loop
        t = size - 1 - i if reverse else i
        now = (take(part, t, 1)[:, 0] for part in (walked, *parts[1:]))
        carry = step(carry, *now)
        return carry, put(walked, carry[:, None], t)

    return lax.fori_loop(0, size, body, (carry, parts[0]))


def walk(
    step: Step, initial: jax.Array, rows: tuple[jax.Array, ...], *, reverse: bool = False
) -> jax.Array:
    """Step through the columns of `rows`, each (lanes, time); returns every carry, (lanes, time).

    The result takes the place of the first row, for fresh memory costs more than the arithmetic.
    """

    def block(state: Any, start: jax.Array, size: int) -> Any:
        carry, walked, rooms = state
        windows = (take(row, start, size) for row in (walked, *rows[1:]))
        rooms = [put(room, window, 0) for room, window in zip(rooms, windows, strict=True)]
        carry, rooms[0] = columns(step, carry, tuple(rooms), size, reverse=reverse)
        return carry, put(walked, rooms[0][:, :size], start), rooms

    start = (initial, rows[0], [room(row) for row in rows])
    _, walked, _ = over_blocks(block, start, rows[0].shape[1], reverse=reverse)
    return materialize(walked)

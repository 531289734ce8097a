"""Linear recursive systems with a state, exact and parallel.

A system runs in one of two ways:

- `"scan"`: one `lax.scan` over samples. The specification, and slow on accelerators.
- `"block"`: exact and made of matrix products. Time is cut into blocks of L samples; with s the
  state at the start of a block and x, y its samples

      y  = H x + Q s          H: lower-triangular Toeplitz matrix of the impulse response
      s' = A^L s + P x        Q, P: how the state is heard, and how input is remembered

  so that one product [x s] [H Q]^T gives every block's output, and only the small state recursion
  runs from block to block: sequentially on a CPU, by doubling strides on an accelerator. Reverse
  mode of these products is again such a filter, run backwards in time; it keeps the input and one
  state per block, and nothing per sample.

Precision. Audio filters have poles next to z = 1 (and, above 20 kHz, next to z = -1), where float32
cannot tell A from the identity. All systems therefore store `e = A - I` and `f = A + I`, and the
powers as `A^n - I` (the delta form), whose small entries keep their full relative precision.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dsp.lanes import more_lanes
from dsp.numerics import EXACT, matmul, sequential_backend

# Samples per block: the fastest of 32 to 256 for six biquads on CPU, forward and backward.
BLOCK = 64

# Multiplications of a step from state to state up to which it is written out as a sum: a product
# is a call of a library, which takes longer than so few. Beyond, XLA for CPU no longer makes one
# loop of all steps, and written out they take ten times as long.
SMALL_STEP = 4096

# Lanes that fill a vector register: with as many, a step is vectorised over them, else over states.
# Fewer states than these are quicker vectorised over themselves, and more take longer to write out
# than it gains (`benchmarks/recursion_speed.py`).
VECTOR = 8
LEAST_STATES, MOST_STATES = 10, 20


class StateSpace(NamedTuple):
    """A single-input single-output system with n states, in delta form.

    `s[t+1] = s[t] + e s[t] + b x[t]` and `y[t] = c s[t] + d x[t]`.
    """

    e: jax.Array  # (n, n), A - I
    f: jax.Array  # (n, n), A + I: not e + 2 I, which has lost what is small in it
    b: jax.Array  # (n,)
    c: jax.Array  # (n,)
    d: jax.Array  # ()


class _Block(NamedTuple):
    """What L samples do: outputs from inputs (impulse response) and state, and the state after."""

    impulse: jax.Array  # (L,)
    observe: jax.Array  # (L, n), Q
    remember: jax.Array  # (n, L), P
    advance: jax.Array  # (n, n), A^L - I


def series(sections: StateSpace) -> StateSpace:
    """Connect systems of one size in series; their states are concatenated in order.

    Args:
        sections: fields with a leading axis (sections,).

    Between section i and a later section j the signal passes the gains d of those in between, so
    block (j, i) of A is `b_j (prod of d between) c_i`: a handful of operations, whatever the number
    of sections, which keeps compilation fast.
    """
    e, f, b, c, d = sections
    count, size = b.shape
    path = _path_gains(d)  # (count + 1, count + 1): from after section i to before section j
    feed = jnp.einsum("jn,ji,im->jnim", b, path[:-1, 1:], c, precision=EXACT)
    later = np.arange(count)[:, None] > np.arange(count)[None, :]
    feed = jnp.where(later[:, None, :, None], feed, 0)
    own = np.eye(count, dtype=bool)[:, None, :, None]
    flat = (count * size, count * size)
    return StateSpace(
        jnp.where(own, e[:, :, None, :], feed).reshape(flat),
        jnp.where(own, f[:, :, None, :], feed).reshape(flat),
        (b * path[:-1, :1]).reshape(-1),
        (c * path[-1:, 1:].T).reshape(-1),
        path[-1, 0],
    )


def _path_gains(d: jax.Array) -> jax.Array:
    """Gains (to, from) of the direct path: the product of d[from], ..., d[to - 1]; 1 if empty."""
    index = np.arange(d.shape[0] + 1)
    passed = np.arange(d.shape[0])[None, None, :]
    between = (passed >= index[None, :, None]) & (passed < index[:, None, None])
    return jnp.prod(jnp.where(between, d[None, None, :], 1), axis=-1)


def filter_scan(system: StateSpace, x: jax.Array, state: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Run `system` sample by sample: x (channels, time), state (channels, n) -> (y, final state).

    The reverse rule is hand-written (`lax.custom_linear_solve` on the recursion), so that a
    gradient costs one backward scan.
    """
    drive = x.T[:, :, None] * system.b[None, None]
    states = _trajectory(system.e, drive, state)
    heard = jnp.einsum("tcn,n->ct", states[:-1], system.c, precision=EXACT)
    return heard + system.d * x, states[-1]


def _trajectory(e: jax.Array, drive: jax.Array, initial: jax.Array) -> jax.Array:
    """States before each step of `s += e s + drive` and after the last, (time + 1, channels, n)."""

    def solve(e: jax.Array, inputs: jax.Array, *, reverse: bool) -> jax.Array:
        run = more_lanes(partial(_accumulate, reverse=reverse))
        return run(e[None], inputs[None])[0]

    def residual(states: jax.Array) -> jax.Array:
        before = jnp.concatenate([jnp.zeros_like(states[:1]), states[:-1]])
        return states - before - matmul(before, e.T)

    inputs = jnp.concatenate([initial[None], drive])
    return lax.custom_linear_solve(
        residual,
        inputs,
        solve=lambda _, u: solve(e, u, reverse=False),
        transpose_solve=lambda _, u: solve(e.T, u, reverse=True),
    )


def _accumulate(e: jax.Array, inputs: jax.Array, *, reverse: bool) -> jax.Array:
    """`s[t] = s[t-1] + e s[t-1] + inputs[t]`, (lanes, time, channels, n), e (lanes, n, n)."""
    lanes, _, channels, states = inputs.shape
    is_across = lanes * channels >= VECTOR and LEAST_STATES <= states <= MOST_STATES
    return (accumulate_across if is_across else accumulate_within)(e, inputs, reverse=reverse)


def accumulate_within(e: jax.Array, inputs: jax.Array, *, reverse: bool) -> jax.Array:
    """`_accumulate` of few lanes: a step is vectorised over states."""
    if e.size * inputs.shape[2] <= SMALL_STEP:
        columns = jnp.swapaxes(e, 1, 2)[:, None]

        def moved(s: jax.Array) -> jax.Array:
            return jnp.sum(s[..., None] * columns, axis=-2)

    else:

        def moved(s: jax.Array) -> jax.Array:
            return matmul(s, jnp.swapaxes(e, 1, 2))

    def step(s: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        s = s + moved(s) + u
        return s, s

    in_time = jnp.moveaxis(inputs, 1, 0)
    _, reached = lax.scan(step, jnp.zeros_like(in_time[0]), in_time, reverse=reverse)
    return jnp.moveaxis(reached, 0, 1)


def accumulate_across(e: jax.Array, inputs: jax.Array, *, reverse: bool) -> jax.Array:
    """`_accumulate` of many lanes: a step is vectorised over them and their channels."""
    lanes, time, channels, states = inputs.shape
    in_time = jnp.transpose(inputs, (1, 3, 0, 2)).reshape(time, states, -1)
    columns = jnp.repeat(jnp.transpose(e, (2, 1, 0)), channels, axis=2)

    def step(s: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        after = s + u
        for column, state in zip(columns, s, strict=True):
            after += column * state[None]
        return after, after

    _, reached = lax.scan(step, jnp.zeros_like(in_time[0]), in_time, reverse=reverse)
    return jnp.transpose(reached.reshape(time, states, lanes, channels), (2, 0, 3, 1))


def filter_block(system: StateSpace, x: jax.Array, state: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Run `system` block by block; arguments and result as in `filter_scan`."""
    channels, time = x.shape
    size = min(BLOCK, 1 << (time - 1).bit_length())
    count = -(-time // size)
    block, tail = _blocks(system, size, time - (count - 1) * size)
    inputs = jnp.pad(x, ((0, 0), (0, count * size - time))).reshape(channels, count, size)
    drive = jnp.einsum("ckl,nl->ckn", inputs, block.remember, precision=EXACT)
    states = block_states(block.advance, drive[:, :-1], state)
    last = states[:, -1]
    final = last + matmul(last, tail.advance.T)
    final += matmul(inputs[:, -1, : tail.impulse.shape[0]], tail.remember.T)
    # One product instead of two and a sum: the intermediate would cost more than the arithmetic.
    outputs = jnp.einsum(
        "ckj,lj->ckl",
        jnp.concatenate([inputs, states], axis=-1),
        jnp.concatenate([_toeplitz(block.impulse), block.observe], axis=-1),
        precision=EXACT,
    )
    return outputs.reshape(channels, -1)[:, :time], final


def _blocks(system: StateSpace, size: int, remainder: int) -> tuple[_Block, _Block]:
    """Blocks of `size` (a power of two) and of `remainder` (1 to `size`) samples, by doubling."""
    block = _Block(system.d[None], system.c[None], system.b[:, None], system.e)
    length, tail = 1, None
    while True:
        if remainder & length:
            tail = block if tail is None else _concatenate(tail, block)
        if length == size:
            break
        block = _concatenate(block, block)
        if length == 1:
            # A^2 - I without the cancellation of 2 e + e^2 for poles near z = -1.
            block = block._replace(advance=matmul(system.e, system.f))
        length *= 2
    assert tail is not None
    return block, tail


def _concatenate(first: _Block, second: _Block) -> _Block:
    """The block of `first`'s samples followed by `second`'s (of the same system)."""
    after_impulse = first.remember[:, 0]
    reaction = matmul(second.observe, after_impulse[:, None])[:, 0]
    observe = second.observe + matmul(second.observe, first.advance)
    remember = first.remember + matmul(second.advance, first.remember)
    return _Block(
        jnp.concatenate([first.impulse, reaction]),
        jnp.concatenate([first.observe, observe]),
        jnp.concatenate([remember, second.remember], axis=1),
        first.advance + second.advance + matmul(second.advance, first.advance),
    )


def _toeplitz(impulse: jax.Array) -> jax.Array:
    """The lower-triangular matrix that convolves with `impulse`."""
    size = impulse.shape[0]
    lag = np.arange(size)[:, None] - np.arange(size)[None, :]
    return jnp.where(lag >= 0, impulse[np.maximum(lag, 0)], 0)


def block_states(advance: jax.Array, drive: jax.Array, initial: jax.Array) -> jax.Array:
    """State at the start of every block, (channels, blocks, n), from what each block adds."""
    if not sequential_backend():
        return _states_parallel(advance, drive, initial)
    return jnp.swapaxes(_trajectory(advance, jnp.swapaxes(drive, 0, 1), initial), 0, 1)


def _states_parallel(advance: jax.Array, drive: jax.Array, initial: jax.Array) -> jax.Array:
    """`block_states` in log2(blocks) steps: double the stride over which sums are complete."""
    states = jnp.concatenate([initial[:, None], drive], axis=1)
    stride = 1
    while stride < states.shape[1]:
        earlier = jnp.pad(states, ((0, 0), (stride, 0), (0, 0)))[:, :-stride]
        states = states + earlier + matmul(earlier, advance.T)
        advance = 2 * advance + matmul(advance, advance)
        stride *= 2
    return states


def run_filter(
    system: StateSpace, x: jax.Array, state: jax.Array, *, method: str
) -> tuple[jax.Array, jax.Array]:
    """Run `system` by the exact `method`: `"scan"`, `"block"` or `"auto"` (block: the fastest)."""
    run = filter_scan if method == "scan" else filter_block
    return run(system, x, state)

"""The linear first-order recurrence with coefficients that vary in time, in sequence and parallel.

`y[t] = y[t-1] - leak[t] y[t-1] + drive[t]` is what a one-pole smoother is, and what the derivative
of every smoother is. It takes the leak and not `1 - leak`, whose rounding alone would change the
level of a slow smoother by 2e-4.
"""

import jax
import jax.numpy as jnp
from jax import lax

from dsp.lanes import more_lanes, walk
from dsp.numerics import sequential_backend


def linear_recurrence(leak: jax.Array, drive: jax.Array) -> jax.Array:
    """`y[t] = y[t-1] - leak[t] y[t-1] + drive[t]`, each (time,), from `y[-1] = 0`.

    As the solution of a bidiagonal linear system it has hand-written derivatives in both modes: the
    adjoint is the same recurrence, backwards in time, and one array is all that reverse mode keeps.
    """

    def residual(y: jax.Array) -> jax.Array:
        before = jnp.concatenate([jnp.zeros_like(y[:1]), y[:-1]])
        return y - before + leak * before

    return lax.custom_linear_solve(
        residual,
        drive,
        solve=lambda _, b: recur(leak, b),
        transpose_solve=lambda _, b: recur_adjoint(leak, b),
    )


def recur(leak: jax.Array, drive: jax.Array) -> jax.Array:
    """`linear_recurrence` without derivatives."""
    if not sequential_backend():
        return recur_in_parallel(leak, drive, reverse=False)
    return _recur_lanes(leak[None], drive[None])[0]


def recur_adjoint(leak: jax.Array, drive: jax.Array) -> jax.Array:
    """The transpose of `recur` in `drive`: backwards in time, with the next sample's leak."""
    # Past the end nothing comes back.
    following = jnp.concatenate([leak[1:], jnp.zeros_like(leak[:1])])
    if not sequential_backend():
        return recur_in_parallel(following, drive, reverse=True)
    return _recur_lanes_backward(following[None], drive[None])[0]


def recur_in_parallel(leak: jax.Array, drive: jax.Array, *, reverse: bool) -> jax.Array:
    """The recurrence from either end, by an associative scan."""

    def then(
        first: tuple[jax.Array, jax.Array], second: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        (leak1, y1), (leak2, y2) = first, second
        return leak1 + leak2 - leak1 * leak2, y1 + (y2 - leak2 * y1)

    return lax.associative_scan(then, (leak, drive), reverse=reverse)[1]


def step(y: jax.Array, drive: jax.Array, leak: jax.Array) -> jax.Array:
    """One sample of the recurrence."""
    return y + (drive - leak * y)


@more_lanes
def _recur_lanes(leak: jax.Array, drive: jax.Array) -> jax.Array:
    return walk(step, jnp.zeros_like(drive[:, 0]), (drive, leak))


@more_lanes
def _recur_lanes_backward(leak: jax.Array, drive: jax.Array) -> jax.Array:
    return walk(step, jnp.zeros_like(drive[:, 0]), (drive, leak), reverse=True)

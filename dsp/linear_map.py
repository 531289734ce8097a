"""Linear maps whose transpose is written by hand, in both modes of differentiation."""

import math
from collections.abc import Callable
from typing import Any

import jax
from jax import lax


def transposed_by_hand(
    push: Callable[[Any], Any], pull: Callable[[Any], Any], t: Any, anchor: jax.Array
) -> Any:
    """`push(t)`, whose transpose is `pull`: for the rule of a `jax.custom_jvp`.

    Args:
        push: linear, from a tree of arrays to a tree of arrays. Second derivatives are those of
            what it is made of.
        pull: from cotangents of `push(t)` to those of `t`.
        t: not empty.
        anchor: any one finite number that varies with what `push` depends on.

    It is the y of the solution of the system `y - push(t') = 0`, `t' = t`, for linear systems are
    what JAX lets one solve, and transpose, by hand. It differentiates them in all their parts or
    not at all, hence zeros that depend on the anchor or on another part.
    """

    def residual(unknown: tuple[Any, Any]) -> tuple[Any, Any]:
        y, t = unknown
        rest = jax.tree.map(lambda a, b: a - b, y, push(t)), t
        return jax.tree.map(lambda v, u: v + 0 * anchor * u, rest, unknown)

    def solve(_: object, given: tuple[Any, Any]) -> tuple[Any, Any]:
        y, t = given
        return _sum(y, push(t)), t

    def transpose_solve(_: object, cotangent: tuple[Any, Any]) -> tuple[Any, Any]:
        y, t = cotangent
        return y, _sum(t, pull(y))

    given = jax.tree.map(lambda v: _zeros(t, v), jax.eval_shape(push, t)), t
    y, t = lax.custom_linear_solve(residual, given, solve, transpose_solve)
    first, *others = jax.tree.leaves(y)
    first += sum(_zeros(v, first) for v in (*others, *jax.tree.leaves(t)))
    return jax.tree.unflatten(jax.tree.structure(y), [first, *others])


def _sum(a: Any, b: Any) -> Any:
    return jax.tree.map(lambda x, y: x + y, a, b)


def _zeros(tree: Any, like: Any) -> jax.Array:
    """Zeros of the shape of `like` that depend, in form alone, on `tree`."""
    nothing = jax.tree.leaves(tree)[0].reshape(-1)[:0].astype(like.dtype)
    zero = nothing.dtype.type(0)
    return lax.pad(nothing, zero, [(0, math.prod(like.shape), 0)]).reshape(like.shape)

"""The only mapping between [0, 1] controls and physical settings.

A settings NamedTuple filled with `Range`s instead of arrays is the specification of an effect's
controls: `denormalize` and `normalize` map whole trees of settings in one call.
"""

from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from dsp.checks import check_numbers

Tree = TypeVar("Tree")

# A field of a settings NamedTuple: an array, or a `Range` where the NamedTuple is a specification.
Setting: TypeAlias = Any


class Range(NamedTuple):
    """The lowest and highest physical value of a setting: numbers, or one of each per band."""

    low: ArrayLike
    high: ArrayLike


def _is_range(node: object) -> bool:
    return isinstance(node, Range)


def check_settings(settings: Any, ranges: Any, name: str, leading: tuple[int, ...] = ()) -> None:
    """Require the structure of `ranges`, and arrays of their shapes after the `leading` axes."""
    _check_structure(settings, ranges, name)
    limits = jax.tree_util.tree_leaves_with_path(ranges, is_leaf=_is_range)
    for (path, limit), value in zip(limits, jax.tree.leaves(settings), strict=True):
        shape = (*leading, *np.shape(limit.low))
        check_numbers(value, shape, name + jax.tree_util.keystr(path))


def _check_structure(values: Any, ranges: Any, name: str) -> None:
    # JAX takes None for no leaf at all, and would only say that the structures differ.
    for path, value in jax.tree_util.tree_leaves_with_path(values, is_leaf=lambda v: v is None):
        if value is None:
            raise ValueError(f"{name}{jax.tree_util.keystr(path)} is None; expected numbers")
    given: Any = jax.tree.structure(values)
    wanted: Any = jax.tree.structure(ranges, is_leaf=_is_range)
    if given != wanted:
        raise ValueError(f"{name} has structure {given}; expected that of ranges, {wanted}")


def denormalize(controls: Tree, ranges: Tree) -> Tree:
    """Map controls in [0, 1] to physical settings: `low + control * (high - low)`.

    Args:
        controls: tree of arrays in [0, 1].
        ranges: the same tree with a `Range` in place of each array.

    Returns:
        The tree in physical units, each in the dtype of its control where that is floating. 0 gives
        exactly `low`; outside [0, 1] the map extrapolates.
    """
    _check_structure(controls, ranges, "controls")
    return jax.tree.map(_setting, ranges, controls, is_leaf=_is_range)


def _setting(limits: Any, control: Any) -> jax.Array:
    control = jnp.asarray(control)
    width, low = (_as_precise(v, control) for v in (limits.high - limits.low, limits.low))
    return control * width + low


def _as_precise(limit: ArrayLike, value: jax.Array) -> ArrayLike:
    """`limit` in the dtype of `value`: NumPy's limits are double, and would make it double."""
    return jnp.asarray(limit, value.dtype) if jnp.issubdtype(value.dtype, jnp.floating) else limit


def normalize(settings: Tree, ranges: Tree) -> Tree:
    """Map physical settings to controls, the inverse of `denormalize`.

    Controls have the dtype of their settings where that is floating. Where `low` equals `high`,
    every setting gives control 0, with zero gradient.
    """
    _check_structure(settings, ranges, "settings")
    return jax.tree.map(_control, ranges, settings, is_leaf=_is_range)


def _control(limits: Any, setting: Any) -> jax.Array:
    width = limits.high - limits.low
    empty = width == 0
    # Divided by 1 where there is no width: a gradient passes through the branch not taken as well.
    setting = jnp.asarray(setting)
    low, divisor = (_as_precise(v, setting) for v in (limits.low, width + empty))
    return jnp.where(empty, 0, (setting - low) / divisor)

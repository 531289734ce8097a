"""Checks of arguments: structures, shapes, dtypes, choices and static numbers.

Each raises a `ValueError` that names the argument, its value and what is expected. Nothing here
looks at the values inside an array, so every check works while tracing and costs nothing after.

Checks of audio return it as a JAX array, in the precision that JAX computes in: NumPy's float64, as
audio files are often read, becomes float32 unless `jax.enable_x64` is set.
"""

import math
from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


def check_audio(x: ArrayLike, name: str = "x", channels: int | None = None) -> jax.Array:
    """Require floating-point audio of shape (channels, time), with `channels` channels if given."""
    shape = np.shape(x)
    wanted = "channels" if channels is None else str(channels)
    if len(shape) != 2 or (channels is not None and shape[0] != channels):
        raise ValueError(f"{name} has shape {shape}; expected ({wanted}, time)")
    if 0 in shape:
        raise ValueError(f"{name} has shape {shape}; expected at least one channel and one sample")
    return check_floating(x, name)


def check_mono_or_stereo(x: ArrayLike) -> jax.Array:
    """Require floating-point audio of shape (1, time) or (2, time)."""
    x = check_audio(x)
    if x.shape[0] > 2:
        raise ValueError(f"x has shape {x.shape}; expected 1 or 2 channels")
    return x


def check_floating(x: ArrayLike, name: str) -> jax.Array:
    """Require float32 or float64: FFTs have no shorter floats, and recursions drown in theirs."""
    if not hasattr(x, "dtype"):
        raise ValueError(f"{name} is of type {type(x).__name__}; expected an array")
    if x.dtype not in (jnp.float32, jnp.float64):
        raise ValueError(f"{name} has dtype {x.dtype}; expected floating point, 32 or 64 bits")
    return jnp.asarray(x)


def check_numbers(value: ArrayLike, shape: tuple[int, ...], name: str) -> None:
    """Require real numbers of exactly the shape `shape`."""
    check_shape(value, shape, name)
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    if not any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer)):
        raise ValueError(f"{name} is {value!r}; expected {'an array of ' if shape else ''}numbers")


def check_shape(x: ArrayLike, shape: tuple[int, ...], name: str) -> None:
    """Require exactly the shape `shape`."""
    if np.shape(x) != shape:
        raise ValueError(f"{name} has shape {np.shape(x)}; expected {shape}")


def check_broadcast(**arrays: ArrayLike) -> None:
    """Require that the named arrays broadcast against each other."""
    try:
        np.broadcast_shapes(*map(np.shape, arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {np.shape(array)}" for name, array in arrays.items())
        raise ValueError(f"shapes are {shapes}; expected some that broadcast") from error


def check_params(params: Any, kind: type[tuple[Any, ...]], shape: tuple[int, ...] = ()) -> None:
    """Require settings of the NamedTuple `kind`, each a real array of `shape`."""
    check_kind(params, kind, "params")
    for field, value in zip(kind._fields, params, strict=True):  # type: ignore[attr-defined]
        check_numbers(value, shape, f"params.{field}")


def check_state(state: Any, silence: Any, name: str = "state") -> None:
    """Require the structure, shapes and dtypes of `silence`, a state before the first sample."""
    if isinstance(silence, tuple):
        check_kind(state, type(silence), name)
        for field, value, zero in zip(silence._fields, state, silence, strict=True):  # type: ignore[attr-defined]
            check_state(value, zero, f"{name}.{field}")
        return
    check_numbers(state, silence.shape, name)
    if jnp.result_type(state) != silence.dtype:
        raise ValueError(f"{name} has dtype {jnp.result_type(state)}; expected {silence.dtype}")


def check_kind(value: Any, kind: type, name: str) -> None:
    """Require an instance of `kind`."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} is of type {type(value).__name__}; expected {kind.__name__}")


def check_sample_rate(sample_rate: float) -> None:
    """Require a positive, finite Python number of samples per second."""
    if not _is_number(sample_rate) or not 0 < sample_rate < math.inf:
        raise ValueError(f"sample_rate is {sample_rate!r}; expected a positive number of Hz")


def check_number(value: float, name: str, low: float = -math.inf) -> None:
    """Require a finite Python or NumPy number of at least `low`."""
    if not _is_number(value) or not math.isfinite(value) or not low <= value:
        raise ValueError(f"{name} is {value!r}; expected a finite number{_bounds(low)}")


def check_count(value: int, name: str, low: int = 1, high: float = math.inf) -> None:
    """Require a whole Python or NumPy number in [low, high]."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; expected a whole number{_bounds(low, high)}")


def _bounds(low: float, high: float = math.inf) -> str:
    if high < math.inf:
        return f" from {low} to {high}"
    return "" if low == -math.inf else f" of at least {low}"


def _is_number(value: object) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool)


def check_choice(value: str, choices: Collection[str], name: str) -> None:
    """Require one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, choices))}")

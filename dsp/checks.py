"""Checks of static arguments: shapes, dtypes, choices and Python numbers.

Each raises a `ValueError` that names the argument, its value and what is expected. Nothing here
looks at the values inside an array, so every check works while tracing and costs nothing after.
"""

from collections.abc import Collection

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


def check_audio(x: ArrayLike, name: str = "x", channels: int | None = None) -> None:
    """Require floating-point audio of shape (channels, time), with `channels` channels if given."""
    shape = np.shape(x)
    wanted = "channels" if channels is None else str(channels)
    if len(shape) != 2 or (channels is not None and shape[0] != channels):
        raise ValueError(f"{name} has shape {shape}; expected ({wanted}, time)")
    if shape[1] == 0:
        raise ValueError(f"{name} has shape {shape}; expected at least one sample")
    check_floating(x, name)


def check_floating(x: ArrayLike, name: str) -> None:
    """Require an array of a real floating-point dtype."""
    dtype = jnp.result_type(x)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"{name} has dtype {dtype}; expected floating point")


def check_shape(x: ArrayLike, shape: tuple[int, ...], name: str) -> None:
    """Require exactly the shape `shape`."""
    if np.shape(x) != shape:
        raise ValueError(f"{name} has shape {np.shape(x)}; expected {shape}")


def check_sample_rate(sample_rate: float) -> None:
    """Require a positive, finite Python number of samples per second."""
    check_number(sample_rate, "sample_rate")
    if not 0 < sample_rate < np.inf:
        raise ValueError(f"sample_rate is {sample_rate}; expected a positive number of Hz")


def check_number(value: float, name: str, low: float = -np.inf, high: float = np.inf) -> None:
    """Require a real Python or NumPy number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{name} is {value!r}; expected a Python number")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; expected a number in [{low}, {high}]")


def check_choice(value: str, choices: Collection[str], name: str) -> None:
    """Require one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, choices))}")

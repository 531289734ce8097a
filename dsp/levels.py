"""Gain, and buses that sum tracks."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from dsp.checks import check_audio, check_floating, check_numbers
from dsp.numerics import EXACT, db_to_gain


def gain(x: jax.Array, gain_db: ArrayLike) -> jax.Array:
    """Change the level of audio: `y = x 10^(gain_db / 20)`.

    Args:
        x: (channels, time).
        gain_db: scalar. 0 dB is the identity.

    Returns:
        (channels, time).
    """
    x = check_audio(x)
    check_numbers(gain_db, (), "gain_db")
    return x * db_to_gain(gain_db).astype(x.dtype)


def stereo_bus(x: jax.Array, send_db: ArrayLike) -> jax.Array:
    """Sum stereo tracks into one bus, each at its own send level.

    Args:
        x: (tracks, 2, time).
        send_db: (tracks,), dB; 0 dB sends a track as it is.

    Returns:
        (2, time).

    Raises:
        ValueError: wrong shapes or an integer dtype.
    """
    if np.ndim(x) != 3 or np.shape(x)[1] != 2:
        raise ValueError(f"x has shape {np.shape(x)}; expected (tracks, 2, time)")
    x = check_floating(x, "x")
    check_numbers(send_db, x.shape[:1], "send_db")
    return jnp.einsum("nct,n->ct", x, db_to_gain(send_db).astype(x.dtype), precision=EXACT)

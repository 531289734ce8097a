"""The stereo field: panning, mid/side, width."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from dsp.checks import check_audio, check_choice, check_floating, check_numbers, check_shape

CENTRE = 0.5
"""The position in the middle."""

PAN_LAWS = ("constant_power", "compromise", "linear")

# Below this a pan gain is zero, and the square root in the compromise law keeps a finite slope.
_MIN_PAN_POWER = 1e-12


def pan(x: jax.Array, position: ArrayLike, *, law: str = "constant_power") -> jax.Array:
    """Place a mono signal between two loudspeakers.

    Args:
        x: (1, time).
        position: scalar in [0, 1]; 0 left, 0.5 centre, 1 right.
        law: gains of left and right at position p:
            `"constant_power"`: cos(p pi/2), sin(p pi/2); -3 dB at the centre, L^2 + R^2 = 1.
            `"linear"`: 1 - p, p; -6 dB at the centre, L + R = 1.
            `"compromise"`: the geometric mean of the two; -4.5 dB at the centre (dasp-pytorch's).

    Returns:
        (2, time). In the compromise law the gradient to `position` is 0 at the exact ends, where
        the law's slope is infinite.

    Raises:
        ValueError: `x` is not mono floating point, or an unknown law.
    """
    x = check_audio(x, channels=1)
    check_numbers(position, (), "position")
    return x * pan_gains(position, law=law).astype(x.dtype)[:, None]


def pan_gains(position: ArrayLike, *, law: str = "constant_power") -> jax.Array:
    """The two gains of `pan`, (2,)."""
    check_choice(law, PAN_LAWS, "law")
    p = jnp.asarray(position)
    angle = p * (np.pi / 2)
    # sin of the mirrored angle rather than cos, so that hard left and hard right mirror exactly.
    circular = jnp.stack([jnp.sin(np.pi / 2 - angle), jnp.sin(angle)])
    linear = jnp.stack([1 - p, p])
    if law == "constant_power":
        return circular
    if law == "linear":
        return linear
    power = circular * linear
    return jnp.where(power > _MIN_PAN_POWER, jnp.sqrt(jnp.maximum(power, _MIN_PAN_POWER)), 0)


def pair_positions(position: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Pan positions for the left and the right channel of a stereo track that is panned as one.

    Args:
        position: where the pair leans, 0 left to 1 right, any shape.

    Returns:
        `max(0, 2 p - 1)` and `min(1, 2 p)`: hard left and right for a pair in the centre; towards a
        side the far channel follows and the near one stays, so that the image is kept while it can.
    """
    lean = jnp.asarray(position)
    return jnp.maximum(0.0, 2 * lean - 1), jnp.minimum(1.0, 2 * lean)


def pair_mean(x: ArrayLike, side: ArrayLike) -> jax.Array:
    """Give both channels of every stereo track the mean of theirs.

    Args:
        x: (tracks, ...), whatever each mono track or channel has.
        side: (tracks,) -1 for the left and 1 for the right channel of a stereo track, the right one
            next after the left; 0 for a mono track, which keeps exactly what it has.

    Returns:
        An array like `x`.

    Raises:
        ValueError: wrong shapes, or `x` is not floating point.
    """
    x = check_floating(x, "x")
    if not x.ndim:
        raise ValueError("x has shape (); expected (tracks, ...)")
    check_shape(side, x.shape[:1], "side")
    partner = jnp.arange(len(x)) - jnp.asarray(side).astype(int)
    return 0.5 * (x + x[partner])


def mid_side(x: jax.Array) -> jax.Array:
    """Left/right to mid/side or back, (2, time): `(a + b) / sqrt 2, (a - b) / sqrt 2`.

    Orthogonal and its own inverse, so it keeps the energy.
    """
    x = check_audio(x, channels=2)
    return jnp.stack([x[0] + x[1], x[0] - x[1]]) * np.asarray(np.sqrt(0.5), x.dtype)


def stereo_widener(x: jax.Array, width: ArrayLike) -> jax.Array:
    """Trade the mid signal against the side signal.

    Mid is scaled by `2 (1 - width)` and side by `2 width`.

    Args:
        x: (2, time).
        width: scalar in [0, 1]; 0 is mono, 0.5 the identity within rounding, 1 the side alone.

    Returns:
        (2, time).
    """
    x = check_audio(x, channels=2)
    check_numbers(width, (), "width")
    width = jnp.asarray(width, x.dtype)
    mid = (x[0] + x[1]) * (1 - width)
    side = (x[0] - x[1]) * width
    return jnp.stack([mid + side, mid - side])

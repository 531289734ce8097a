"""K-weighting, the filter in front of loudness: a high shelf (the head) and a high pass (the ear).

The filter is exact and runs in blocks, as those of `dsp.state_space` do; being a constant, it is
designed once, in float64. Measured difference from a float64 filter: 1e-6 of full scale.
"""

import functools
import math
from typing import overload

import jax
import jax.numpy as jnp
import numpy as np

from dsp.checks import check_audio, check_choice, check_number, check_state
from dsp.numerics import EXACT, matmul
from dsp.state_space import block_states

VARIANTS = ("pyloudnorm", "itu")
LOWEST_SAMPLE_RATE = 8000  # below, the shelf at 1.5 kHz leaves no room for the band above it
CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)  # left, right, centre, left and right surround

# Samples per block, and states of the filter.
BLOCK, ORDER = 64, 4
# 2^20 samples of impulse response: far beyond its end.
COVARIANCE_DOUBLINGS = 20

COOKBOOK_SHELF = {"gain_db": 4.0, "frequency_hz": 1500.0, "q_factor": math.sqrt(0.5)}
COOKBOOK_HIGH_PASS = {"frequency_hz": 38.0, "q_factor": 0.5}
# Analogue prototype behind the coefficients that BS.1770 prints for 48 kHz, to 1e-8.
ITU_SHELF = {"gain_db": 3.999843853973347, "frequency_hz": 1681.974450955533}
ITU_SHELF_Q, ITU_SHELF_BAND_EXPONENT = 0.7071752369554196, 0.4996667741545416
ITU_HIGH_PASS = {"frequency_hz": 38.13547087602444, "q_factor": 0.5003270373238773}


def k_weighting_sos(*, sample_rate: float, variant: str = "pyloudnorm") -> np.ndarray:
    """Return the K-weighting filter as float64 second-order sections `(2, 6)`.

    Raises:
        ValueError: if `variant` is unknown or `sample_rate` is below 8000 Hz (the shelf at
            1.5 kHz needs room below half the sample rate).
    """
    check_choice(variant, VARIANTS, "variant")
    check_number(sample_rate, "sample_rate", LOWEST_SAMPLE_RATE)
    if variant == "itu":
        return np.stack([_itu_shelf(sample_rate), _itu_high_pass(sample_rate)])
    return np.stack([_cookbook_shelf(sample_rate), _cookbook_high_pass(sample_rate)])


def _cookbook_shelf(sample_rate: float) -> np.ndarray:
    """High shelf of the audio EQ cookbook (Bristow-Johnson)."""
    amplitude = 10.0 ** (COOKBOOK_SHELF["gain_db"] / 40.0)
    omega = 2.0 * math.pi * COOKBOOK_SHELF["frequency_hz"] / sample_rate
    skirt = math.sqrt(amplitude) * math.sin(omega) / COOKBOOK_SHELF["q_factor"]
    more, less, cosine = amplitude + 1.0, amplitude - 1.0, math.cos(omega)
    b = amplitude * np.array(
        [more + less * cosine + skirt, -2 * (less + more * cosine), more + less * cosine - skirt]
    )
    a = np.array(
        [more - less * cosine + skirt, 2 * (less - more * cosine), more - less * cosine - skirt]
    )
    return np.concatenate([b, a]) / a[0]


def _cookbook_high_pass(sample_rate: float) -> np.ndarray:
    """High pass of the audio EQ cookbook (Bristow-Johnson)."""
    omega = 2.0 * math.pi * COOKBOOK_HIGH_PASS["frequency_hz"] / sample_rate
    alpha = math.sin(omega) / (2.0 * COOKBOOK_HIGH_PASS["q_factor"])
    edge = (1.0 + math.cos(omega)) / 2.0
    b = np.array([edge, -2.0 * edge, edge])
    a = np.array([1.0 + alpha, -2.0 * math.cos(omega), 1.0 - alpha])
    return np.concatenate([b, a]) / a[0]


def _itu_shelf(sample_rate: float) -> np.ndarray:
    """Bilinear transform of `(V s^2 + V^e s / Q + 1) / (s^2 + s / Q + 1)`, prewarped."""
    warped = math.tan(math.pi * ITU_SHELF["frequency_hz"] / sample_rate)
    high = 10.0 ** (ITU_SHELF["gain_db"] / 20.0)
    band = high**ITU_SHELF_BAND_EXPONENT * warped / ITU_SHELF_Q
    square, damping = warped * warped, warped / ITU_SHELF_Q
    b = np.array([high + band + square, 2 * (square - high), high - band + square])
    a = np.array([1 + damping + square, 2 * (square - 1), 1 - damping + square])
    return np.concatenate([b, a]) / a[0]


def _itu_high_pass(sample_rate: float) -> np.ndarray:
    """Bilinear transform of the high pass; BS.1770 leaves its numerator at 1, -2, 1."""
    warped = math.tan(math.pi * ITU_HIGH_PASS["frequency_hz"] / sample_rate)
    square, damping = warped * warped, warped / ITU_HIGH_PASS["q_factor"]
    a = np.array([1 + damping + square, 2 * (square - 1), 1 - damping + square])
    return np.concatenate([[1.0, -2.0, 1.0], a / a[0]])


@overload
def k_weighting(
    x: jax.Array, *, sample_rate: float, variant: str = ..., state: None = ...
) -> jax.Array: ...
@overload
def k_weighting(
    x: jax.Array, *, sample_rate: float, variant: str = ..., state: jax.Array
) -> tuple[jax.Array, jax.Array]: ...
def k_weighting(
    x: jax.Array,
    *,
    sample_rate: float,
    variant: str = "pyloudnorm",
    state: jax.Array | None = None,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Filter each channel by the K-weighting curve (exact IIR), `(channels, time)`.

    Args:
        x: signal, `(channels, time)`.
        sample_rate: samples per second, at least 8000.
        variant: `"pyloudnorm"` or `"itu"`, see `dsp.loudness`.
        state: `k_weighting_state(x)` or the previous chunk's.

    Returns:
        y `(channels, time)`; with `state`, the pair (y, state after the last sample).

    Raises:
        ValueError: if a shape does not fit or a static argument is out of its domain.
    """
    x = check_channels(x)
    check_number(sample_rate, "sample_rate", LOWEST_SAMPLE_RATE)
    block = _constant_block(sample_rate, variant)
    channels, time = x.shape
    start = k_weighting_state(x) if state is None else state
    check_state(start, k_weighting_state(x))
    count = -(-time // BLOCK)
    inputs = jnp.pad(x, ((0, 0), (0, count * BLOCK - time))).reshape(channels, count, BLOCK)
    from_input, from_state, remember, advance = (jnp.asarray(m, x.dtype) for m in block)
    drive = jnp.einsum("ckl,nl->ckn", inputs[:, :-1], remember, precision=EXACT)
    states = block_states(advance, drive, start)
    y = jnp.einsum(
        "ckj,lj->ckl",
        jnp.concatenate([inputs, states], axis=-1),
        jnp.concatenate([from_input, from_state], axis=-1),
        precision=EXACT,
    )
    y = y.reshape(channels, -1)[:, :time]
    if state is None:
        return y
    # The last block may be shorter: what so many samples remember.
    rest = time - (count - 1) * BLOCK
    tail = _constant_block(sample_rate, variant, rest)
    remember, advance = (jnp.asarray(m, x.dtype) for m in tail[2:])
    last = states[:, -1]
    heard = matmul(inputs[:, -1, :rest], remember.T)
    return y, last + matmul(last, advance.T) + heard


def k_weighting_state(x: jax.Array) -> jax.Array:
    """Return the state of silence before `x` (channels, time): zeros, `(channels, 4)`."""
    x = check_channels(x)
    return jnp.zeros((x.shape[0], ORDER), x.dtype)


@functools.cache
def _constant_block(
    sample_rate: float, variant: str, length: int = BLOCK
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What `length` samples do, as float64 matrices: y = H x + Q s, s' = s + (A^L - I) s + P x.

    The filter is a constant, so its matrices are, too; and its states can be scaled to unit
    covariance for white input, which leaves nothing for float32 to lose.
    """
    a, b, c, d = _state_space(k_weighting_sos(sample_rate=sample_rate, variant=variant))
    covariance, power = np.outer(b, b), a
    for _ in range(COVARIANCE_DOUBLINGS):
        covariance, power = covariance + power @ covariance @ power.T, power @ power
    scale = np.linalg.cholesky(covariance)
    a, b, c = np.linalg.solve(scale, a @ scale), np.linalg.solve(scale, b), c @ scale
    powers = [np.eye(ORDER)]
    for _ in range(length):
        powers.append(a @ powers[-1])
    observe = np.stack([c @ p for p in powers[:-1]])
    remember = np.stack([p @ b for p in powers[-2::-1]], axis=1)
    impulse = np.concatenate([[d], observe[:-1] @ b])
    lag = np.arange(length)[:, None] - np.arange(length)
    toeplitz = np.where(lag >= 0, impulse[np.maximum(lag, 0)], 0.0)
    return toeplitz, observe, remember, powers[-1] - np.eye(ORDER)


def _state_space(sos: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A, B, C, D of two sections in series (transposed direct form II)."""
    sections = []
    for b0, b1, b2, _, a1, a2 in sos:
        own = np.array([[-a1, 1.0], [-a2, 0.0]])
        sections.append((own, np.array([b1 - a1 * b0, b2 - a2 * b0]), b0))
    (a1, b1, d1), (a2, b2, d2) = sections
    heard = np.array([1.0, 0.0])
    a = np.block([[a1, np.zeros((2, 2))], [np.outer(b2, heard), a2]])
    return a, np.concatenate([b1, b2 * d1]), np.concatenate([d2 * heard, heard]), d1 * d2


def check_channels(x: jax.Array) -> jax.Array:
    """Require audio of one to five channels."""
    x = check_audio(x)
    if x.shape[0] > len(CHANNEL_WEIGHTS):
        raise ValueError(f"x has shape {x.shape}; expected at most {len(CHANNEL_WEIGHTS)} channels")
    return x

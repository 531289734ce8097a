"""Reverberation by a feedback delay network.

N delay lines feed each other through an orthogonal matrix U, which loses no energy; what decays is
decided by one filter per line alone:

    lines' outputs   a_i[n] = (A_i * s_i)[n - m_i]
    lines' inputs    s_i[n] = sum_j U_ij a_j[n] + (input gains x)[n]
    wet signal       y = (output gains a)[n]

`|A_i(f)| = 10^(-3 m_i / (fs T(f)))` makes every path decay by 60 dB in `T(f)` seconds (J.-M. Jot,
A. Chaigne, "Digital delay networks for designing artificial reverberators", 1991). Here T is given
in three bands, joined by first-order shelves.

No sample is heard again before the shortest delay has passed, so the network advances in blocks of
that length: a few hundred steps for seconds of audio, each made of matrix products.
"""

import math
from typing import NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dsp.biquad import prewarped
from dsp.checks import (
    check_audio,
    check_count,
    check_mono_or_stereo,
    check_params,
    check_sample_rate,
    check_state,
)
from dsp.numerics import matmul
from dsp.ranges import Range
from dsp.recurrence import linear_recurrence

# The default lines: their number, a power of two, and the shortest and the longest.
LINES = 16
SHORTEST_MS, LONGEST_MS = 15.0, 80.0


class NetworkReverbParams(NamedTuple):
    """Settings of `feedback_delay_network`, scalars; neutral at `mix` 0."""

    low_time_s: jax.Array  # seconds in which low frequencies decay by 60 dB, > 0
    mid_time_s: jax.Array
    high_time_s: jax.Array
    low_crossover_hz: jax.Array  # > 0; from 0.499 of the sample rate on it counts as that
    high_crossover_hz: jax.Array  # likewise
    mix: jax.Array  # 0 dry to 1 wet: (1 - mix) x + mix wet


NETWORK_REVERB_RANGES = NetworkReverbParams._make(
    [
        Range(0.1, 10.0),
        Range(0.1, 10.0),
        Range(0.1, 10.0),
        Range(50.0, 1000.0),
        Range(1000.0, 12000.0),
        Range(0.0, 1.0),
    ]
)


class NetworkState(NamedTuple):
    """Memory of the network: all zeros at the start (`network_state`)."""

    lines: jax.Array  # (lines, longest delay): what comes out of each line, next sample first
    filters: jax.Array  # (2, lines)


class _Shelf(NamedTuple):
    """First-order sections `y[n] = direct x[n] + drive r[n - 1]`, `r` the leaky sum of `x`."""

    leak: jax.Array  # (lines,), r[n] = x[n] + (1 - leak) r[n - 1]
    direct: jax.Array
    drive: jax.Array


def default_delays(*, sample_rate: float) -> tuple[int, ...]:
    """Return 16 prime delays in samples, spread geometrically from 15 to 80 ms.

    Primes share no divisor, so that echoes of different lines coincide as late as possible.
    """
    check_sample_rate(sample_rate)
    ends = (SHORTEST_MS * 1e-3 * sample_rate, LONGEST_MS * 1e-3 * sample_rate)
    delays: list[int] = []
    for target in np.geomspace(*ends, LINES):
        candidate = max(2, round(target), delays[-1] + 1 if delays else 2)
        while any(candidate % divisor == 0 for divisor in range(2, math.isqrt(candidate) + 1)):
            candidate += 1
        delays.append(candidate)
    return tuple(delays)


@overload
def feedback_delay_network(
    x: jax.Array,
    params: NetworkReverbParams,
    *,
    sample_rate: float,
    delays: tuple[int, ...] | None = ...,
    state: None = ...,
) -> jax.Array: ...
@overload
def feedback_delay_network(
    x: jax.Array,
    params: NetworkReverbParams,
    *,
    sample_rate: float,
    delays: tuple[int, ...] | None = ...,
    state: NetworkState,
) -> tuple[jax.Array, NetworkState]: ...
def feedback_delay_network(
    x: jax.Array,
    params: NetworkReverbParams,
    *,
    sample_rate: float,
    delays: tuple[int, ...] | None = None,
    state: NetworkState | None = None,
) -> jax.Array | tuple[jax.Array, NetworkState]:
    """Add the reverberation of a feedback delay network, stereo.

    The left channel enters and leaves by the even lines, the right by the odd ones; the matrix (a
    scaled Hadamard matrix) mixes both. The wet signal starts after the shortest delay.

    Args:
        x: `(1, time)` or `(2, time)`; mono goes to both channels.
        params: settings.
        sample_rate: samples per second.
        delays: length of each line in samples; their number is a power of two, at least 2. None
            is 16 primes from 15 to 80 ms.
        state: from `network_state` or from the previous chunk.

    Returns:
        y `(2, time)`, without the tail beyond `time`; with `state`, the pair (y, state after the
        last sample).

    Raises:
        ValueError: wrong shapes or dtype, or delays out of their domain.
    """
    x = check_mono_or_stereo(x)
    check_params(params, NetworkReverbParams)
    delays = _check_delays(delays, sample_rate)
    stereo = jnp.broadcast_to(x, (2, x.shape[1]))
    settings = NetworkReverbParams(*(jnp.asarray(value, x.dtype) for value in params))
    silence = network_state(x, sample_rate=sample_rate, delays=delays)
    initial = silence if state is None else state
    check_state(initial, silence)
    filters = _decay_filters(settings, np.asarray(delays, x.dtype), sample_rate)
    # Whole blocks only, where nobody asks for the state at the end: half the program to compile.
    padding = -x.shape[1] % min(delays) if state is None else 0
    wet, final = _run(jnp.pad(stereo, ((0, 0), (0, padding))), filters, delays, initial)
    y = (1 - settings.mix) * stereo + settings.mix * wet[:, : x.shape[1]]
    return y if state is None else (y, final)


def network_state(
    x: jax.Array, *, sample_rate: float, delays: tuple[int, ...] | None = None
) -> NetworkState:
    """Return the state of silence before `x` (channels, time)."""
    x = check_audio(x)
    delays = _check_delays(delays, sample_rate)
    lines = jnp.zeros((len(delays), max(delays)), x.dtype)
    return NetworkState(lines, jnp.zeros((2, len(delays)), x.dtype))


def _run(
    x: jax.Array, filters: tuple[_Shelf, _Shelf], delays: tuple[int, ...], state: NetworkState
) -> tuple[jax.Array, NetworkState]:
    """Advance the network by blocks of the shortest delay, then by what is left."""
    time, block = x.shape[1], min(delays)
    whole = time // block * block

    def step(state: NetworkState, new: jax.Array) -> tuple[NetworkState, jax.Array]:
        return _advance(new, filters, delays, state)

    blocks = jnp.swapaxes(x[:, :whole].reshape(2, -1, block), 0, 1)
    state, wet = lax.scan(step, state, blocks)
    wet = jnp.swapaxes(wet, 0, 1).reshape(2, whole)
    if whole < time:
        state, rest = _advance(x[:, whole:], filters, delays, state)
        wet = jnp.concatenate([wet, rest], axis=1)
    return wet, state


def _advance(
    x: jax.Array, filters: tuple[_Shelf, _Shelf], delays: tuple[int, ...], state: NetworkState
) -> tuple[NetworkState, jax.Array]:
    """Run x (2, time), at most the shortest delay: all that the lines give is known before."""
    time, longest, lines = x.shape[1], max(delays), len(delays)
    shelved, low_state = _apply(filters[0], state.lines[:, :time], state.filters[0])
    decayed, high_state = _apply(filters[1], shelved, state.filters[1])
    entering = matmul(jnp.asarray(_hadamard(lines), x.dtype), decayed)
    entering += matmul(jnp.asarray(_input_gains(lines), x.dtype), x)
    # Placing new samples by padding, not by index: its reverse is a slice instead of a scatter.
    places = [(delay - time, longest - delay) for delay in delays]
    new = jnp.stack([jnp.pad(entering[i], place) for i, place in enumerate(places)])
    memory = new + jnp.pad(state.lines[:, time:], ((0, 0), (0, time)))
    wet = matmul(jnp.asarray(_output_gains(lines), x.dtype), decayed)
    return NetworkState(memory, jnp.stack([low_state, high_state])), wet


def _decay_filters(
    params: NetworkReverbParams, delays: np.ndarray, sample_rate: float
) -> tuple[_Shelf, _Shelf]:
    """The attenuation of each line: a low shelf, and a high shelf that holds the overall gain."""
    low_corner, high_corner = (
        prewarped(hz, sample_rate=sample_rate)
        for hz in (params.low_crossover_hz, params.high_crossover_hz)
    )
    times = (params.low_time_s, params.mid_time_s, params.high_time_s)
    # Natural logarithm of the gain that one pass through the line must have in each band.
    low, mid, high = (-math.log(1000.0) / sample_rate * delays / t for t in times)
    low_shelf = _low_shelf(low_corner, jnp.exp((low - mid) / 2))
    high_shelf = _high_shelf(high_corner, jnp.exp((high - mid) / 2))
    gain = jnp.exp(mid)
    return low_shelf, high_shelf._replace(
        direct=gain * high_shelf.direct, drive=gain * high_shelf.drive
    )


def _low_shelf(corner: jax.Array, root: jax.Array) -> _Shelf:
    """`(s + root w) / (s + w / root)`: gain `root^2` at 0 Hz, 1 at high frequencies."""
    scale = 1 / (1 + corner / root)
    direct, leak = (1 + corner * root) * scale, 2 * corner / root * scale
    return _Shelf(leak, direct, leak * (root**2 - direct))


def _high_shelf(corner: jax.Array, root: jax.Array) -> _Shelf:
    """`(w + root s) / (w + s / root)`: gain 1 at 0 Hz, `root^2` at high frequencies."""
    scale = 1 / (corner + 1 / root)
    direct, leak = (corner + root) * scale, 2 * corner * scale
    return _Shelf(leak, direct, leak * (1 - direct))


def _apply(shelf: _Shelf, x: jax.Array, state: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Filter every line: x (lines, time), state (lines,) is `r` before the first sample."""
    leak = jnp.broadcast_to(shelf.leak[:, None], x.shape)
    r = jax.vmap(linear_recurrence)(leak, x.at[:, 0].add((1 - shelf.leak) * state))
    before = jnp.concatenate([state[:, None], r[:, :-1]], axis=1)
    return shelf.direct[:, None] * x + shelf.drive[:, None] * before, r[:, -1]


def _hadamard(lines: int) -> np.ndarray:
    """Orthogonal matrix of equal magnitudes (Sylvester's construction)."""
    matrix = np.ones((1, 1))
    while matrix.shape[0] < lines:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix / math.sqrt(lines)


def _input_gains(lines: int) -> np.ndarray:
    """Left to the even lines, right to the odd ones, energy kept: `(lines, 2)`."""
    return np.tile(np.eye(2), (lines // 2, 1)) / math.sqrt(lines / 2)


def _output_gains(lines: int) -> np.ndarray:
    """Even lines to the left, odd ones to the right, with alternating signs: `(2, lines)`.

    With gains of 1 the wet signal is about as loud as the dry one at a decay of 1.5 s.
    """
    signs = np.where(np.arange(lines) // 2 % 2, -1.0, 1.0)
    return np.tile(np.eye(2), lines // 2) * signs


def _check_delays(delays: tuple[int, ...] | None, sample_rate: float) -> tuple[int, ...]:
    if delays is None:
        return default_delays(sample_rate=sample_rate)
    check_sample_rate(sample_rate)
    count = np.size(delays)
    if count < 2 or count & (count - 1):
        raise ValueError(f"delays has {count} entries; expected a power of two, at least 2")
    for delay in delays:
        check_count(delay, "delays")
    return delays

"""Loudness and true peak after ITU-R BS.1770 and EBU Tech 3341 and 3342.

Everything is differentiable and has finite values and gradients at silence. Gates are decisions:
gradients flow through the blocks that pass, none through the threshold.

Two variants of the measure, as the static argument `variant`:

- `"pyloudnorm"` (default) equals the Python package that the research literature quotes, within
  1e-4 LU: both weighting stages are the audio cookbook's filters, the last gating block may be
  incomplete (its missing samples count as 0).
- `"itu"` is the letter of BS.1770-4: the published filter at 48 kHz and its bilinear equivalent at
  other rates, complete blocks only. It reads 0.05 LU more than `"pyloudnorm"` at 44100 Hz, half of
  what a meter is allowed to err; files of a few seconds can differ by more, in either direction,
  when sound begins or ends within the last block.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dsp.checks import check_choice, check_count, check_number, check_sample_rate
from dsp.numerics import matmul
from dsp.resampling import upsample
from dsp.spectral import frame
from dsp.weighting import CHANNEL_WEIGHTS, VARIANTS, check_channels, k_weighting

# BS.1770-4, section 2: loudness = OFFSET_DB + 10 log10(weighted mean square).
OFFSET_DB = -0.691
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
MOMENTARY_S, SHORT_TERM_S = 0.4, 3.0
HOP_S = 0.1

# EBU Tech 3342.
RANGE_GATE_LU = -20.0
RANGE_PERCENTILES = (10.0, 95.0)
# pyloudnorm's loudness range takes 97 % overlap of 3 s and appends the silence that the standard
# asks for at the end of a file.
PYLOUDNORM_RANGE_HOP_S = 0.09
PYLOUDNORM_RANGE_TAIL_S = 1.5

# Samples by which times may miss a whole number and still count as one.
ROUNDING = 1e-6

# What momentary and short-term loudness return for silence.
SILENCE_LUFS = -120.0
# What true_peak returns for silence.
SILENCE_DBTP = -200.0


def integrated_loudness(
    x: jax.Array, *, sample_rate: float, variant: str = "pyloudnorm"
) -> jax.Array:
    """Gated programme loudness of BS.1770-4 in LUFS.

    Blocks of 400 ms every 100 ms; the mean power of the blocks above -70 LUFS and above 10 LU
    below the mean of those. A signal with no block above the absolute gate, silence included,
    returns -70 (the gate: the lowest value this measure can take) with gradient 0.

    Args:
        x: signal, `(channels, time)`, at least 400 ms; channels in the order left, right, centre,
            left surround, right surround.
        sample_rate: samples per second, at least 8000.
        variant: `"pyloudnorm"` or `"itu"`, see `dsp.loudness`.

    Returns:
        Scalar, LUFS.

    Raises:
        ValueError: if the shape of `x` or a static argument is out of its domain.
    """
    powers = _block_powers(x, MOMENTARY_S, HOP_S, sample_rate, variant)
    audible = powers >= _power(ABSOLUTE_GATE_LUFS)
    threshold = _masked_mean(powers, audible) * 10.0 ** (RELATIVE_GATE_LU / 10.0)
    passing = audible & (powers > threshold)
    return _loudness(_masked_mean(powers, passing), ABSOLUTE_GATE_LUFS)


def momentary_loudness(
    x: jax.Array, *, sample_rate: float, hop_s: float = HOP_S, variant: str = "pyloudnorm"
) -> jax.Array:
    """Ungated loudness of 400 ms windows in LUFS (EBU Tech 3341), `(blocks,)`.

    Block `k` covers `k hop_s` to `k hop_s + 0.4` seconds, each rounded down to a sample. Never
    below -120 (silence), with gradient 0 there. Arguments and errors as `integrated_loudness`;
    `hop_s` is the step in seconds.
    """
    powers = _block_powers(x, MOMENTARY_S, hop_s, sample_rate, variant)
    return _loudness(powers, SILENCE_LUFS)


def short_term_loudness(
    x: jax.Array, *, sample_rate: float, hop_s: float = HOP_S, variant: str = "pyloudnorm"
) -> jax.Array:
    """Ungated loudness of 3 s windows in LUFS (EBU Tech 3341), `(blocks,)`.

    As `momentary_loudness`, of signals of at least 3 s.
    """
    powers = _block_powers(x, SHORT_TERM_S, hop_s, sample_rate, variant)
    return _loudness(powers, SILENCE_LUFS)


def loudness_range(x: jax.Array, *, sample_rate: float, variant: str = "pyloudnorm") -> jax.Array:
    """Loudness range of EBU Tech 3342 in LU.

    The distance between the 10th and the 95th percentile (linearly interpolated) of the short-term
    loudness of the blocks above -70 LUFS and above 20 LU below their mean power. The variant
    `"pyloudnorm"` steps by 90 ms and appends 1.5 s of silence, `"itu"` steps by 100 ms and appends
    nothing.

    Args:
        x: signal, `(channels, time)`, at least 3 s.
        sample_rate: samples per second, at least 8000.
        variant: `"pyloudnorm"` or `"itu"`, see `dsp.loudness`.

    Returns:
        Scalar, LU; 0 with gradient 0 if no block passes the gates.

    Raises:
        ValueError: if the shape of `x` or a static argument is out of its domain.
    """
    check_choice(variant, VARIANTS, "variant")
    hop_s = HOP_S
    if variant == "pyloudnorm":
        x = _check_duration(x, SHORT_TERM_S, sample_rate)
        hop_s = PYLOUDNORM_RANGE_HOP_S
        x = jnp.pad(x, ((0, 0), (0, int(PYLOUDNORM_RANGE_TAIL_S * sample_rate))))
    powers = _block_powers(x, SHORT_TERM_S, hop_s, sample_rate, variant)
    audible = powers >= _power(ABSOLUTE_GATE_LUFS)
    mean = _masked_mean(powers, audible)
    passing = audible & (powers >= mean * 10.0 ** (RANGE_GATE_LU / 10.0))
    # A range is a difference, so levels may be those above the mean, where floats are finer.
    relative = jnp.where(passing, powers / lax.stop_gradient(jnp.where(passing, mean, 1.0)), 1.0)
    ordered = jnp.sort(jnp.where(passing, 10.0 * jnp.log10(relative), jnp.inf))
    low, high = (_percentile(ordered, jnp.sum(passing), q) for q in RANGE_PERCENTILES)
    return jnp.where(jnp.any(passing), high - low, 0.0)


def _percentile(ordered: jax.Array, count: jax.Array, percent: float) -> jax.Array:
    """Interpolated percentile of the first `count` of ascending values; 0 if there are none."""
    last = jnp.maximum(count - 1, 0)
    position = last.astype(ordered.dtype) * (percent / 100.0)
    below = jnp.floor(position).astype(last.dtype)
    above = jnp.minimum(below + 1, last)
    finite = jnp.where(jnp.isinf(ordered), 0.0, ordered)
    part = position - below.astype(position.dtype)
    return (1.0 - part) * finite[below] + part * finite[above]


def true_peak(x: jax.Array, *, sample_rate: float, oversampling: int | None = None) -> jax.Array:
    """Highest absolute value of the band-limited signal in dBTP (BS.1770-4, annex 2).

    The largest sample after interpolation to four times the rate (twice from 88.2 kHz, unchanged
    from 176.4 kHz), by a linear-phase kernel of 65 samples that the original samples pass through
    unchanged. The reading of a sine lies at most `-20 log10 cos(pi f / rate)` too low, `rate` the
    one after interpolation: 0.17 dB at 11025 Hz and 0.55 dB at 20 kHz at 44100 Hz, 0.69 dB at
    24 kHz and 0.47 dB at 20 kHz at 96000 Hz.

    Args:
        x: signal, `(channels, time)`.
        sample_rate: samples per second; decides `oversampling`.
        oversampling: interpolation factor, to read finer (or faster) than the standard asks.

    Returns:
        Scalar, dB relative to full scale; at least -200, which silence returns with gradient 0.

    Raises:
        ValueError: if the shape of `x` or a static argument is out of its domain.
    """
    x = check_channels(x)
    check_sample_rate(sample_rate)
    if oversampling is not None:
        check_count(oversampling, "oversampling")
    else:
        oversampling = 4 if sample_rate < 88200 else 2 if sample_rate < 176400 else 1
    peak = jnp.max(jnp.abs(upsample(x, factor=oversampling)))
    silence = 10.0 ** (SILENCE_DBTP / 20.0)
    audible = peak > silence
    return jnp.where(audible, 20.0 * jnp.log10(jnp.where(audible, peak, 1.0)), SILENCE_DBTP)


def _block_powers(
    x: jax.Array, length_s: float, hop_s: float, sample_rate: float, variant: str
) -> jax.Array:
    """Channel-weighted mean square of K-weighted blocks, `(blocks,)`."""
    x = _check_duration(x, length_s, sample_rate)
    check_number(hop_s, "hop_s", 1 / sample_rate)
    length, hop = length_s * sample_rate, hop_s * sample_rate
    weighted = k_weighting(x, sample_rate=sample_rate, variant=variant)
    weights = jnp.asarray(CHANNEL_WEIGHTS[: x.shape[0]], x.dtype)
    # pyloudnorm's very operations: where half a step remains, their rounding decides.
    steps = (x.shape[-1] / sample_rate - length_s) / hop_s
    blocks = 1 + (round(steps) if variant == "pyloudnorm" else math.floor(steps + ROUNDING))
    if _is_whole(length) and _is_whole(hop):
        return _even_energies(weighted, weights, round(length), round(hop), blocks) / length
    exact = np.arange(blocks) * hop
    starts, ends = (np.floor(edge + ROUNDING).astype(int) for edge in (exact, exact + length))
    return _energies(weighted, weights, starts, ends) / length


def _is_whole(samples: float) -> bool:
    return abs(samples - round(samples)) < ROUNDING


def _even_energies(
    weighted: jax.Array, weights: jax.Array, length: int, hop: int, blocks: int
) -> jax.Array:
    """Energy of blocks every `hop` samples, `(blocks,)`; 0 after the signal."""
    end = (blocks - 1) * hop + length
    weighted = jnp.pad(weighted, ((0, 0), (0, max(0, end - weighted.shape[1]))))
    # Blocks overlap: sum the energy of short segments once, then whole segments per block. Channels
    # are added last, where there is little to add: over whole signals it takes three times as long.
    segment = math.gcd(length, hop)
    squares = jnp.square(weighted[:, :end]).reshape(weighted.shape[0], -1, segment)
    segments = matmul(weights, jnp.sum(squares, axis=-1))
    blocks_of_segments = frame(segments, length=length // segment, hop=hop // segment)
    return jnp.sum(blocks_of_segments, axis=-1)


def _energies(
    weighted: jax.Array, weights: jax.Array, starts: np.ndarray, ends: np.ndarray
) -> jax.Array:
    """Energy of blocks with starts and ends of their own, `(blocks,)`; 0 after the signal."""
    edges = np.unique(np.concatenate([starts, ends]))
    sizes = np.diff(edges)
    longest = int(np.max(sizes))
    missing = max(0, int(edges[-2]) + longest - weighted.shape[1])
    padded = jnp.pad(weighted, ((0, 0), (0, missing)))
    # Segments as above, of unequal sizes. Differences of one cumulative sum would not do: over
    # minutes in float32 it is coarser than a quiet block.
    cut = jax.vmap(lambda edge: lax.dynamic_slice_in_dim(padded, edge, longest, axis=1), out_axes=1)
    inside = jnp.arange(longest)[None] < jnp.asarray(sizes)[:, None]
    squares = jnp.where(inside[None], jnp.square(cut(jnp.asarray(edges[:-1]))), 0.0)
    segments = matmul(weights, jnp.sum(squares, axis=-1))
    first, last = np.searchsorted(edges, starts), np.searchsorted(edges, ends)
    index = first[:, None] + np.arange(np.max(last - first))
    taken = segments[np.minimum(index, sizes.size - 1)]
    return jnp.sum(jnp.where(index < last[:, None], taken, 0.0), axis=-1)


def _power(lufs: float) -> float:
    """Weighted mean square of a loudness."""
    return 10.0 ** ((lufs - OFFSET_DB) / 10.0)


def _loudness(power: jax.Array, floor_lufs: float) -> jax.Array:
    """Loudness of a weighted mean square, at least `floor_lufs`, with gradient 0 there."""
    above = power > _power(floor_lufs)
    decibels = OFFSET_DB + 10.0 * jnp.log10(jnp.where(above, power, 1.0))
    return jnp.where(above, decibels, floor_lufs)


def _masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean of the values where `mask`, 0 if there are none."""
    count = jnp.maximum(jnp.sum(mask, dtype=values.dtype), 1)
    return jnp.sum(jnp.where(mask, values, 0.0)) / count


def _check_duration(x: jax.Array, length_s: float, sample_rate: float) -> jax.Array:
    x = check_channels(x)
    check_sample_rate(sample_rate)
    if x.shape[-1] < length_s * sample_rate:
        raise ValueError(
            f"x has shape {x.shape}, {x.shape[-1] / sample_rate:.3g} s; expected at least "
            f"{length_s} s"
        )
    return x

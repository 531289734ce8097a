"""Losses that do not care how loud a mix is: bring it to one loudness first."""

import jax.numpy as jnp
from jax import Array

from dsp.loudness import ABSOLUTE_GATE_LUFS, integrated_loudness


def loudness_gain_db(audio: Array, target_lufs: float, *, sample_rate: int) -> Array:
    """Gain in dB that brings `(channels, time)` to `target_lufs`; 0 when it is silent."""
    loudness = integrated_loudness(audio, sample_rate=sample_rate)
    audible = loudness > ABSOLUTE_GATE_LUFS
    return jnp.where(audible, target_lufs - jnp.where(audible, loudness, target_lufs), 0.0)


def normalize_loudness(mix: Array, target_lufs: float, *, sample_rate: int) -> Array:
    """Scale a mix to an integrated loudness (ITU-R BS.1770-4), differentiably.

    Use it around any loss: `loss(normalize_loudness(mix, -16.0, sample_rate=rate), reference)`. The
    gradient then has no part along the level of the mix.

    Args:
        mix: audio, `(channels, time)`.
        target_lufs: loudness wanted, in LUFS.
        sample_rate: samples per second.

    Returns:
        The scaled mix, same shape. Silence (below -70 LUFS) comes back unchanged, and its gradient
        is finite.
    """
    gain_db = loudness_gain_db(mix, target_lufs, sample_rate=sample_rate)
    return mix * 10.0 ** (gain_db / 20.0)

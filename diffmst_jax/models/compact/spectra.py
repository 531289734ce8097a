"""What the compact model keeps of spectra: magnitudes in bands, and energies that signals share.

The spectra of a song are larger than the song, and on a CPU fresh memory costs more than the
transforms. So a few frames at a time are transformed, used while they lie in the cache, and
forgotten.
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from diffmst_jax.models.compact.bands import bank, style_band_hz
from diffmst_jax.models.compact.energies import shared_energy
from diffmst_jax.models.config import CompactConfig
from diffmst_jax.sharding import by_rows
from dsp.numerics import EXACT, sequential_backend
from dsp.spectral import magnitude, stft

RUN = 8  # frames at a time; of many signals more, for what they share is as large as they squared
QUIETEST = 1e-9  # of the fullest band's energy: a band with less has none


class Spectra(NamedTuple):
    """What is kept of the spectra of signals.

    Attributes:
        bands: magnitudes in the encoder's bands, `(..., signals, frames, bands)`.
        hz: where in each band of the loss the energy of a signal lies, `(..., signals, 24)`.
        energy: what the signals share, see `energies.shared_energy`, `(..., 24, signals, signals)`.
        segments: the same of equal parts of the frames, `(..., segments, 24, signals, signals)`.
        lowest: shares of the lowest band's energy near `energies.LOWEST_HZ`, `(..., signals, 6)`.
    """

    bands: Array
    hz: Array
    energy: Array
    segments: Array
    lowest: Array


def analyse(
    x: Array,
    config: CompactConfig,
    *,
    sample_rate: int,
    segments: int = 1,
    views: np.ndarray | None = None,
) -> Spectra:
    """Measure signals.

    Args:
        x: `(..., channels, time)`; what is shorter than the analysis window is padded with silence.
        config: window, step and bands.
        sample_rate: samples per second.
        segments: equal parts to measure apart.
        views: the signals as sums of the channels, `(signals, channels)`, whose spectra are the
            same sums; without it they are the channels.
    """
    missing = max(0, config.n_fft - x.shape[-1])
    padded = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)])
    measure = partial(_analyse, config=config, rate=sample_rate, segments=segments, views=views)
    return by_rows(measure)(padded)


def _analyse(
    x: Array, config: CompactConfig, rate: int, segments: int, views: np.ndarray | None
) -> Spectra:
    n_fft, hop = config.n_fft, config.hop
    frames = 1 + x.shape[-1] // hop
    length = max(RUN, x.shape[-2] // 2) if sequential_backend() else frames
    parts = [_split(part, length) for part in np.array_split(np.arange(frames), segments)]
    runs = [run for part in parts for run in part]
    widest = max(map(len, runs))
    centred = _centred(x, n_fft // 2, widest * hop)
    filters = jnp.asarray(bank(config.bands, n_fft=n_fft, sample_rate=rate))

    def transform(_: None, run: tuple[Array, Array]) -> tuple[None, tuple[Array, ...]]:
        first, count = run
        samples = (widest - 1) * hop + n_fft
        heard = lax.dynamic_slice_in_dim(centred, first * hop, samples, axis=-1)
        spectrum = stft(heard, n_fft=n_fft, hop=hop, center=False)
        if views is not None:
            spectrum = jnp.einsum("vc,...cft->...vft", views, spectrum, precision=EXACT)
        # What a run has beyond its own frames belongs to the next.
        own = jnp.where(jnp.arange(widest) < count, spectrum, 0.0)
        return None, (
            jnp.einsum("...ft,fb->...tb", magnitude(spectrum), filters),
            *shared_energy(own, n_fft=n_fft, sample_rate=rate),
        )

    firsts, counts = jnp.array([run[0] for run in runs]), jnp.array([len(run) for run in runs])
    _, (bands, energies, moments, lowest) = lax.scan(transform, None, (firsts, counts))
    places = [number * widest + np.arange(len(run)) for number, run in enumerate(runs)]
    bands = jnp.moveaxis(bands, 0, -3)
    bands = bands.reshape(*bands.shape[:-3], -1, config.bands)
    ends = np.cumsum([len(part) for part in parts])
    sums = [jnp.sum(e, axis=0) for e in jnp.split(energies, ends[:-1])]
    lengths = [sum(map(len, part)) for part in parts]
    energy = jnp.sum(jnp.stack(sums), axis=0) / frames
    level = jnp.swapaxes(jnp.diagonal(energy, axis1=-2, axis2=-1), -1, -2)
    return Spectra(
        bands=bands[..., np.concatenate(places), :],
        hz=_mean_hz(level, jnp.sum(moments, axis=0) / frames),
        energy=energy,
        segments=jnp.stack([s / n for s, n in zip(sums, lengths, strict=True)], axis=-4),
        lowest=_shares(jnp.sum(lowest, axis=0) / frames),
    )


def _centred(x: Array, half: int, beyond: int) -> Array:
    """Continue by reflection for half a window, and by silence. All in one copy."""
    before, after = x[..., half:0:-1], x[..., -2 : -half - 2 : -1]
    return jnp.concatenate([before, x, after, jnp.zeros((*x.shape[:-1], beyond), x.dtype)], axis=-1)


def _mean_hz(level: Array, moment: Array) -> Array:
    """Geometric mean of frequency by energy; the band's centre where there is none."""
    faint = QUIETEST * jnp.max(level, axis=-1, keepdims=True) + np.finfo(np.float32).tiny
    centre = jnp.broadcast_to(jnp.log(jnp.asarray(style_band_hz(), level.dtype)), level.shape)
    return jnp.exp((moment + faint * centre) / (level + faint))


def _shares(energies: Array) -> Array:
    """Shares of a sum; equal ones where there is nothing."""
    faint = np.finfo(np.float32).tiny
    whole = jnp.sum(energies, axis=-1, keepdims=True)
    return (energies + faint) / (whole + energies.shape[-1] * faint)


def _split(frames: np.ndarray, length: int) -> list[np.ndarray]:
    """As few runs of about equal length as possible, none longer than `length`."""
    return np.array_split(frames, -(-len(frames) // length))

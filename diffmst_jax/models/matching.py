"""A mix solved in a simple picture of the console: band levels that add in power.

Before any network, levels, positions and equaliser gains can be found that bring the long-term Bark
spectrum of mid and side close to the reference's. The picture: a track's band level is its measured
one plus its gain plus the equaliser's (with frequencies and Qs at rest its decibels are linear in
its gains), bands of different tracks add in power, and a pan position splits a track into mid and
side. What this leaves out (compression, tracks that are not independent, when they play) is left to
the network, which starts from the solution.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import dsp

STEPS = 60
STEP_SIZE = 0.1
MOMENTUM = 0.9
NEPERS_PER_DB = float(np.log(10.0) / 20.0)
POWER_FLOOR = 1e-6  # of a band of mid or side
PROBE_DB = 6.0  # gain at which the equaliser's response is taken as linear
LARGEST_ERROR = 2.0  # nepers; beyond it the penalty grows linearly
# Units in which the unknowns are solved and penalised: gain and equaliser in dB, pan in positions.
GAIN_DB, EQUALIZER_DB, PAN = 6.0, 3.0, 0.15
PENALTY = 0.02
BALANCE = 10.0  # weight of the stereo imbalance against the spectrum, as in the loss


class Mix(NamedTuple):
    """Settings that the picture has, of one song.

    Attributes:
        gain_db: input gains, `(tracks,)`.
        pan: positions, `(tracks,)`.
        equalizer_db: gains of the tracks' equaliser bands, `(tracks, 6)`.
        master_db: gains of the master's, `(6,)`.
    """

    gain_db: Array
    pan: Array
    equalizer_db: Array
    master_db: Array


class Heard(NamedTuple):
    """What the picture knows of the tracks of one song.

    Attributes:
        spectrum: log magnitude in each band, `(tracks, bands)`.
        energy: mean square in each band, `(tracks, bands)`.
        mask: which tracks are there, bool `(tracks,)`.
    """

    spectrum: Array
    energy: Array
    mask: Array


class Picture(NamedTuple):
    """What the picture says of a mix, and what is wanted of it.

    Attributes:
        spectrum: log magnitude of mid and side, `(2, bands)`.
        imbalance: (right - left) / (right + left) of the energies.
    """

    spectrum: Array
    imbalance: Array


def picture(tracks: Heard, mix: Mix, response: Array) -> Picture:
    """Predict the spectrum and the balance of a mix.

    Args:
        tracks: what is mixed.
        mix: settings.
        response: dB of each equaliser band per dB of gain, `(6, bands)`.
    """
    boost = mix.gain_db[:, None] + mix.equalizer_db @ response + (mix.master_db @ response)[None]
    nepers = jnp.where(tracks.mask[:, None], NEPERS_PER_DB * boost, 0.0)
    present = tracks.mask[:, None].astype(nepers.dtype)
    power = present * jnp.exp(2.0 * (tracks.spectrum + nepers))
    angle = mix.pan * (jnp.pi / 2.0)
    left, right = jnp.cos(angle), jnp.sin(angle)
    shares = jnp.stack([jnp.square(left + right), jnp.square(left - right)])
    energy = jnp.sum(present * tracks.energy * jnp.exp(2.0 * nepers), axis=-1)
    difference = jnp.sum(energy * (jnp.square(right) - jnp.square(left)))
    return Picture(
        spectrum=0.5 * jnp.log(shares @ power + POWER_FLOOR),
        imbalance=difference / (jnp.sum(energy) + POWER_FLOOR),
    )


def match(tracks: Heard, wanted: Picture, start: Mix, response: Array) -> Mix:
    """Move `start` until the picture is near what is wanted, or moving costs more.

    Gradient descent with momentum, a fixed number of steps, on the squared errors plus a penalty
    on the way from `start`. No gradient flows through it.

    Args:
        tracks: what is mixed.
        wanted: spectrum and balance of the reference.
        start: settings to begin with.
        response: see `picture`.

    Returns:
        The solution; settings of masked tracks stay.
    """
    count = jnp.maximum(jnp.sum(tracks.mask), 1)

    def settings(moved: Mix) -> Mix:
        units = Mix(GAIN_DB, PAN, EQUALIZER_DB, EQUALIZER_DB)  # type: ignore[arg-type]
        return jax.tree.map(lambda s, m, unit: s + m * unit, start, moved, units)

    def cost(moved: Mix) -> Array:
        seen = picture(tracks, settings(moved), response)
        way = jnp.stack([jnp.sum(jnp.square(m)) for m in moved])
        balance = jnp.square(seen.imbalance - wanted.imbalance)
        spectrum = jnp.mean(_huber(seen.spectrum - wanted.spectrum))
        return spectrum + BALANCE * balance + PENALTY * jnp.sum(way) / count

    def step(_: int, state: tuple[Mix, Mix]) -> tuple[Mix, Mix]:
        moved, speed = state
        slope = jax.grad(cost)(moved)
        speed = jax.tree.map(lambda v, g: MOMENTUM * v - STEP_SIZE * g, speed, slope)
        return jax.tree.map(jnp.add, moved, speed), speed

    still = jax.tree.map(jnp.zeros_like, start)
    moved, _ = jax.lax.fori_loop(0, STEPS, step, (still, still))
    return jax.lax.stop_gradient(settings(moved))


def equalizer_basis(frequencies_hz: np.ndarray, *, sample_rate: int) -> Array:
    """Response of each band of the neutral equaliser in dB per dB of its gain, `(6, bands)`."""
    neutral = dsp.neutral_console(1, sample_rate=sample_rate).master_bus.equalizer
    gains = PROBE_DB * jnp.eye(neutral.gain_db.shape[0])
    response = jax.vmap(
        lambda gain: dsp.equalizer_response(
            neutral._replace(gain_db=gain), frequencies_hz, sample_rate=sample_rate
        )
    )(gains)
    return response / PROBE_DB


def _huber(error: Array) -> Array:
    size = jnp.abs(error)
    near = jnp.minimum(size, LARGEST_ERROR)
    return jnp.square(near) + 2.0 * LARGEST_ERROR * (size - near)

"""A simple picture of the console: what a mix is like, by energies in bands, without dynamics.

Levels, positions and equalizers act linearly, so what they do to the energy of mid and side in
each band, to width and to balance follows from the energies that the tracks share (`energies`),
whatever the tracks have in common. Where a mix was heard, its peaks are known, too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import dsp
from diffmst_jax.models.compact.energies import LOWEST_HZ, k_weights
from diffmst_jax.models.compact.front_end import POWER_FLOOR
from dsp.loudness import OFFSET_DB
from dsp.numerics import EXACT, matmul
from dsp.stereo import CENTRE

NEPERS_PER_DB = float(np.log(10.0) / 20.0)
LEAST_MAGNITUDE = 1e-9  # of a track in a band: nothing, with a finite root
PEAK_POWER = 16.0  # of the power sum that stands for the largest peak


class Mix(NamedTuple):
    """Settings that the picture has, of one song. Both channels of a pair have the same.

    Attributes:
        gain_db: input gains, `(tracks,)`.
        pan: positions, `(tracks,)`; of a pair, where it leans.
        equalizer: of the tracks, each field `(tracks, 6)`.
        master: of the master bus, each field `(6,)`.
    """

    gain_db: Array
    pan: Array
    equalizer: dsp.EqualizerParams
    master: dsp.EqualizerParams


class Heard(NamedTuple):
    """What the picture knows of the tracks of one song.

    Attributes:
        energy: what they share in each band, `(24, tracks, tracks)`; zero where masked.
        spectrum: log of the mean magnitude in each band, as the loss measures it, `(tracks, 24)`.
        hz: where in each band the energy of a track lies, `(tracks, 24)`: an equalizer may do
            something else there than in the middle of the band. Of the lowest band, which is wide,
            `lowest` says more.
        lowest: shares of a track's energy in the lowest band near `LOWEST_HZ`, `(tracks, 6)`.
        mask: which tracks are there, bool `(tracks,)`.
        side: -1 for the left channel of a pair, whose right one is the next track and has 1, else
            0; `(tracks,)`.
        peaks: what they do in each band wherever a mix of them peaked, before gain and equalizers,
            `(tracks, 24, instants)`; None, or zero, before a mix was made.
        segments: the same of parts of what was heard; None where only the whole counts.
        over_time: energy of every strip, see `masking`, `(tracks, 24, slots)`; None where it
            does not count how well each is heard.
        centring: what it costs each to leave the middle, `(tracks,)`, see `Costs.panning`; infinite
            where it has to stay there, None where all may move at one price.
    """

    energy: Array
    spectrum: Array
    hz: Array
    lowest: Array
    mask: Array
    side: Array
    peaks: Array | None = None
    segments: "Segments | None" = None
    over_time: Array | None = None
    centring: Array | None = None


class Segments(NamedTuple):
    """What the picture knows of the tracks in equal parts of what was heard.

    Attributes:
        energy: as of `Heard`, `(segments, 24, tracks, tracks)`.
        spectrum: as of `Heard`, `(segments, tracks, 24)`.
        weight: how much each counts, `(segments,)`; sums to 1, and silence does not count.
    """

    energy: Array
    spectrum: Array
    weight: Array


class Picture(NamedTuple):
    """What the picture says of a mix, or what is wanted of it.

    Attributes:
        spectrum: log magnitude of mid and side, `(2, 24)`.
        log_width: log of side over mid energy.
        imbalance: (right - left) / (right + left) of the energies.
        loudness_db: K-weighted level, as coarse as 24 bands tell it.
        crest_db: crest factor of left and right, `(2,)`; 0 where no peaks are known.
    """

    spectrum: Array
    log_width: Array
    imbalance: Array
    loudness_db: Array
    crest_db: Array


def paired(mix: Mix, side: Array) -> Mix:
    """Give both channels of every pair the mean of their settings."""
    own = mix.gain_db, mix.pan, mix.equalizer
    gain_db, pan, equalizer = jax.tree.map(lambda leaf: dsp.pair_mean(leaf, side), own)
    return Mix(gain_db, pan, equalizer, mix.master)


def resting_pan(pan: Array, tracks: Heard) -> Array:
    """Positions to move from: the middle for tracks that have a price of leaving it."""
    return pan if tracks.centring is None else jnp.where(tracks.centring > 0, CENTRE, pan)


def placed(pan: Array, tracks: Heard) -> Array:
    """Positions, those of tracks that have to stay in the middle."""
    return pan if tracks.centring is None else jnp.where(jnp.isinf(tracks.centring), CENTRE, pan)


def positions(pan: Array, side: Array) -> Array:
    """Position of every track from where its strip leans; both of one shape."""
    left, right = dsp.pair_positions(pan)
    return jnp.where(side < 0, left, jnp.where(side > 0, right, pan))


def picture(tracks: Heard, mix: Mix, rate: int, boosts: Array | None = None) -> Picture:
    """Predict what a mix is like.

    Args:
        tracks: what is mixed.
        mix: settings.
        rate: samples per second.
        boosts: `boosts_db` of the mix, where they are known.
    """
    gain = _band_gains(tracks, mix, boosts_db(tracks, mix, rate) if boosts is None else boosts)
    angle = positions(mix.pan, tracks.side) * (jnp.pi / 2.0)
    left, right = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
    views = jnp.stack([left, right, left + right, left - right])  # (4, tracks, 1)
    heard = views * gain[None]
    energy = jnp.maximum(
        jnp.einsum("vib,bij,vjb->vb", heard, tracks.energy, heard, precision=EXACT), 0.0
    )
    own = jnp.diagonal(tracks.energy, axis1=1, axis2=2).T
    apart = jnp.sum(jnp.square(heard[2:]) * own[None], axis=1)
    total = jnp.sum(energy, axis=1) + POWER_FLOOR
    weights = jnp.asarray(k_weights(sample_rate=rate), energy.dtype)
    return Picture(
        # What tracks have in common, as two channels of one recording, makes magnitudes more or
        # less by as much as energies.
        spectrum=_log_sum(jnp.abs(heard[2:]) * jnp.exp(tracks.spectrum)[None])
        + 0.5 * jnp.log((energy[2:] + POWER_FLOOR) / (apart + POWER_FLOOR)),
        log_width=jnp.log(total[3] / total[2]),
        imbalance=(total[1] - total[0]) / (total[1] + total[0]),
        loudness_db=OFFSET_DB
        + 10.0 * jnp.log10(matmul(energy[0] + energy[1], weights) + POWER_FLOOR),
        crest_db=_crest_db(tracks.peaks, heard[:2], total[:2]),
    )


def _log_sum(magnitudes: Array) -> Array:
    """Log of the mean magnitude of a sum of signals, whose own are `(..., signals, 24)`.

    They would add up if signals never sounded at the same time and frequency, their squares would
    if they always did. Of sums of music something near the first is true: a power sum of exponent
    5/4 is off by 0.8 dB (root mean square of bands and random mixes), squares by 1.2 dB.
    """
    least = jnp.maximum(magnitudes, LEAST_MAGNITUDE)
    return 0.8 * jnp.log(jnp.sum(least * jnp.sqrt(jnp.sqrt(least)), axis=-2))


def strip_gains(tracks: Heard, mix: Mix, rate: int) -> Array:
    """What input gain and equalizer of every track multiply it by in each band, `(tracks, 24)`."""
    own, _ = _responses_db(tracks, mix, rate)
    return _band_gains(tracks, mix, _in_bands(own, tracks))


def _band_gains(tracks: Heard, mix: Mix, boosts: Array) -> Array:
    """What every track is multiplied by in each band before it is panned, `(tracks, 24)`."""
    present = tracks.mask[:, None]
    nepers = jnp.where(present, NEPERS_PER_DB * (boosts + mix.gain_db[:, None]), 0.0)
    return jnp.where(present, jnp.exp(nepers), 0.0)


def boosts_db(tracks: Heard, mix: Mix, rate: int) -> Array:
    """What the equalizers of track and master together do in each band, `(tracks, 24)`."""
    own, master = _responses_db(tracks, mix, rate)
    return _in_bands(own + master, tracks)


def _responses_db(tracks: Heard, mix: Mix, rate: int) -> tuple[Array, Array]:
    """What the equalizers of the tracks and that of the master bus do, wherever they are read."""
    # Both at once: half of the program to compile.
    master = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, mix.equalizer.gain_db.shape), mix.master
    )
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), mix.equalizer, master)
    low = jnp.broadcast_to(jnp.asarray(LOWEST_HZ, tracks.hz.dtype), tracks.lowest.shape)
    places = jnp.concatenate([low, tracks.hz[:, 1:]], axis=1)
    hz = jnp.concatenate([places, places])
    response = jax.vmap(lambda p, f: dsp.equalizer_response(p, f, sample_rate=rate))(both, hz)
    own, masters = jnp.split(response, 2)
    return own, masters


def _in_bands(response_db: Array, tracks: Heard) -> Array:
    """Decibels in each band, `(tracks, 24)`, in the lowest by the energy that comes through."""
    low, rest = jnp.split(response_db, [tracks.lowest.shape[1]], axis=1)
    highest = jax.lax.stop_gradient(jnp.max(low, axis=1, keepdims=True))
    power = jnp.sum(tracks.lowest * jnp.exp(2.0 * NEPERS_PER_DB * (low - highest)), axis=1)
    return jnp.concatenate([highest + 10.0 * jnp.log10(power)[:, None], rest], axis=1)


def _crest_db(peaks: Array | None, gain: Array, power: Array) -> Array:
    """Crest factor of left and right, from what the tracks do where the mixes so far have peaked.

    Gains act on each band of a sample as on the band's energy, without delay: boosting what rings
    on takes a mix away from its peaks, boosting what makes them does not.

    Args:
        peaks: of the tracks.
        gain: of every track in each band left and right, `(2, tracks, 24)`.
        power: mean square of left and right, `(2,)`.
    """
    if peaks is None:
        return jnp.zeros(2)
    squares = jnp.square(jnp.einsum("vtb,tbi->vi", gain, peaks, precision=EXACT))
    # A sum of high powers instead of the largest: where several peaks compete, all are held down.
    highest = jax.lax.stop_gradient(jnp.max(squares, axis=1)) + POWER_FLOOR
    total = jnp.sum((squares / highest[:, None]) ** PEAK_POWER, axis=1)
    largest = highest * (total + POWER_FLOOR) ** (1.0 / PEAK_POWER)
    crest_db = 10.0 * jnp.log10(largest / (power + POWER_FLOOR))
    return jnp.where(jnp.any(peaks != 0.0), crest_db, 0.0)


def level_error(seen: Picture, wanted: Picture) -> Array:
    """What the log spectrum of `seen` lacks to be as loud as `wanted`."""
    return NEPERS_PER_DB * (wanted.loudness_db - seen.loudness_db)

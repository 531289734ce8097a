"""A mix solved in a simple picture of the console: energies in bands, without dynamics.

Levels, positions and equalisers act linearly, so what they do to the energy of mid and side in
each band, to width and to balance follows from the energies that the tracks share (`energies`),
whatever the tracks have in common. Settings are found by gradient descent on the terms of the
audio-feature loss in that picture, of all that was heard and of each segment of it: what is right
only on average, because one loud moment makes up for the rest, is lost in other parts of the song.
Each setting is bounded and moving it costs something, so that a mix nobody would make is no
solution.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.flatten_util import ravel_pytree

import dsp
from diffmst_jax.losses import AudioFeatureWeights
from diffmst_jax.models.energies import k_weights
from diffmst_jax.models.front_end import style_band_hz
from dsp.loudness import OFFSET_DB
from dsp.numerics import EXACT, matmul

STEPS = 80
STEP_SIZE = 0.15
SMALLEST_SLOPE = 1e-6  # of the objective per unit of a setting
NEPERS_PER_DB = float(np.log(10.0) / 20.0)
POWER_FLOOR = 1e-12  # mean square of a band
LARGEST_ERROR = 2.0  # nepers; beyond it the penalty grows linearly
LARGEST_WIDTH_ERROR = 1.0  # side over mid energy of a segment; likewise, the ratio has no end
SEGMENTS_WEIGHT = 0.5  # of the segments' mean distance; that of all that was heard has 1
PEAK_POWER = 16.0  # of the power sum that stands for the largest peak
EVERYDAY_DB = 6.0  # what equalisers may boost at little cost
MARGIN = 0.03  # settings stay this share of their range from its ends
WEIGHTS = AudioFeatureWeights()


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


def _same_for(equalizer: dsp.EqualizerParams, gain_db: float, pan: float) -> Mix:
    return Mix(gain_db, pan, equalizer, equalizer)  # type: ignore[arg-type]


# How far a setting moves per unit, and at most: decibels, positions, octaves (frequency and Q).
UNIT = _same_for(dsp.EqualizerParams(3.0, 0.5, 0.5), gain_db=4.0, pan=0.15)
FARTHEST = _same_for(dsp.EqualizerParams(9.0, 1.0, 1.0), gain_db=7.0, pan=0.48)


class Costs(NamedTuple):
    """What keeps a solution a mix that somebody would make, beside how near the picture it is.

    Attributes:
        moving: per squared unit that a setting lies from its rest; the mean over strips, and the
            master bus.
        stacking: per squared unit that track and master together boost or cut; the mean over strips
            and bands. Several bands add up at no further cost otherwise.
        piling: per squared unit that they boost beyond `EVERYDAY_DB`; the mean likewise. Cuts may
            go on: bass that a reference has not is taken out, but nobody boosts by 20 dB.
        spreading: per squared unit that an input gain differs from the mean of all. Tracks that are
            equally loud are all heard, in other parts of the song too.
    """

    moving: float
    stacking: float
    piling: float
    spreading: float


FIRST_COSTS = Costs(moving=3e-3, stacking=3e-3, piling=0.0, spreading=1e-2)
"""Of the solution that the network starts from: it learned with these."""

COSTS = Costs(moving=3e-4, stacking=3e-4, piling=3e-2, spreading=1e-2)
"""Once a mix is heard, going further is safe."""


class Heard(NamedTuple):
    """What the picture knows of the tracks of one song.

    Attributes:
        energy: what they share in each band, `(24, tracks, tracks)`; zero where masked.
        peakiness: log of mean magnitude over root mean square in each band, `(tracks, 24)`.
        mask: which tracks are there, bool `(tracks,)`.
        side: -1 for the left channel of a pair, whose right one is the next track and has 1, else
            0; `(tracks,)`.
        peaks: where a mix of them peaked; None before one was made.
        segments: the same of parts of what was heard; None where only the whole counts.
    """

    energy: Array
    peakiness: Array
    mask: Array
    side: Array
    peaks: "Peaks | None" = None
    segments: "Segments | None" = None


class Peaks(NamedTuple):
    """Samples of the tracks at the instants at which a mix of them peaked.

    Attributes:
        samples: after every track's effects, before its panning, `(tracks, instants)`.
        power: mean square of the tracks in the picture of that mix, `(tracks,)`.
    """

    samples: Array
    power: Array


class Segments(NamedTuple):
    """What the picture knows of the tracks in equal parts of what was heard.

    Attributes:
        energy: as of `Heard`, `(segments, 24, tracks, tracks)`.
        peakiness: within segments, `(tracks, 24)`.
        weight: how much each counts, `(segments,)`; sums to 1, and silence does not count.
    """

    energy: Array
    peakiness: Array
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


def positions(pan: Array, side: Array) -> Array:
    """Position of every track from where its strip leans; both of one shape."""
    left, right = dsp.pair_positions(pan)
    return jnp.where(side < 0, left, jnp.where(side > 0, right, pan))


def picture(tracks: Heard, mix: Mix, rate: int) -> Picture:
    """Predict what a mix is like.

    Args:
        tracks: what is mixed.
        mix: settings.
        rate: samples per second.
    """
    return _picture(tracks, mix, boosts_db(mix, rate), rate)


def _picture(tracks: Heard, mix: Mix, boosts: Array, rate: int) -> Picture:
    present = tracks.mask[:, None]
    nepers = jnp.where(present, NEPERS_PER_DB * (boosts + mix.gain_db[:, None]), 0.0)
    gain = jnp.where(present, jnp.exp(nepers), 0.0)
    alone = jnp.square(gain) * jnp.diagonal(tracks.energy, axis1=1, axis2=2).T  # (tracks, 24)
    angle = positions(mix.pan, tracks.side) * (jnp.pi / 2.0)
    left, right = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
    views = jnp.stack([left, right, left + right, left - right]) * gain[None]  # (4, tracks, 24)
    energy = jnp.maximum(
        jnp.einsum("vib,bij,vjb->vb", views, tracks.energy, views, precision=EXACT), 0.0
    )
    # The mean magnitude of a sum is as far below its root mean square as its loudest tracks' are.
    own = jnp.square(jnp.stack([left + right, left - right])) * alone[None]
    share = own / (jnp.sum(own, axis=1, keepdims=True) + POWER_FLOOR)
    peakiness = jnp.sum(share * tracks.peakiness[None], axis=1)
    total = jnp.sum(energy, axis=1) + POWER_FLOOR
    weights = jnp.asarray(k_weights(sample_rate=rate), energy.dtype)
    return Picture(
        spectrum=0.5 * jnp.log(energy[2:] + POWER_FLOOR) + peakiness,
        log_width=jnp.log(total[3] / total[2]),
        imbalance=(total[1] - total[0]) / (total[1] + total[0]),
        loudness_db=OFFSET_DB
        + 10.0 * jnp.log10(matmul(energy[0] + energy[1], weights) + POWER_FLOOR),
        crest_db=_crest_db(
            tracks.peaks,
            jnp.sum(alone, axis=1),
            jnp.concatenate([left, right], axis=1).T,
            total[:2],
        ),
    )


def track_powers(tracks: Heard, mix: Mix, rate: int) -> Array:
    """Mean square of every track, equalised by its own and the master's, before it is panned."""
    nepers = NEPERS_PER_DB * (boosts_db(mix, rate) + mix.gain_db[:, None])
    own = jnp.diagonal(tracks.energy, axis1=1, axis2=2).T
    return jnp.where(tracks.mask, jnp.sum(jnp.exp(2.0 * nepers) * own, axis=1), 0.0)


def boosts_db(mix: Mix, rate: int) -> Array:
    """What the equalisers of track and master together do in each band, `(tracks, 24)`."""
    hz = style_band_hz()
    # The master's as one row more: half of the program to compile.
    every = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), mix.equalizer, mix.master)
    response = jax.vmap(lambda p: dsp.equalizer_response(p, hz, sample_rate=rate))(every)
    return response[:-1] + response[-1:]


def _crest_db(peaks: Peaks | None, alone: Array, pan: Array, power: Array) -> Array:
    """Crest factor of left and right, from what the tracks do where the mix has peaked so far.

    Peaks of a track rise and fall with its level after equalising: were it the input gain alone,
    boosting every band and turning down the gain would seem to take peaks away.

    Args:
        peaks: of the mixes so far.
        alone: mean square of every track before panning, `(tracks,)`.
        pan: gains of every track left and right, `(2, tracks)`.
        power: mean square of left and right, `(2,)`.
    """
    if peaks is None:
        return jnp.zeros(2)
    gain = jnp.sqrt((alone + POWER_FLOOR) / (peaks.power + POWER_FLOOR))
    squares = jnp.square(matmul(pan * gain[None], peaks.samples))
    # A sum of high powers instead of the largest: where several peaks compete, all are held down.
    highest = jax.lax.stop_gradient(jnp.max(squares, axis=1)) + POWER_FLOOR
    total = jnp.sum((squares / highest[:, None]) ** PEAK_POWER, axis=1)
    largest = highest * (total + POWER_FLOOR) ** (1.0 / PEAK_POWER)
    return 10.0 * jnp.log10(largest / (power + POWER_FLOOR))


def level_error(seen: Picture, wanted: Picture) -> Array:
    """What the log spectrum of `seen` lacks to be as loud as `wanted`."""
    return NEPERS_PER_DB * (wanted.loudness_db - seen.loudness_db)


class Solution(NamedTuple):
    """What matching found.

    Attributes:
        mix: settings, as loud as wanted.
        moved: how far they lie from where they rest, in `UNIT`s before the bounds.
    """

    mix: Mix
    moved: Mix


def match(
    tracks: Heard,
    wanted: Picture,
    rest: Mix,
    rate: int,
    *,
    moved: Mix | None = None,
    costs: Costs = COSTS,
) -> Solution:
    """Move away from `rest` until the picture is near what is wanted, or moving costs more.

    Where segments are known, the picture of each has to be near it too.

    Args:
        tracks: what is mixed.
        wanted: what the mix is to be like.
        rest: settings from which moving costs, and which it stays within `FARTHEST` of.
        rate: samples per second.
        moved: how far to be from there at the start; not at all by default.
        costs: of being away; without any it comes nearest and settings grow wild.

    Returns:
        The solution. No gradient flows through it.
    """
    still = jax.tree.map(jnp.zeros_like, rest)
    start, unflattened = ravel_pytree(still if moved is None else moved)

    def objective(flat: Array) -> Array:
        away = unflattened(flat)
        mix = _settings(rest, away, tracks.side, rate)
        boosts = boosts_db(mix, rate)
        seen = _picture(tracks, mix, boosts, rate)
        apart = _distance(seen, wanted) + SEGMENTS_WEIGHT * _mean_distance(
            tracks, mix, boosts, wanted, rate
        )
        return apart + _cost(mix, away, boosts, tracks.mask, costs)

    # What hardly matters stays where it is, for Adam would make steps even of rounding.
    schedule = optax.cosine_decay_schedule(STEP_SIZE, STEPS, 0.05)
    adam = optax.adam(schedule, b2=0.99, eps=SMALLEST_SLOPE)

    def step(_: int, state: tuple[Array, optax.OptState]) -> tuple[Array, optax.OptState]:
        flat, memory = state
        updates, memory = adam.update(jax.grad(objective)(flat), memory)
        return optax.apply_updates(flat, updates), memory

    last, _ = jax.lax.fori_loop(0, STEPS, step, (start, adam.init(start)))
    mix = _settings(rest, unflattened(last), tracks.side, rate)
    missing_db = wanted.loudness_db - picture(tracks, mix, rate).loudness_db
    louder = mix._replace(gain_db=mix.gain_db + missing_db)
    return jax.lax.stop_gradient(Solution(louder, unflattened(last)))


def _cost(mix: Mix, away: Mix, boosts: Array, mask: Array, costs: Costs) -> Array:
    """What it costs to be `away` from rest, which makes `mix` with its `boosts_db`."""
    count = jnp.maximum(jnp.sum(mask), 1)

    def mean(values: Array) -> Array:
        return jnp.sum(jnp.where(mask, values, 0.0)) / count

    way = [sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(part)) for part in away]
    stacked = boosts / UNIT.equalizer.gain_db
    piled = jnp.maximum(boosts - EVERYDAY_DB, 0.0) / UNIT.equalizer.gain_db
    equalizing = costs.stacking * jnp.square(stacked) + costs.piling * jnp.square(piled)
    spread = (mix.gain_db - mean(mix.gain_db)) / UNIT.gain_db
    return (
        costs.moving * (sum(way[:-1]) / count + way[-1])
        + mean(jnp.mean(equalizing, axis=1))
        + costs.spreading * mean(jnp.square(spread))
    )


def _mean_distance(
    tracks: Heard, mix: Mix, boosts: Array, wanted: Picture, rate: int
) -> Array | float:
    """Mean distance of the segments, each brought to one loudness; crest factor left out."""
    if tracks.segments is None:
        return 0.0
    energy, peakiness, weight = tracks.segments
    part = tracks._replace(peakiness=peakiness, peaks=None)
    wanted = wanted._replace(crest_db=jnp.zeros(2))

    def distance(energy: Array) -> Array:
        seen = _picture(part._replace(energy=energy), mix, boosts, rate)
        return _distance(seen, wanted, LARGEST_WIDTH_ERROR)

    return jnp.sum(weight * jax.vmap(distance)(energy))


def _distance(seen: Picture, wanted: Picture, largest_width_error: float = np.inf) -> Array:
    """The audio-feature loss as far as the picture shows it, at one loudness."""
    error = seen.spectrum + level_error(seen, wanted) - wanted.spectrum
    wider = jnp.exp(seen.log_width) - jnp.exp(wanted.log_width)
    width = (
        jnp.square(wider) if np.isinf(largest_width_error) else _huber(wider, largest_width_error)
    )
    balance = jnp.square(seen.imbalance - wanted.imbalance)
    crest = jnp.mean(jnp.square(seen.crest_db - wanted.crest_db))
    return (
        WEIGHTS.bark_spectrum * jnp.mean(_huber(error, LARGEST_ERROR))
        + WEIGHTS.stereo_width * width
        + WEIGHTS.stereo_imbalance * balance
        + WEIGHTS.crest_factor * crest
    )


def _settings(rest: Mix, moved: Mix, side: Array, rate: int) -> Mix:
    """Settings that lie `moved` units away from `rest`."""
    way = jax.tree.map(
        lambda unit, farthest, m: farthest * jnp.tanh(m * (unit / farthest)),
        UNIT,
        FARTHEST,
        paired(moved, side),
    )
    return Mix(
        gain_db=rest.gain_db + way.gain_db,
        pan=jnp.clip(rest.pan + way.pan, MARGIN, 1.0 - MARGIN),
        equalizer=_retuned(rest.equalizer, way.equalizer, rate),
        master=_retuned(rest.master, way.master, rate),
    )


def _retuned(rest: dsp.EqualizerParams, way: dsp.EqualizerParams, rate: int) -> dsp.EqualizerParams:
    """Move an equaliser by decibels and octaves, staying inside what the console allows."""
    gain_db, frequency_hz, q_factor = dsp.console_ranges(sample_rate=rate).tracks.equalizer
    return dsp.EqualizerParams(
        gain_db=_inside(rest.gain_db + way.gain_db, gain_db),
        frequency_hz=_inside(rest.frequency_hz * 2.0**way.frequency_hz, frequency_hz),
        q_factor=_inside(rest.q_factor * 2.0**way.q_factor, q_factor),
    )


def _inside(x: Array, limits: dsp.Range) -> Array:
    low, high = (jnp.broadcast_to(jnp.asarray(end, x.dtype), x.shape) for end in limits)
    margin = MARGIN * (high - low)
    return jnp.clip(x, low + margin, high - margin)


def _huber(error: Array, largest: float) -> Array:
    """Square that grows linearly beyond `largest`."""
    size = jnp.abs(error)
    near = jnp.minimum(size, largest)
    return jnp.square(near) + 2.0 * largest * (size - near)

"""A mix solved in the simple `picture` of the console.

Settings are found by gradient descent on the terms of the audio-feature loss in that picture, of
all that was heard and of each segment of it: what is right only on average, because one loud moment
makes up for the rest, is lost in other parts of the song. Each setting is bounded and moving it
costs something, so that a mix nobody would make is no solution.
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
from diffmst_jax.models.compact.masking import heard_shares
from diffmst_jax.models.compact.picture import (
    Heard,
    Mix,
    Picture,
    boosts_db,
    level_error,
    paired,
    picture,
    placed,
    resting_pan,
)

STEPS = 80
STEP_SIZE = 0.15
SMALLEST_SLOPE = 1e-5  # of the objective per unit of a setting
# What a segment lacks because a track is silent there, nothing can put right: beyond these errors
# of a segment the penalty grows linearly.
LARGEST_ERROR = 2.0  # nepers
LARGEST_WIDTH_ERROR = 1.0  # side over mid energy
SEGMENTS_WEIGHT = 0.5  # of the segments' mean distance; that of all that was heard has 1
EVERYDAY_DB = 6.0  # what equalizers may do at little cost
# Share of its own loudness: a track that keeps less costs no more, so no slope leads it back. What
# other tracks hide when all are equally loud may keep 1e-6.
LEAST_HEARD = 1e-12
DEAREST = 1.0  # price of leaving the middle that holds a track there but for a few hundredths
MARGIN = 0.03  # settings stay this share of their range from its ends
WEIGHTS = AudioFeatureWeights()

AUDIBLE = 0.1
"""Share of its own loudness that every track should keep; in the sums of six songs' stems as they
were released, one track in eight keeps less."""


def _same_for(equalizer: dsp.EqualizerParams, gain_db: float, pan: float) -> Mix:
    return Mix(gain_db, pan, equalizer, equalizer)  # type: ignore[arg-type]


# How far a setting moves per unit, and at most: decibels, positions, octaves (frequency and Q).
# `FIRST` is of the solution that the network starts from, as it was when it learned.
UNIT = _same_for(dsp.EqualizerParams(3.0, 0.5, 0.5), gain_db=4.0, pan=0.15)
FARTHEST = _same_for(dsp.EqualizerParams(12.0, 2.0, 2.0), gain_db=10.0, pan=0.48)
FIRST_FARTHEST = _same_for(dsp.EqualizerParams(9.0, 1.0, 1.0), gain_db=7.0, pan=0.48)


class Costs(NamedTuple):
    """What keeps a solution a mix that somebody would make, beside how near the picture it is.

    Attributes:
        moving: per squared unit that a gain or equalizer lies from its rest; the mean over strips,
            and the master bus.
        panning: per squared unit that a position does; the mean over strips. What balances one part
            of a song by hard panning leans in another.
        centring: what leaving the middle costs at least where it has a price (`Heard.centring`),
            likewise.
        stacking: per squared unit that track and master together boost or cut; the mean over strips
            and bands. Several bands add up at no further cost otherwise.
        piling: per squared unit that they boost beyond `EVERYDAY_DB`; the mean likewise. Cuts may
            go on: bass that a reference has not is taken out, but nobody boosts by 20 dB.
        spreading: per squared unit that an input gain differs from the mean of all. Tracks that are
            equally loud are all heard, in other parts of the song too.
        burying: per squared neper that a strip is heard less than `AUDIBLE`; the mean over strips,
            each of which may have its own price. What is hardly heard hardly counts for the style,
            so it costs little to bring it up.
    """

    moving: float | Array
    panning: float | Array
    centring: float | Array
    stacking: float | Array
    piling: float | Array
    spreading: float | Array
    burying: float | Array


FIRST_COSTS = Costs(
    moving=3e-3,
    panning=3e-3,
    centring=1.0,
    stacking=3e-3,
    piling=0.0,
    spreading=1e-2,
    burying=0.0,
)
"""Of the solution that the network starts from: it learned with these. What has a price of leaving
the middle stays near it, for there it starts next."""

COSTS = Costs(
    moving=1e-5,
    panning=1e-4,
    centring=0.0,
    stacking=3e-5,
    piling=3e-3,
    spreading=1e-3,
    burying=1e-3,
)
"""Once a mix is heard, going further is safe."""


class Solution(NamedTuple):
    """What matching found.

    Attributes:
        mix: settings, as loud as wanted, as far as input gains allow.
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
    farthest: Mix = FARTHEST,
    free_steps: float | Array = 0.0,
) -> Solution:
    """Move away from `rest` until the picture is near what is wanted, or moving costs more.

    Where segments are known, the picture of each has to be near it too.

    Args:
        tracks: what is mixed.
        wanted: what the mix is to be like.
        rest: settings from which moving costs.
        rate: samples per second.
        moved: how far to be from there at the start; not at all by default.
        costs: of being away; without any it comes nearest and settings grow wild.
        farthest: how far settings may be away.
        free_steps: for how many steps spectra are compared at a level that is free at first, and
            by and by becomes that of equal loudness. Where one track makes nearly all of the
            loudness, to turn it up changes nothing in its own bands and turns all others down, so
            at equal loudness no small step leads away from too much bass.

    Returns:
        The solution. No gradient flows through it.
    """
    still = jax.tree.map(jnp.zeros_like, rest)
    start, unflattened = ravel_pytree(still if moved is None else moved)

    def objective(flat: Array, free: Array) -> Array:
        away = unflattened(flat)
        mix = _settings(rest, away, tracks, rate, farthest)
        boosts = boosts_db(tracks, mix, rate)
        seen = picture(tracks, mix, rate, boosts)
        apart = _distance(seen, wanted, free) + SEGMENTS_WEIGHT * _mean_distance(
            tracks, mix, boosts, wanted, rate, free
        )
        return apart + _cost(tracks, mix, away, boosts, costs)

    # What hardly matters stays where it is, for Adam would make steps even of rounding.
    schedule = optax.cosine_decay_schedule(STEP_SIZE, STEPS, 0.05)
    adam = optax.adam(schedule, b2=0.99, eps=SMALLEST_SLOPE)

    def step(number: int, state: tuple[Array, optax.OptState]) -> tuple[Array, optax.OptState]:
        flat, memory = state
        free = jnp.clip((free_steps - number) / jnp.maximum(free_steps, 1.0), 0.0, 1.0)
        updates, memory = adam.update(jax.grad(objective)(flat, free), memory)
        return optax.apply_updates(flat, updates), memory

    last, _ = jax.lax.fori_loop(0, STEPS, step, (start, adam.init(start)))
    mix = _settings(rest, unflattened(last), tracks, rate, farthest)
    # Not on the way: what may lean a little there leaves time for the others to make up for it.
    mix = mix._replace(pan=placed(mix.pan, tracks))
    missing_db = wanted.loudness_db - picture(tracks, mix, rate).loudness_db
    allowed = dsp.console_ranges(sample_rate=rate).tracks.input_gain_db
    louder = mix._replace(gain_db=_inside(mix.gain_db + missing_db, allowed))
    return jax.lax.stop_gradient(Solution(louder, unflattened(last)))


def _cost(tracks: Heard, mix: Mix, away: Mix, boosts: Array, costs: Costs) -> Array:
    """What it costs to be `away` from rest, which makes `mix` with its `boosts_db`."""
    count = jnp.maximum(jnp.sum(tracks.mask), 1)

    def mean(values: Array) -> Array:
        return jnp.sum(jnp.where(tracks.mask, values, 0.0)) / count

    gain, position, equalizer, master = (optax.tree.norm(part, squared=True) for part in away)
    stacked = boosts / UNIT.equalizer.gain_db
    piled = jnp.maximum(boosts - EVERYDAY_DB, 0.0) / UNIT.equalizer.gain_db
    equalizing = costs.stacking * jnp.square(stacked) + costs.piling * jnp.square(piled)
    spread = (mix.gain_db - mean(mix.gain_db)) / UNIT.gain_db
    price = jnp.zeros(()) if tracks.centring is None else tracks.centring
    centring = jnp.where(price > 0, jnp.clip(price, costs.centring, DEAREST), 0.0)
    return (
        costs.moving * ((gain + equalizer) / count + master)
        + costs.panning * position / count
        + mean(centring * jnp.square(away.pan))
        + mean(jnp.mean(equalizing, axis=1))
        + costs.spreading * mean(jnp.square(spread))
        + mean(costs.burying * faintness(heard_shares(tracks, mix, boosts)))
    )


def faintness(shares: Array) -> Array:
    """Squared nepers that strips of these `heard_shares` are heard less than `AUDIBLE`."""
    return jnp.square(jnp.maximum(jnp.log(AUDIBLE / jnp.maximum(shares, LEAST_HEARD)), 0.0))


def _mean_distance(
    tracks: Heard, mix: Mix, boosts: Array, wanted: Picture, rate: int, free: Array
) -> Array | float:
    """Mean distance of the segments, each brought to one loudness; crest factor left out."""
    if tracks.segments is None:
        return 0.0
    energies, spectra, weight = tracks.segments
    part = tracks._replace(peaks=None)
    wanted = wanted._replace(crest_db=jnp.zeros(2))

    def distance(energy: Array, spectrum: Array) -> Array:
        seen = picture(part._replace(energy=energy, spectrum=spectrum), mix, rate, boosts)
        return _distance(seen, wanted, free, LARGEST_ERROR, LARGEST_WIDTH_ERROR)

    return jnp.sum(weight * jax.vmap(distance)(energies, spectra))


def _distance(
    seen: Picture,
    wanted: Picture,
    free: Array,
    largest_error: float = np.inf,
    largest_width_error: float = np.inf,
) -> Array:
    """The audio-feature loss as far as the picture shows it, at one loudness.

    As far as the level is `free`, from 0 to 1, it is instead the one that leaves the least error.
    """
    apart = seen.spectrum - wanted.spectrum
    error = apart + (1.0 - free) * level_error(seen, wanted) - free * jnp.mean(apart)
    wider = jnp.exp(seen.log_width) - jnp.exp(wanted.log_width)
    width = _huber(wider, largest_width_error)
    balance = jnp.square(seen.imbalance - wanted.imbalance)
    crest = jnp.mean(jnp.square(seen.crest_db - wanted.crest_db))
    return (
        WEIGHTS.bark_spectrum * jnp.mean(_huber(error, largest_error))
        + WEIGHTS.stereo_width * width
        + WEIGHTS.stereo_imbalance * balance
        + WEIGHTS.crest_factor * crest
    )


def _settings(rest: Mix, moved: Mix, tracks: Heard, rate: int, farthest: Mix) -> Mix:
    """Settings that lie `moved` units away from `rest`."""
    way = jax.tree.map(
        lambda unit, farthest, m: farthest * jnp.tanh(m * (unit / farthest)),
        UNIT,
        farthest,
        paired(moved, tracks.side),
    )
    return Mix(
        gain_db=rest.gain_db + way.gain_db,
        pan=jnp.clip(resting_pan(rest.pan, tracks) + way.pan, MARGIN, 1.0 - MARGIN),
        equalizer=_retuned(rest.equalizer, way.equalizer, rate),
        master=_retuned(rest.master, way.master, rate),
    )


def _retuned(rest: dsp.EqualizerParams, way: dsp.EqualizerParams, rate: int) -> dsp.EqualizerParams:
    """Move an equalizer by decibels and octaves, staying inside what the console allows."""
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
    """Square that grows linearly beyond `largest`, which may be infinite."""
    size = jnp.abs(error)
    near = jnp.minimum(size, largest)
    return near * (2.0 * size - near)

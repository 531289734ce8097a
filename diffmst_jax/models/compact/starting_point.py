"""Where the compact model starts from: a mix with levels, positions and spectrum already set."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import dsp
from diffmst_jax.controls import Controls
from diffmst_jax.losses import StyleFeatures
from diffmst_jax.models.compact.front_end import POWER_FLOOR, BandStatistics
from diffmst_jax.models.compact.matching import FIRST_COSTS, FIRST_FARTHEST, match
from diffmst_jax.models.compact.picture import (
    Heard,
    Mix,
    Picture,
    Segments,
    level_error,
    picture,
    positions,
)
from diffmst_jax.models.levels import REFERENCE_LUFS, TRACK_LUFS

MARGIN = 0.03  # controls stay this far from the ends of their range, so that they can be learned
THRESHOLD_DB = -15.0  # within reach of the signal, so that its gradient is not zero
LARGEST_SPREAD = 0.3  # of a pan control from the centre
NEARLY_SILENT = 0.03  # of the mean power: a segment as quiet counts half
MIDDLE_SLOPE = 0.25  # of the logistic function at 0
# Where equalizer bands rest: spread over the spectrum as far as the console's ranges allow.
FREQUENCY_HZ = np.array([100.0, 400.0, 3000.0, 9000.0, 14000.0, 8000.0], np.float32)

# How far one unit of a head's output moves a setting from the middle of its range, in its unit.
GAIN_DB, FADER_DB, SEND_DB, PAN = 6.0, 3.0, 12.0, 0.2
EQUALIZER = dsp.EqualizerParams(gain_db=3.0, frequency_hz=500.0, q_factor=0.5)
COMPRESSOR = dsp.CompressorParams(
    threshold_db=6.0, ratio=1.0, attack_ms=30.0, release_ms=30.0, knee_db=1.0, makeup_gain_db=0.5
)
REVERB = 0.1  # of every control of the effects bus


class Start(NamedTuple):
    """Controls to start from, and how far the picture says they are from the reference.

    Attributes:
        controls: strictly inside (0, 1).
        error: difference in log magnitude of mid and side, `(2, bands)`.
    """

    controls: Controls
    error: Array


def starting_point(
    tracks: BandStatistics, heard: Heard, reference: StyleFeatures, rate: int
) -> Start:
    """Solve levels, positions and equalizers for one song; the rest is neutral.

    Args:
        tracks: statistics of the tracks, leading axis `(tracks,)`.
        heard: what the picture knows of them.
        reference: what the mix is to be like.
        rate: samples per second.
    """
    wanted = wanted_picture(reference)
    rest = resting_mix(tracks, heard.mask, heard.side, reference, rate)
    mix = match(heard, wanted, rest, rate, costs=FIRST_COSTS, farthest=FIRST_FARTHEST).mix
    return start_from(mix, heard, wanted, rate)


def start_from(mix: Mix, heard: Heard, wanted: Picture, rate: int) -> Start:
    """Put a solution on the console, and say what it leaves."""
    count = len(heard.mask)
    neutral = dsp.neutral_console(count, sample_rate=rate)
    compressor = neutral.tracks.compressor._replace(threshold_db=jnp.full(count, THRESHOLD_DB))
    params = with_mix(
        neutral._replace(tracks=neutral.tracks._replace(compressor=compressor)), mix, heard.side
    )
    controls = Controls(*dsp.console_controls(params, sample_rate=rate))
    inside = jax.tree.map(lambda c: jnp.clip(c, MARGIN, 1.0 - MARGIN), controls)
    seen = picture(heard, mix, rate)
    return Start(inside, seen.spectrum + level_error(seen, wanted) - wanted.spectrum)


def hear_segments(heard: Heard, energy: Array) -> Segments:
    """Put together what the picture knows of `(segments, 24, tracks, tracks)`."""
    own = jnp.diagonal(energy, axis1=2, axis2=3).transpose(0, 2, 1)
    # If a band is as peaky in every segment, mean magnitudes go like the segments' levels.
    level = jnp.sqrt(own + POWER_FLOOR)
    spectrum = heard.spectrum[None] + jnp.log(level / jnp.mean(level, axis=0, keepdims=True))
    power = jnp.sum(own, axis=(1, 2)) + POWER_FLOOR
    audible = power / (power + NEARLY_SILENT * jnp.mean(power))
    return Segments(energy, spectrum, audible / jnp.sum(audible))


def wanted_picture(reference: StyleFeatures) -> Picture:
    """What the picture is to show, at the level that references are heard at."""
    return Picture(
        spectrum=reference.bark_spectrum.T,
        log_width=jnp.log(reference.stereo_width + POWER_FLOOR),
        imbalance=reference.stereo_imbalance,
        loudness_db=jnp.asarray(REFERENCE_LUFS),
        crest_db=jnp.zeros(2),
    )


def resting_mix(
    tracks: BandStatistics, mask: Array, side: Array, reference: StyleFeatures, rate: int
) -> Mix:
    """Return the mix that matching starts from: all equally loud, mono tracks spread, flat."""
    flat = dsp.neutral_console(len(mask), sample_rate=rate)
    mono = mask & (side == 0)
    spread = starting_positions(tracks.centroid, mono, reference.stereo_width)
    return Mix(
        gain_db=jnp.full(len(mask), starting_gain_db(mask)),
        pan=jnp.where(mono, spread, 0.5),
        equalizer=flat.tracks.equalizer._replace(
            frequency_hz=jnp.tile(FREQUENCY_HZ, (len(mask), 1))
        ),
        master=flat.master_bus.equalizer._replace(frequency_hz=jnp.asarray(FREQUENCY_HZ)),
    )


def with_mix(params: dsp.ConsoleParams, mix: Mix, side: Array) -> dsp.ConsoleParams:
    """Set in a console what the picture has."""
    return params._replace(
        tracks=params.tracks._replace(
            input_gain_db=mix.gain_db, pan=positions(mix.pan, side), equalizer=mix.equalizer
        ),
        master_bus=params.master_bus._replace(equalizer=mix.master),
    )


def starting_gain_db(mask: Array) -> Array:
    """Gain that makes the sum of the tracks as loud as the reference.

    Tracks that have nothing in common add in power.
    """
    count = jnp.maximum(jnp.sum(mask), 1).astype(jnp.float32)
    return REFERENCE_LUFS - TRACK_LUFS - 10.0 * jnp.log10(count)


def starting_positions(centroid: Array, mask: Array, width: Array) -> Array:
    """Pan positions of a mix about as wide as the reference, with the lows in the middle.

    Tracks sorted by spectral centroid go left and right in turn, further out the higher they lie.
    """
    ordered = jnp.argsort(jnp.where(mask, centroid, jnp.inf))
    rank = jnp.argsort(ordered)
    half = jnp.maximum(jnp.sum(mask) / 2.0, 1.0)
    distance = jnp.minimum(rank / half, 1.0) * jnp.where(rank % 2 == 1, 1.0, -1.0)
    # A constant-power pan by d from the centre has a side over mid energy of tan(d pi / 2)^2.
    spread = 2.0 / jnp.pi * jnp.arctan(jnp.sqrt(width))
    return 0.5 + distance * jnp.minimum(spread, LARGEST_SPREAD)


def head_scales(*, sample_rate: int) -> Controls:
    """What to multiply the outputs of the heads by before they are added on the logistic scale.

    It makes one unit of output the same step to the ear for every setting: without it, the random
    start of a fader (96 dB from end to end) drowns that of everything else.
    """
    neutral = dsp.neutral_console(1, sample_rate=sample_rate)
    bands = neutral.master_bus.equalizer.gain_db
    equalizer = jax.tree.map(lambda step: jnp.full_like(bands, step), EQUALIZER)
    steps = dsp.ConsoleParams(
        jax.tree.map(
            lambda step: jnp.asarray(step)[None],
            dsp.TrackParams(GAIN_DB, equalizer, COMPRESSOR, PAN, SEND_DB),
        ),
        jax.tree.map(lambda leaf: jnp.full_like(leaf, REVERB), neutral.fx_bus),
        dsp.MasterParams(equalizer, COMPRESSOR, FADER_DB, FADER_DB),
    )
    moved = jax.tree.map(lambda setting, step: setting + step, neutral, steps)
    before, after = (dsp.console_controls(p, sample_rate=sample_rate) for p in (neutral, moved))
    track, fx_bus, master = ((b - a) / MIDDLE_SLOPE for a, b in zip(before, after, strict=True))
    return Controls(track[0], fx_bus, master)

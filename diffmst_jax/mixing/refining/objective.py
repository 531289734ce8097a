"""What refinement minimises: distance in style, and a prior on settings that people would use.

The unknowns are steps away from the prediction, one per control, of about the same size to the ear
(`head_scales`), added on the logistic scale so that no setting leaves its range. The prior has four
parts: the way from the prediction, equalizers that pile up gain, controls pressed against an end of
their range, and tracks that are buried. The first three count only what goes beyond the prediction;
tracks that the prediction buries are to come up again.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import dsp
from diffmst_jax.audio import REVERB_SEED, SAMPLE_RATE
from diffmst_jax.controls import Controls
from diffmst_jax.losses import (
    NARROWEST,
    AudioFeatureLoss,
    StyleFeatures,
    audibility,
    band_excitation,
    normalize_loudness,
    playing,
    style_distance,
    style_features,
)
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.refining.passages import LEAD, PIECE, Medley
from diffmst_jax.mixing.rendering.console_stream import latency_samples
from diffmst_jax.mixing.sources.strips import pair_sides
from diffmst_jax.mixing.sources.style import MATCHED_LUFS
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.models.compact.matching import EVERYDAY_DB, faintness
from diffmst_jax.models.compact.picture import positions
from diffmst_jax.models.compact.starting_point import head_scales
from dsp.stereo import pan_gains

WAY = 5e-5
"""Price of one step in one control of one track; the others are prices of what they name."""
PILED, PRESSED, BURIED = 1e-2, 1e-3, 5e-3

END = 0.02
"""Share of a range next to its ends that costs, unless the prediction is there already."""

CURVE_HZ = np.geomspace(30.0, 16000.0, 32)


class Problem(NamedTuple):
    """One mix to refine. Leaves that count tracks or strips are padded to one of few sizes.

    Attributes:
        start: settings of the strips and buses to begin with, float32.
        free: which settings may move, bool in the tree of `start`.
        strip_of_track: `Multitrack.strip_of_track`, int `(tracks,)`.
        side_of_track: `Multitrack.side_of_track`, `(tracks,)`; None where no strip is a pair.
        mask: which tracks are there, bool `(tracks,)`.
        target: style features of the reference.
    """

    start: dsp.ConsoleParams
    free: dsp.ConsoleParams
    strip_of_track: Array
    side_of_track: Array | None
    mask: Array
    target: StyleFeatures


def problem_of(
    settings: MixSettings,
    multitrack: Multitrack,
    target: StyleFeatures,
    free: dsp.ConsoleParams | None,
    count: int,
) -> Problem:
    """Pose a problem, everything padded to `count` tracks and as many strips.

    Args:
        settings: where to start.
        multitrack: the tracks.
        target: style features of the reference.
        free: which settings may move, bool in the tree of `settings.params`; None for all.
            Positions of mono tracks stay beside a mono reference.
        count: `padded_count` of the tracks.
    """
    tracks = len(multitrack.audio)
    if free is None:
        free = jax.tree.map(lambda leaf: np.ones(np.shape(leaf), bool), settings.params)
    if target.stereo_width < 1.001 * NARROWEST:  # mono, but for the rounding of averages and files
        pan = free.tracks.pan & np.array([strip.is_pair for strip in settings.strips])
        free = free._replace(tracks=free.tracks._replace(pan=pan))

    rest, side = np.full(count - tracks, count - 1), pair_sides(multitrack.strips)
    return Problem(
        start=_padded(settings.params, count),
        free=_padded(free, count, bool),
        strip_of_track=jnp.asarray(np.concatenate([multitrack.strip_of_track, rest]), jnp.int32),
        side_of_track=None if side is None else jnp.pad(side, (0, count - tracks)),
        mask=jnp.arange(count) < tracks,
        target=jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), target),
    )


def _padded(
    params: dsp.ConsoleParams, count: int, dtype: type[np.generic] | type = np.float32
) -> dsp.ConsoleParams:
    """Settings of `count` strips, the last one again and again, and of the buses."""

    def padded(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([leaf, np.repeat(leaf[-1:], count - len(leaf), axis=0)])

    typed = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), params)
    return typed._replace(tracks=jax.tree.map(padded, typed.tracks))


class Judgement(NamedTuple):
    """What the objective says of one setting.

    Attributes:
        features: style features of the medley that was heard.
        distance: their style distance to the reference, term by term.
        prior: what is added to it, scalar.
        audibility: of each strip, `(strips,)`.
    """

    features: StyleFeatures
    distance: AudioFeatureLoss
    prior: Array
    audibility: Array


def objective(
    steps: Controls,
    problem: Problem,
    medley: Medley,
    config: dsp.ConsoleConfig,
) -> tuple[Array, Judgement]:
    """Judge settings on a medley.

    Args:
        steps: the unknowns, each 0 at the prediction.
        problem: what is mixed.
        medley: audio of the tracks at the console's input.
        config: the console.

    Returns:
        What to minimise, and its parts.
    """
    params = moved(steps, problem)
    mix, excitations = _mix(params, problem, medley, config)
    features = style_features(mix, sample_rate=SAMPLE_RATE)
    distance = style_distance(features, problem.target)
    strips = problem.start.tracks.pan.shape[0]
    own = medley.audio[:, :, LEAD : LEAD + PIECE]
    powers = jnp.mean(jnp.square(own), axis=(0, 2))
    excitations, powers = (
        jax.ops.segment_sum(values, problem.strip_of_track, num_segments=strips)
        for values in (excitations, powers)
    )
    heard = audibility(excitations, playing(powers))
    prior = _prior(steps, params, heard, problem)
    return distance.total + prior, Judgement(features, distance, prior, heard)


def moved(steps: Controls, problem: Problem) -> dsp.ConsoleParams:
    """Settings after `steps`; exactly the start where these are 0, and always in range."""
    start = _controls(problem.start)
    rates = head_scales(sample_rate=SAMPLE_RATE)

    def move(place: Array, step: Array, rate: Array) -> Array:
        inside = jnp.clip(place, END, 1.0 - END)
        way = jax.nn.sigmoid(jax.scipy.special.logit(inside) + step * rate) - inside
        return jnp.clip(place + way, 0.0, 1.0)

    controls = Controls(
        move(start.track, steps.track, rates.track[None]),
        move(start.fx_bus, steps.fx_bus, rates.fx_bus),
        move(start.master, steps.master, rates.master),
    )
    params = dsp.console_params(*controls, sample_rate=SAMPLE_RATE)
    return jax.tree.map(jnp.where, problem.free, params, problem.start)


def _controls(params: dsp.ConsoleParams) -> Controls:
    return Controls(*dsp.console_controls(params, sample_rate=SAMPLE_RATE))


def _mix(
    params: dsp.ConsoleParams, problem: Problem, medley: Medley, config: dsp.ConsoleConfig
) -> tuple[Array, Array]:
    """Mix the pieces and join them at one loudness.

    Returns:
        The medley, `(2, time)`, and each track's excitation over it, `(tracks, bands, frames)`.
    """
    tracks: dsp.TrackParams = jax.tree.map(lambda leaf: leaf[problem.strip_of_track], params.tracks)
    side = problem.side_of_track
    if side is not None:
        tracks = tracks._replace(pan=positions(tracks.pan, side))
    expanded = params._replace(tracks=tracks)
    key = jax.random.key(REVERB_SEED)

    # Both ears are summed: that is a factor to the mono signal, of half as many spectra.
    gains = jax.vmap(partial(pan_gains, law=config.pan_law))(tracks.pan)
    both = jnp.sum(jnp.square(gains), axis=1)[:, None, None]

    late = latency_samples(config)

    def one(piece: Array) -> tuple[Array, Array]:
        output = dsp.mix_console(
            piece, expanded, config, sample_rate=SAMPLE_RATE, mask=problem.mask, side=side, key=key
        )
        mono = output.mono[:, LEAD : LEAD + PIECE]
        mix = output.mix[:, LEAD + late :]
        return mix, both * band_excitation(mono, sample_rate=SAMPLE_RATE)

    # One after another, each mixed again on the way back: what it needs then stays in the cache.
    mixes, excitations = jax.lax.map(jax.checkpoint(one), medley.audio)
    joined = jnp.swapaxes(mixes, 0, 1).reshape(2, -1)[:, : len(medley.window)]
    mix = normalize_loudness(joined * medley.window[None], MATCHED_LUFS, sample_rate=SAMPLE_RATE)
    frames = jnp.moveaxis(excitations, 0, -2)
    return mix, frames.reshape(*frames.shape[:2], -1)


def _prior(steps: Controls, params: dsp.ConsoleParams, heard: Array, problem: Problem) -> Array:
    """Price of the settings themselves, per track."""
    count = jnp.maximum(jnp.sum(problem.mask), 1)
    way = sum(jnp.sum(jnp.square(group)) for group in steps)
    ends = zip(_controls(params), _controls(problem.start), strict=True)
    pressed = sum(jnp.sum(_pressed(now, before)) for now, before in ends)
    piled = jnp.sum(jax.vmap(_piled)(params.tracks.equalizer, problem.start.tracks.equalizer))
    buried = jnp.sum(faintness(heard))
    tracks = (WAY * way + PRESSED * pressed + PILED * piled + BURIED * buried) / count
    buses = params.master_bus.equalizer, problem.start.master_bus.equalizer
    return tracks + PILED * _piled(*buses)


def _piled(equalizer: dsp.EqualizerParams, start: dsp.EqualizerParams) -> Array:
    """What an equalizer does beyond `EVERYDAY_DB`, or beyond what the prediction does already.

    A prior that the prediction itself had to pay would lead away from it, whatever is heard.
    """
    curve, predicted = (
        jnp.abs(dsp.equalizer_response(e, CURVE_HZ, sample_rate=SAMPLE_RATE))
        for e in (equalizer, start)
    )
    beyond = jnp.maximum(curve - jnp.maximum(predicted, EVERYDAY_DB), 0.0)
    return jnp.mean(jnp.square(beyond / EVERYDAY_DB))


def _pressed(now: Array, before: Array) -> Array:
    room = jnp.minimum(jnp.minimum(before, 1.0 - before), END)
    left = jnp.minimum(now, 1.0 - now)
    return jnp.square(jnp.maximum((room - left) / END, 0.0))

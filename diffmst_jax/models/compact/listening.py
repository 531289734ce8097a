"""Mix, listen, correct: what an engineer does with a first mix, a few times over.

The picture that a mix is solved in (`picture`) leaves out dynamics and how a mix is measured.
Both show once an excerpt is mixed: the difference between what is measured and what was wanted
moves the aim of the picture, and the next solution is closer. The master's threshold is chosen when
the balance has taken care of the peaks that it can, as the one that leaves the reference's crest
factor and does not turn the mix down further than engineers do. Where all rounds have not come
near, a solution is caught: it begins anew, at first without regard to loudness. To bury a track
that was lost in a round costs more in those after it. No gradient passes through audio; the best
mix of all rounds is kept, so listening cannot make an excerpt worse.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

import dsp
from diffmst_jax.audio import REVERB_SEED
from diffmst_jax.controls import Controls
from diffmst_jax.losses import StyleFeatures, style_distance
from diffmst_jax.losses.audio_features import crest_factor_db
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models.compact.bands import STYLE_BANDS
from diffmst_jax.models.compact.masking import energy_over_time, heard_shares
from diffmst_jax.models.compact.matching import COSTS, FARTHEST, FIRST_COSTS, FIRST_FARTHEST, match
from diffmst_jax.models.compact.peaks import highest_peaks, samples_in_bands
from diffmst_jax.models.compact.picture import (
    Heard,
    Mix,
    Picture,
    boosts_db,
    level_error,
    picture,
    resting_pan,
    strip_gains,
)
from diffmst_jax.models.compact.starting_point import with_mix
from diffmst_jax.models.compact.style_spectrum import measured_style
from diffmst_jax.models.levels import REFERENCE_LUFS
from dsp.console_strip import master_dynamics, master_tone
from dsp.dynamics import lookahead_samples
from dsp.side_chain import linked_power

ROUNDS = 4  # of a full excerpt
MOST_ROUNDS = 8  # of a short one, in no more time
CHOICE = 2  # the round that chooses the master's threshold: once balance has settled
ASTRAY = 0.04  # style distance that no mix should have after all rounds: then half as many follow
FREE_STEPS = 60  # of matching, when it begins anew
LOST = 0.03  # share of its loudness; a report names what keeps 0.02
DEARER = 3.0  # times the price of burying a strip, after each round in which it was lost
PEAKS = 32  # of each channel of each mix
PEAKS_ALONE = 2  # of each track
WIDTH_FLOOR = 1e-9
LEAST_GAIN = 1e-4  # of a band by its strip, to tell what it was before
# The compressor that is tried on the master bus, and where. Thresholds are for a mix at -16 LUFS.
TRIED = dsp.CompressorParams(0.0, 8.0, 5.5, 80.0, 6.0, 0.0)
THRESHOLDS_DB = (-4.0, -6.0, -8.0, -10.0, -12.0, -14.0)
COST_OF_COMPRESSION = 0.1  # squared dB of crest factor that the next lower threshold has to gain
MOST_REDUCTION_DB = 6.0  # anywhere in the excerpt: what engineers let the bus take at its peaks


class _Round(NamedTuple):
    """What goes from one round to the next.

    Attributes:
        params: what was mixed with.
        rest: settings from which moving costs.
        moved: how far the picture's settings lie from there.
        aim: what the picture is to show next.
        peaks: what the tracks do wherever a mix of them peaked, see `Heard`.
        burying: price of burying each strip, `(tracks,)`.
        instants: samples at which the last mixes peaked, `(rounds, 2, PEAKS)`.
        best: the best so far, and its distance.
        lowest: scalar.
    """

    params: dsp.ConsoleParams
    rest: Mix
    moved: Mix
    aim: Picture
    peaks: Array
    burying: Array
    instants: Array
    best: dsp.ConsoleParams
    lowest: Array


class _Judged(NamedTuple):
    """A mix, measured at -16 LUFS.

    Attributes:
        params: what it was mixed with, the master's compressor chosen.
        features: what was measured.
        strips: every track before its panning, `(tracks, time)`.
        peaks: samples of the strips at which the mix peaks, `(2, PEAKS)`.
    """

    params: dsp.ConsoleParams
    features: StyleFeatures
    strips: Array
    peaks: Array


def rounds_for(length: int, *, full: int) -> int:
    """How often to mix an excerpt, for about the time that `ROUNDS` of a `full` one take.

    Args:
        length: of the excerpt in samples, at most `full`.
        full: length of the longest excerpt.
    """
    return min(MOST_ROUNDS, ROUNDS * full // length)


def listen(
    heard: Heard,
    wanted: Picture,
    rest: Mix,
    adjust: Callable[[Mix], Controls],
    tracks: Array,
    target: StyleFeatures,
    config: dsp.ConsoleConfig,
    *,
    sample_rate: int,
    rounds: int = ROUNDS,
) -> Controls:
    """Solve the picture, mix, listen, and solve it again for what was missing.

    Args:
        heard: what the picture knows of the tracks of one song; both channels of a pair get the
            same settings.
        wanted: what the picture is to show at first.
        rest: settings to start from.
        adjust: puts the first solution on the console and does what the picture leaves out. What
            comes of it is where all further solutions start from.
        tracks: the excerpt, at -48 LUFS each, `(tracks, time)`; silent where there is no track.
        target: of the reference at -16 LUFS, see `measured_style`.
        config: of the console.
        sample_rate: samples per second.
        rounds: how often to mix, more than `CHOICE`; see `rounds_for`. Half as often again where
            that has not come within `ASTRAY`.

    Returns:
        Controls of the mix that came nearest; the first is what `adjust` said.
    """

    def goes_on(state: tuple[_Round, Array]) -> Array:
        now, number = state
        return (number < rounds) | ((number < rounds + rounds // 2) & (now.lowest > ASTRAY))

    def solve_and_judge(state: tuple[_Round, Array]) -> tuple[_Round, Array]:
        now, number = state
        mix, now = _solve(now, number == 0, number == rounds, heard, adjust, sample_rate)
        choosing = (number == CHOICE) | (number == rounds + 1)
        judged = _judge(now.params, tracks, heard, target, config, sample_rate, choosing)
        distance = style_distance(judged.features, target).total
        better = distance < now.lowest
        now = now._replace(
            params=judged.params,
            burying=_dearer(now.burying, heard, mix, sample_rate),
            instants=now.instants.at[number % rounds].set(judged.peaks),
            best=jax.tree.map(lambda a, b: jnp.where(better, a, b), judged.params, now.best),
            lowest=jnp.minimum(distance, now.lowest),
        )
        # The last round has nobody to aim for.
        return jax.lax.cond(
            goes_on((now, number + 1)),
            lambda: _aim_again(now, mix, judged, heard, target, sample_rate),
            lambda: now,
        ), number + 1

    over_time = energy_over_time(tracks, heard.side, sample_rate=sample_rate)
    heard = heard._replace(over_time=over_time)
    start = _before_any(rest, wanted, rounds, sample_rate)
    last, _ = jax.lax.while_loop(goes_on, solve_and_judge, (start, jnp.asarray(0)))
    return Controls(*dsp.console_controls(last.best, sample_rate=sample_rate))


def _before_any(rest: Mix, wanted: Picture, rounds: int, rate: int) -> _Round:
    """What the first round starts with: no settings, no peaks, nothing moved."""
    count = len(rest.pan)
    sizes = (count, dsp.TRACK_CONTROLS), dsp.FX_BUS_CONTROLS, dsp.MASTER_CONTROLS
    unset = dsp.console_params(*(jnp.full(size, 0.5) for size in sizes), sample_rate=rate)
    instants = jnp.full((rounds, 2, PEAKS), -1)
    return _Round(
        params=unset,
        rest=rest,
        moved=jax.tree.map(jnp.zeros_like, rest),
        aim=wanted,
        peaks=jnp.zeros((count, STYLE_BANDS, instants.size + count * PEAKS_ALONE)),
        burying=jnp.full(count, COSTS.burying),
        instants=instants,
        best=unset,
        lowest=jnp.asarray(jnp.inf),
    )


def _solve(
    now: _Round,
    is_first: Array,
    anew: Array,
    heard: Heard,
    adjust: Callable[[Mix], Controls],
    rate: int,
) -> tuple[Mix, _Round]:
    """Solve the picture for what is aimed at, from rest if `anew`; returns what it has of settings.

    One solver for the first solution and the others: a second takes a quarter longer to compile.
    """
    costs, farthest = jax.tree.map(
        lambda first, later: jnp.where(is_first, first, later),
        (FIRST_COSTS, FIRST_FARTHEST),
        (COSTS._replace(burying=now.burying), FARTHEST),
    )
    known = heard._replace(peaks=now.peaks)
    found = match(
        known,
        now.aim,
        now.rest,
        rate,
        moved=jax.tree.map(lambda leaf: jnp.where(anew, 0.0, leaf), now.moved),
        costs=costs,
        farthest=farthest,
        free_steps=jnp.where(anew, FREE_STEPS, 0.0),
    )

    def begin() -> tuple[Mix, _Round]:
        params = dsp.console_params(*adjust(found.mix), sample_rate=rate)
        strips = jax.tree.map(lambda leaf: dsp.pair_mean(leaf, heard.side), params.tracks)
        pan = resting_pan(strips.pan, heard)
        rest = Mix(strips.input_gain_db, pan, strips.equalizer, params.master_bus.equalizer)
        params = with_mix(params._replace(tracks=strips), rest, heard.side)
        return rest, now._replace(params=params, rest=rest)

    def go_on() -> tuple[Mix, _Round]:
        params = with_mix(now.params, found.mix, heard.side)
        return found.mix, now._replace(params=params, moved=found.moved)

    return jax.lax.cond(is_first, begin, go_on)


def _dearer(price: Array, heard: Heard, mix: Mix, rate: int) -> Array:
    """Raise the price of burying the strips that are lost in a mix."""
    shares = heard_shares(heard, mix, boosts_db(heard, mix, rate))
    return jnp.where(shares < LOST, DEARER * price, price)


def _aim_again(
    now: _Round, mix: Mix, judged: _Judged, heard: Heard, target: StyleFeatures, rate: int
) -> _Round:
    """Move the aim by what was missing, now knowing what the tracks do where the mix peaked."""
    # Where tracks peak a mix may peak once they are louder: known before it is heard.
    alone = highest_peaks(judged.strips, PEAKS_ALONE)
    places = jnp.concatenate([now.instants.reshape(-1), alone.reshape(-1)])
    parted = samples_in_bands(judged.strips, places, sample_rate=rate)
    gains = jnp.maximum(strip_gains(heard, mix, rate), LEAST_GAIN)
    peaks = parted / gains[..., None]
    seen = picture(heard._replace(peaks=peaks), mix, rate)
    return now._replace(peaks=peaks, aim=_aim(seen, judged.features, target))


def _aim(seen: Picture, measured: StyleFeatures, target: StyleFeatures) -> Picture:
    """What the picture should show for the mix to measure as the target does."""
    wanted = seen._replace(loudness_db=jnp.asarray(REFERENCE_LUFS))
    missing = (target.bark_spectrum - measured.bark_spectrum).T
    widths = jnp.stack([target.stereo_width, measured.stereo_width])
    wider = jnp.diff(jnp.log(jnp.maximum(widths, WIDTH_FLOOR))[::-1])[0]
    return wanted._replace(
        spectrum=seen.spectrum + level_error(seen, wanted) + missing,
        log_width=seen.log_width + wider,
        imbalance=seen.imbalance + target.stereo_imbalance - measured.stereo_imbalance,
        crest_db=seen.crest_db + target.crest_factor_db - measured.crest_factor_db,
    )


def _judge(
    params: dsp.ConsoleParams,
    tracks: Array,
    heard: Heard,
    target: StyleFeatures,
    config: dsp.ConsoleConfig,
    rate: int,
    choosing: Array,
) -> _Judged:
    """Mix, choose the master's compressor if wanted, and measure the mix at -16 LUFS."""
    strips = dsp.console_strips(tracks, params.tracks, config, sample_rate=rate, side=heard.side)
    key = jax.random.key(REVERB_SEED)
    room = dsp.console_room(key, params.fx_bus, sample_rate=rate) if config.reverb else None
    before = dsp.console_buses(
        strips.dry,
        strips.sent,
        params.fx_bus,
        params.master_bus,
        replace(config, master_bus=False),
        sample_rate=rate,
        room=room,
    ).mix
    if not config.master_bus:
        return _Judged(params, _features(before, rate), strips.mono, highest_peaks(before, PEAKS))
    mix, _ = master_tone(before, params.master_bus, config, rate)
    own = jax.tree.map(jnp.asarray, params.master_bus.compressor)
    compressor = jax.lax.cond(
        choosing, lambda: _nearest_compressor(mix, own, target, config, rate), lambda: own
    )
    compressed, _ = master_dynamics(mix, compressor, config, rate)
    master = params.master_bus._replace(compressor=compressor)
    features = _features(compressed, rate)
    delay = lookahead_samples(config.master_lookahead_ms, sample_rate=rate)
    peaks = highest_peaks(compressed[:, delay:], PEAKS)
    return _Judged(params._replace(master_bus=master), features, strips.mono, peaks)


def _nearest_compressor(
    mix: Array,
    own: dsp.CompressorParams,
    target: StyleFeatures,
    config: dsp.ConsoleConfig,
    rate: int,
) -> dsp.CompressorParams:
    """Of a mix's own compressor and those that are tried, the one nearest the crest factor.

    None that turns down further than `MOST_REDUCTION_DB`; its own where all of them do.
    """
    tried = [own, *(TRIED._replace(threshold_db=threshold) for threshold in THRESHOLDS_DB)]
    choices = jax.tree.map(lambda *leaves: jnp.stack(leaves), *tried)
    # All hear one level, so it is taken from the channels once.
    level = jnp.sqrt(linked_power(mix, detector=config.detector))[None]
    gains = jax.vmap(
        lambda settings: dsp.compressor_gain(
            level, settings, sample_rate=rate, ballistics=config.ballistics
        )
    )(choices)
    delay = lookahead_samples(config.master_lookahead_ms, sample_rate=rate)
    late = jnp.pad(mix, ((0, 0), (delay, 0)))[:, : mix.shape[1]]
    crests = jax.vmap(lambda gain: crest_factor_db(late * gain[None]))(gains)
    errors = jnp.mean(jnp.square(crests - target.crest_factor_db[None]), axis=1)
    errors += COST_OF_COMPRESSION * jnp.arange(len(tried))
    is_bearable = jnp.min(gains, axis=1) > 10 ** (-MOST_REDUCTION_DB / 20)
    best = jnp.argmin(jnp.where(is_bearable, errors, jnp.inf))  # the first of all where none is
    return jax.tree.map(lambda leaf: leaf[best], choices)


def _features(mix: Array, rate: int) -> StyleFeatures:
    at_level = normalize_loudness(mix, REFERENCE_LUFS, sample_rate=rate)
    return measured_style(at_level, sample_rate=rate)

"""Mix, listen, correct: what an engineer does with a first mix, a few times over.

The picture that a mix is solved in (`matching`) leaves out dynamics and how a mix is measured.
Both show once an excerpt is mixed: the difference between what is measured and what was wanted
moves the aim of the picture, and the next solution is closer. The master's threshold is chosen in
the same pass, as the one that leaves the reference's crest factor. No gradient passes through
audio; the best mix of all rounds is kept, so listening cannot make an excerpt worse.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

import dsp
from diffmst_jax.losses import StyleFeatures, style_distance, style_features
from diffmst_jax.losses.audio_features import crest_factor_db
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models.controls import Controls
from diffmst_jax.models.levels import REFERENCE_LUFS
from diffmst_jax.models.matching import (
    Heard,
    Mix,
    Picture,
    level_error,
    match,
    picture,
    shared,
)
from diffmst_jax.models.starting_point import with_mix

ROUNDS = 3
WIDTH_FLOOR = 1e-9
# The compressor that is tried on the master bus, and where. Thresholds are for a mix at -16 LUFS.
TRIED = dsp.CompressorParams(0.0, 4.0, 8.0, 80.0, 6.0, 0.0)
THRESHOLDS_DB = (-4.0, -8.0, -12.0, -16.0, -20.0, -24.0, -28.0)
COST_OF_COMPRESSION = 0.1  # squared dB of crest factor that the next lower threshold has to gain


class _Round(NamedTuple):
    params: dsp.ConsoleParams
    best: dsp.ConsoleParams
    lowest: Array


def listen(
    controls: Controls,
    heard: Heard,
    tracks: Array,
    target: StyleFeatures,
    config: dsp.ConsoleConfig,
    *,
    sample_rate: int,
) -> Controls:
    """Correct controls by what a mix of an excerpt measures.

    Args:
        controls: of one song, to start from.
        heard: what the picture knows of the tracks; both channels of a pair get the same settings.
        tracks: the excerpt, at -48 LUFS each, `(tracks, time)`.
        target: features of the reference at -16 LUFS.
        config: of the console.
        sample_rate: samples per second.

    Returns:
        Controls whose mix of the excerpt is as near the reference or nearer.
    """
    side = heard.side
    first = dsp.console_params(*controls, sample_rate=sample_rate)
    strips = jax.tree.map(lambda leaf: shared(leaf, side), first.tracks)
    first = first._replace(tracks=strips)
    lean = strips.pan

    def once(state: tuple[_Round, Array], _: None) -> tuple[tuple[_Round, Array], None]:
        now, lean = state
        params, measured = _judged(now.params, tracks, heard.mask, target, config, sample_rate)
        distance = style_distance(measured, target).total
        better = distance < now.lowest
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), params, now.best)
        mix = _mix_of(params)._replace(pan=lean)
        aim = _aim(picture(heard, mix, sample_rate), measured, target)
        mix = match(heard, aim, mix, sample_rate)
        following = with_mix(params, mix, side)
        return (_Round(following, best, jnp.minimum(distance, now.lowest)), mix.pan), None

    first = with_mix(first, _mix_of(first), side)
    start = _Round(first, first, jnp.asarray(jnp.inf))
    (last, _), _ = jax.lax.scan(once, (start, lean), length=ROUNDS)
    return Controls(*dsp.console_controls(last.best, sample_rate=sample_rate))


def _mix_of(params: dsp.ConsoleParams) -> Mix:
    strips = params.tracks
    return Mix(strips.input_gain_db, strips.pan, strips.equalizer, params.master_bus.equalizer)


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
    )


def _judged(
    params: dsp.ConsoleParams,
    tracks: Array,
    mask: Array,
    target: StyleFeatures,
    config: dsp.ConsoleConfig,
    rate: int,
) -> tuple[dsp.ConsoleParams, StyleFeatures]:
    """Mix, choose the master's compressor, and measure the mix at -16 LUFS."""
    key = jax.random.key(0)
    if not config.master_bus:
        mix = dsp.mix_console(tracks, params, config, sample_rate=rate, mask=mask, key=key).mix
        return params, _features(mix, rate)
    before = replace(config, master_bus=False)
    mix = dsp.mix_console(tracks, params, before, sample_rate=rate, mask=mask, key=key).mix
    mix = dsp.parametric_eq(
        dsp.gain(mix, params.master_bus.input_fader_db),
        params.master_bus.equalizer,
        sample_rate=rate,
        method=config.equalizer_method,
    )
    own = jax.tree.map(jnp.asarray, params.master_bus.compressor)
    tried = [own] + [
        jax.tree.map(jnp.asarray, TRIED._replace(threshold_db=t)) for t in THRESHOLDS_DB
    ]
    choices = jax.tree.map(lambda *leaves: jnp.stack(leaves), *tried)

    def compressed(settings: dsp.CompressorParams) -> Array:
        return dsp.compressor(
            mix,
            settings,
            sample_rate=rate,
            ballistics=config.ballistics,
            detector=config.detector,
            lookahead_ms=config.master_lookahead_ms,
        )

    crests = jax.lax.map(lambda settings: crest_factor_db(compressed(settings)), choices)
    errors = jnp.mean(jnp.square(crests - target.crest_factor_db[None]), axis=1)
    chosen = jnp.argmin(errors + COST_OF_COMPRESSION * jnp.arange(len(tried)))
    compressor = jax.tree.map(lambda leaf: leaf[chosen], choices)
    master = params.master_bus._replace(compressor=compressor)
    return params._replace(master_bus=master), _features(compressed(compressor), rate)


def _features(mix: Array, rate: int) -> StyleFeatures:
    return style_features(
        normalize_loudness(mix, REFERENCE_LUFS, sample_rate=rate), sample_rate=rate
    )

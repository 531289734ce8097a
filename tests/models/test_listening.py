"""What the compact model does to its answer once it has heard it."""

import functools
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.losses import audio_feature_loss, style_distance, style_features
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models import Controls
from diffmst_jax.models.compact import listening
from diffmst_jax.models.compact.listening import (
    MOST_REDUCTION_DB,
    MOST_ROUNDS,
    ROUNDS,
    THRESHOLDS_DB,
    TRIED,
    _judge,
    _nearest_compressor,
    listen,
    rounds_for,
)
from diffmst_jax.models.compact.matching import COSTS, match
from diffmst_jax.models.compact.starting_point import resting_mix, start_from, wanted_picture
from dsp.side_chain import DETECTORS, linked_power
from tests.compiling import quick_jit
from tests.models.heard_song import ALL, PAIR, RATE, audio, hear, heard, start_of, style_of

style = quick_jit(functools.partial(style_features, sample_rate=RATE))


@pytest.mark.slow
def test_the_starting_point_is_near_the_reference_and_listening_brings_it_nearer():
    at_level = quick_jit(functools.partial(normalize_loudness, target_lufs=-16.0, sample_rate=RATE))
    loss = quick_jit(functools.partial(audio_feature_loss, sample_rate=RATE))
    tracks, reference = audio()
    reference = at_level(reference)
    statistics, _, measured = heard()
    console = dsp.ConsoleConfig()

    @quick_jit
    def distance(controls: Controls):
        params = dsp.console_params(*controls, sample_rate=RATE)
        mix = dsp.mix_console(tracks, params, console, sample_rate=RATE).mix
        mix = normalize_loudness(mix, -16.0, sample_rate=RATE)
        return audio_feature_loss(mix, reference, sample_rate=RATE).total

    side = jnp.zeros(4, jnp.int32)
    known = hear(tracks, side)
    start = start_of(statistics, known, measured)

    @quick_jit
    def listened(tracks, target):
        wanted = wanted_picture(measured)
        rest = resting_mix(statistics, ALL, side, measured, RATE)

        def adjust(solution):
            return start_from(solution, known, wanted, RATE).controls

        return listen(known, wanted, rest, adjust, tracks, target, console, sample_rate=RATE)

    plain = jnp.sum(tracks, axis=0)
    before, after = distance(start.controls), distance(listened(tracks, style_of(reference)))
    mono = at_level(jnp.stack([plain, plain]))
    assert loss(mono, reference).total > 1.0
    assert before < 0.05
    assert after < before


class _Listened(NamedTuple):
    """What was told of every round: the distance of its mix, and the prices of its solution."""

    losses: list[float]
    prices: np.ndarray


@pytest.fixture(scope="module")
def listened():
    """Listens to the small song, in which three tracks are lost; given what counts as astray."""
    tracks, reference = audio()
    statistics, _, measured = heard()
    side = jnp.zeros(4, jnp.int32)
    known = hear(tracks, side)
    wanted, target = wanted_picture(measured), style_of(reference)
    rest = resting_mix(statistics, ALL, side, measured, RATE)
    judge = listening._judge
    losses: list[float] = []
    prices: list[np.ndarray] = []

    def counted(params, tracks, known, target, *args):
        judged = judge(params, tracks, known, target, *args)
        distance = style_distance(judged.features, target).total
        jax.debug.callback(lambda value: losses.append(float(value)), distance, ordered=True)
        return judged

    def noted(*args, costs, **others):
        jax.debug.callback(prices.append, costs.burying, ordered=True)
        return match(*args, costs=costs, **others)

    def shares(*_):
        return jnp.array([1.0, 0.01, 0.02, 0.04])

    @quick_jit
    def compiled(tracks, astray):
        patched = {"ASTRAY": astray, "_judge": counted, "match": noted, "heard_shares": shares}
        with mock.patch.multiple(listening, **patched):
            return listen(
                known,
                wanted,
                rest,
                lambda solution: start_from(solution, known, wanted, RATE).controls,
                tracks,
                target,
                dsp.ConsoleConfig(),
                sample_rate=RATE,
            )

    @functools.cache
    def run(astray: float) -> _Listened:
        losses.clear()
        prices.clear()
        jax.block_until_ready(compiled(tracks, astray))
        jax.effects_barrier()
        return _Listened(list(losses), np.array(prices))

    return run


@pytest.mark.slow
def test_what_is_still_far_after_all_rounds_is_mixed_half_as_often_again(listened):
    near, far = listened(np.inf).losses, listened(0.0).losses
    assert len(near) == ROUNDS
    assert len(far) == ROUNDS + ROUNDS // 2
    np.testing.assert_allclose(far[:ROUNDS], near, rtol=1e-3)


@pytest.mark.slow
def test_to_bury_what_was_lost_costs_more_in_every_round_after(listened):
    first, *later = listened(np.inf).prices / COSTS.burying
    assert not first.any()  # nothing was heard yet
    rising = listening.DEARER ** np.arange(1, ROUNDS)
    np.testing.assert_allclose(later, [[1.0, price, price, 1.0] for price in rising], rtol=1e-5)


def test_short_excerpts_are_mixed_more_often_in_no_more_time():
    assert rounds_for(1000, full=1000) == ROUNDS
    assert rounds_for(100, full=1000) == MOST_ROUNDS
    for length in range(100, 1001, 50):
        rounds = rounds_for(length, full=1000)
        assert ROUNDS <= rounds <= MOST_ROUNDS
        assert rounds * length <= ROUNDS * 1000


def test_listening_mixes_pairs_as_the_console_does():
    tracks, reference = audio()
    known = hear(tracks)
    target = style(reference)
    console = dsp.ConsoleConfig(track_equalizer=False)
    controls = [np.full(n, 0.5, np.float32) for n in ((4, dsp.TRACK_CONTROLS), (25,), (26,))]
    controls[0][:, 0] = 0.9  # well above the threshold

    @quick_jit
    def sums(x, controls):
        params = dsp.console_params(*controls, sample_rate=RATE)
        judged = _judge(params, x, known, target, console, RATE, jnp.asarray(False))
        mixed = [
            dsp.console_strips(x, params.tracks, console, sample_rate=RATE, side=side).mono
            for side in (PAIR, None)
        ]
        return judged.strips, *mixed

    judged, linked, apart = sums(tracks, controls)
    peak = np.max(np.abs(linked))
    np.testing.assert_allclose(judged, linked, rtol=0, atol=1e-6 * peak)
    assert np.max(np.abs(judged - apart)) > 1e-3 * peak


@pytest.mark.parametrize(("peak", "most_db"), [(2.8, MOST_REDUCTION_DB), (40.0, 0.0)])
def test_the_master_s_compressor_takes_no_more_than_engineers_let_it(peak, most_db):
    """Bursts, whose lowest threshold takes too much, or every threshold."""
    t = jnp.arange(RATE) / RATE
    noise = jnp.asarray(np.random.default_rng(0).standard_normal((2, RATE)), jnp.float32)
    mix = noise * (0.01 + jnp.exp(-60.0 * (t % 0.25)))[None]
    mix *= peak / jnp.max(jnp.abs(mix))
    measured = style(mix)
    own = dsp.neutral_console(1, sample_rate=RATE).master_bus.compressor
    own = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), own)

    @quick_jit
    def reductions_db(crest_db):
        target = measured._replace(crest_factor_db=jnp.full(2, crest_db))
        chosen = _nearest_compressor(mix, own, target, dsp.ConsoleConfig(), RATE)
        lowest = TRIED._replace(threshold_db=THRESHOLDS_DB[-1])
        gains = [dsp.compressor_gain(mix, c, sample_rate=RATE) for c in (chosen, lowest)]
        return [-20 * jnp.log10(jnp.min(gain)) for gain in gains]

    # Both ways, for which of them compression leads to depends on its attack.
    (fewer_peaks, lowest), (more_peaks, _) = reductions_db(-40.0), reductions_db(60.0)
    assert lowest > MOST_REDUCTION_DB + 2.0
    assert min(fewer_peaks, more_peaks) == 0.0
    assert 0.5 * most_db <= max(fewer_peaks, more_peaks) <= most_db


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_compressor_that_hears_the_level_of_a_mix_does_what_it_does_for_the_mix(detector):
    """By which the compressors that are tried share one measurement."""
    mix = jnp.asarray(np.random.default_rng(1).standard_normal((2, RATE)), jnp.float32)

    @quick_jit
    def gains(mix):
        level = jnp.sqrt(linked_power(mix, detector=detector))[None]
        settings = TRIED._replace(threshold_db=THRESHOLDS_DB[-1])
        return (
            dsp.compressor_gain(mix, settings, sample_rate=RATE, detector=detector),
            dsp.compressor_gain(level, settings, sample_rate=RATE),
        )

    of_mix, of_level = gains(mix)
    assert jnp.min(of_mix) < 0.5
    np.testing.assert_allclose(of_level, of_mix, rtol=1e-5)


def test_where_every_compressor_takes_too_much_the_mix_keeps_its_own():
    mix = 40.0 * jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, RATE)), jnp.float32)
    target = style(mix)
    own = jax.tree.map(jnp.asarray, TRIED._replace(threshold_db=-30.0))
    chosen = quick_jit(
        lambda own: _nearest_compressor(mix, own, target, dsp.ConsoleConfig(), RATE)
    )(own)
    assert chosen.threshold_db == own.threshold_db

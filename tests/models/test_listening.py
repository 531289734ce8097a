"""What the compact model does to its answer once it has heard it."""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.losses import audio_feature_loss, style_features
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models import Controls
from diffmst_jax.models.listening import MOST_REDUCTION_DB, THRESHOLDS_DB, _judge, listen
from diffmst_jax.models.starting_point import hear
from tests.compiling import quick_jit
from tests.models.heard_song import ALL, PAIR, RATE, audio, energies, heard, start_of


@pytest.mark.slow
def test_the_starting_point_is_near_the_reference_and_listening_brings_it_nearer():
    at_level = functools.partial(normalize_loudness, target_lufs=-16.0, sample_rate=RATE)
    tracks, reference = audio()
    reference = at_level(reference)
    statistics, energy, measured = heard()
    console = dsp.ConsoleConfig()

    @quick_jit
    def distance(controls: Controls):
        params = dsp.console_params(*controls, sample_rate=RATE)
        mix = dsp.mix_console(tracks, params, console, sample_rate=RATE).mix
        return audio_feature_loss(at_level(mix), reference, sample_rate=RATE).total

    start = start_of(statistics, hear(statistics, energy, ALL, jnp.zeros(4, jnp.int32)), measured)
    known = hear(statistics, energy, ALL, jnp.zeros(4, jnp.int32))
    target = style_features(reference, sample_rate=RATE)
    listened = quick_jit(
        lambda controls: listen(controls, known, tracks, target, console, sample_rate=RATE)
    )(start.controls)
    plain = jnp.sum(tracks, axis=0)
    before, after = distance(start.controls), distance(listened)
    mono = at_level(jnp.stack([plain, plain]))
    assert audio_feature_loss(mono, reference, sample_rate=RATE).total > 1.0
    assert before < 0.05
    assert after < before


def test_listening_mixes_pairs_as_the_console_does():
    tracks, reference = audio()
    statistics, energy, _ = heard()
    known = hear(statistics, energy, ALL, PAIR)
    target = style_features(reference, sample_rate=RATE)
    console = dsp.ConsoleConfig(track_equalizer=False)
    controls = [np.full(n, 0.5, np.float32) for n in ((4, dsp.TRACK_CONTROLS), (25,), (26,))]
    controls[0][:, 0] = 0.9  # well above the threshold

    @quick_jit
    def sums(x, controls):
        params = dsp.console_params(*controls, sample_rate=RATE)
        judged = _judge(params, x, known, target, console, RATE, jnp.asarray(False))
        bare = dataclasses.replace(console, master_bus=False)
        mixed = [
            dsp.mix_console(x, params, bare, sample_rate=RATE, side=side).mix
            for side in (PAIR, None)
        ]
        return judged.sum, *mixed

    judged, linked, apart = sums(tracks, controls)
    peak = np.max(np.abs(linked))
    np.testing.assert_allclose(judged, linked, rtol=0, atol=1e-6 * peak)
    assert np.max(np.abs(judged - apart)) > 1e-3 * peak


@pytest.mark.parametrize("crest_db", [-40.0, 60.0])
def test_the_master_s_compressor_takes_no_more_than_engineers_let_it(crest_db):
    """Bursts, as a reference that knows no peaks or nothing else wants them."""
    tracks, reference = audio()
    t = jnp.arange(tracks.shape[1]) / RATE
    bursts = tracks * (0.01 + jnp.exp(-60.0 * (t % 0.25)))[None]
    bursts *= 2.8 / jnp.max(jnp.abs(jnp.sum(bursts, axis=0)))
    heard_song = hear(heard()[0], energies(bursts), ALL, jnp.zeros(4, jnp.int32))
    console = dsp.ConsoleConfig()
    neutral = dsp.neutral_console(4, sample_rate=RATE)

    @quick_jit
    def judged(reference):
        target = style_features(reference, sample_rate=RATE)
        target = target._replace(crest_factor_db=jnp.full(2, crest_db))
        judged = _judge(neutral, bursts, heard_song, target, console, RATE, jnp.asarray(True))
        chosen = judged.params.master_bus.compressor
        lowest = chosen._replace(threshold_db=THRESHOLDS_DB[-1])
        gains = [dsp.compressor_gain(judged.sum, c, sample_rate=RATE) for c in (chosen, lowest)]
        return [-20 * jnp.log10(jnp.min(gain)) for gain in gains]

    reduction_db, lowest_db = judged(reference)
    if crest_db > 0:
        assert reduction_db == 0.0
    else:
        assert 0.5 * MOST_REDUCTION_DB < reduction_db < MOST_REDUCTION_DB
        assert lowest_db > MOST_REDUCTION_DB + 2.0, "what the reference alone would have chosen"

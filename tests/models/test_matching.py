"""The picture of the console that the compact model starts from, against the console itself."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.losses import audio_feature_loss
from diffmst_jax.models import CompactConfig
from diffmst_jax.models.front_end import band_statistics, measure_reference, style_band_hz
from diffmst_jax.models.matching import Heard, Mix, equalizer_basis, match, picture
from diffmst_jax.models.starting_point import MARGIN, head_scales, starting_point
from tests.models.small import song

RATE = 44100
CONFIG = CompactConfig()
TIME = 65536


@functools.cache
def heard(count: int = 4):
    tracks, reference = song(count, time=TIME)
    statistics = jax.jit(functools.partial(band_statistics, config=CONFIG, sample_rate=RATE))
    mid_side = jnp.stack([reference[0] + reference[1], reference[0] - reference[1]])
    measured = measure_reference(jnp.asarray(reference), statistics(mid_side).spectrum)
    return jnp.asarray(tracks), jnp.asarray(reference), statistics(tracks), measured


def random_mix(count: int) -> Mix:
    rng = np.random.default_rng(1)
    draws = rng.uniform(-6, 6, count), rng.uniform(0.1, 0.9, count), rng.uniform(-6, 6, (count, 6))
    return Mix(*(jnp.asarray(d, jnp.float32) for d in (*draws, rng.uniform(-6, 6, 6))))


@pytest.mark.slow
def test_the_picture_is_near_what_the_console_does():
    """Independent noises, no compression: mean error below 0.1 nepers, imbalance within 0.05."""
    tracks, _, statistics, _ = heard()
    mix = random_mix(4)
    neutral = dsp.neutral_console(4, sample_rate=RATE)
    strip, master = neutral.tracks, neutral.master_bus
    params = neutral._replace(
        tracks=strip._replace(
            input_gain_db=mix.gain_db,
            pan=mix.pan,
            equalizer=strip.equalizer._replace(gain_db=mix.equalizer_db),
        ),
        master_bus=master._replace(equalizer=master.equalizer._replace(gain_db=mix.master_db)),
    )
    audio = jax.jit(
        lambda x: dsp.mix_console(x, params, dsp.ConsoleConfig(), sample_rate=RATE).mix
    )(tracks)
    mid_side = jnp.stack([audio[0] + audio[1], audio[0] - audio[1]])
    real = band_statistics(mid_side, CONFIG, sample_rate=RATE).spectrum
    basis = equalizer_basis(style_band_hz(), sample_rate=RATE)
    seen = picture(Heard(statistics.spectrum, statistics.energy, jnp.ones(4, bool)), mix, basis)
    assert jnp.mean(jnp.abs(seen.spectrum - real)) < 0.1
    power = jnp.mean(jnp.square(audio), axis=1)
    assert abs(seen.imbalance - (power[1] - power[0]) / (power[1] + power[0])) < 0.05


def test_matching_finds_its_way_back():
    _, _, statistics, _ = heard()
    basis = equalizer_basis(style_band_hz(), sample_rate=RATE)
    tracks = Heard(statistics.spectrum, statistics.energy, jnp.ones(4, bool))
    wanted = picture(tracks, random_mix(4), basis)
    positions = jnp.array([0.4, 0.6, 0.3, 0.7])
    start = Mix(jnp.zeros(4), positions, jnp.zeros((4, 6)), jnp.zeros(6))
    found = picture(tracks, match(tracks, wanted, start, basis), basis)
    before = picture(tracks, start, basis)
    error, first = (jnp.mean(jnp.square(p.spectrum - wanted.spectrum)) for p in (found, before))
    assert error < 0.1 * first
    assert abs(found.imbalance - wanted.imbalance) < 0.05


@pytest.mark.slow
def test_the_starting_point_is_near_the_reference_without_training():
    tracks, reference, statistics, measured = heard()
    mask = jnp.ones(4, bool)

    @jax.jit
    def distance(tracks):
        start = starting_point(statistics, mask, measured, RATE)
        params = dsp.console_params(*start.controls, sample_rate=RATE)
        mix = dsp.mix_console(tracks, params, dsp.ConsoleConfig(), sample_rate=RATE).mix
        plain = jnp.sum(tracks, axis=0) * 10 ** ((32 - 10 * jnp.log10(4.0)) / 20)
        both = mix, jnp.stack([plain, plain])
        losses = [audio_feature_loss(m, reference, sample_rate=RATE).total for m in both]
        return losses, start.controls

    (ours, plain), controls = distance(tracks)
    assert ours < 0.1
    assert plain > 1.0  # a mono sum as loud as the reference
    assert all((c >= MARGIN - 1e-6).all() and (c <= 1 - MARGIN + 1e-6).all() for c in controls)


@pytest.mark.parametrize("present", [0, 1])
def test_few_tracks_and_silence_are_finite(present):
    _, _, statistics, measured = heard()
    mask = jnp.arange(4) < present
    silent = jax.tree.map(jnp.zeros_like, measured)
    for reference in (measured, silent):
        start = starting_point(statistics, mask, reference, RATE)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(start))


def test_a_step_of_every_head_is_what_it_says():
    scales = head_scales(sample_rate=RATE)
    middle = jax.nn.sigmoid(0.01 * scales.track) - 0.5
    gain_db = 96.0 * middle[0] / 0.01
    np.testing.assert_allclose(gain_db, 6.0, rtol=1e-2)
    assert all((s > 0).all() for s in scales)

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmst_jax.losses import audibility, band_excitation, playing
from diffmst_jax.losses.audibility import (
    BANDS,
    MASKED_DB,
    THRESHOLD_DB,
    partial_loudness,
)
from tests.compiling import quick_jit

RATE = 44100


def tone(frequency_hz: float, level_db: float, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)


def noise(seed: int, level_db: float, seconds: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (10 ** (level_db / 20) * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


excitation_of = jax.jit(band_excitation, static_argnames="sample_rate")


@jax.jit
def heard(tracks):
    return audibility(band_excitation(tracks, sample_rate=RATE))


def test_track_alone_is_heard_whole_and_so_is_one_that_does_not_play():
    silent = np.zeros_like(tone(1000, 0))
    assert np.asarray(heard(np.stack([tone(1000, -20), silent]))) == pytest.approx([1, 1], abs=1e-4)


@jax.jit
def heard_of(tracks, gains):
    plays = playing(jnp.mean(jnp.square(tracks), axis=1))
    return audibility(band_excitation(tracks * gains[:, None], sample_rate=RATE), plays)


def test_track_that_is_turned_off_is_not_heard():
    """At -70 dB it counted as one that does not play: as heard whole."""
    tracks = np.stack([noise(i, -20) for i in range(3)] + [np.zeros_like(noise(0, 0))])
    shares = [
        np.asarray(heard_of(tracks, 10 ** (np.array([0, 0, fade_db, 0]) / 20)))
        for fade_db in (-40.0, -60.0, -65.0, -70.0, -80.0, -120.0, -np.inf)
    ]
    assert all(high[2] >= low[2] for high, low in itertools.pairwise(shares))
    assert all(share[2] < 1e-6 for share in shares)
    assert all(share[3] == 1.0 for share in shares)


def test_gradient_is_finite_where_a_track_is_all_but_turned_off():
    tracks = np.stack([noise(0, -20), noise(1, -20)])
    slope = quick_jit(jax.grad(lambda gains: heard_of(tracks, gains)[1]))
    for fade in (1e-3, 1e-4, 1e-6, 0.0):
        assert np.all(np.isfinite(slope(np.array([1.0, fade], np.float32))))


def test_level_of_the_recording_does_not_matter():
    tracks = np.stack([tone(1000, -20), noise(0, -30)])
    assert np.asarray(heard(0.01 * tracks)) == pytest.approx(np.asarray(heard(tracks)), rel=1e-3)


def test_track_is_heard_less_the_lower_it_lies_under_the_others():
    shares = [
        float(heard(np.stack([tone(1000, level), noise(0, -30)]))[0]) for level in range(-60, 1, 10)
    ]
    assert all(low < high for low, high in itertools.pairwise(shares))
    assert shares[0] < 0.02
    assert shares[-1] > 0.6


def test_masker_hides_what_lies_above_it_more_than_what_lies_below():
    far = heard(np.stack([tone(6000, -40), tone(500, -10)]))[0]
    above = heard(np.stack([tone(1250, -40), tone(1000, -10)]))[0]
    below = heard(np.stack([tone(800, -40), tone(1000, -10)]))[0]
    assert float(far) > 0.9
    assert float(above) < float(below) < float(far)


def test_tracks_panned_apart_are_heard_better():
    voice, band = tone(1000, -30), noise(0, -30)
    centre = np.stack([[voice, voice], [band, band]]) / np.sqrt(2)
    apart = np.stack([[voice, 0 * voice], [0 * band, band]])
    assert float(heard(apart)[0]) > float(heard(centre)[0]) + 0.1


def test_partial_loudness_has_no_step_at_the_masked_threshold():
    threshold, masked = (
        np.array(10 ** (THRESHOLD_DB[-1] / 10)),
        np.array(10 ** (MASKED_DB[-1] / 10)),
    )
    others = np.array([0.0, 1e3, 1e7], np.float32)
    at = (masked * others + threshold).astype(np.float32)
    loudness = jax.jit(functools.partial(partial_loudness, threshold=threshold, masked=masked))
    below, above = (loudness(np.float32(x) * at, others) for x in (0.9999, 1.0001))
    assert np.asarray(below) == pytest.approx(np.asarray(above), rel=0.02)


def test_partial_loudness_far_below_the_masked_threshold_is_that_of_float64(float64):
    """A difference of two numbers that were alike: at -70 dB nothing was left of it."""
    threshold, masked = 10 ** (THRESHOLD_DB[-1] / 10), 10 ** (MASKED_DB[-1] / 10)
    own, others = 10.0 ** np.arange(0.0, 7.0), 1e8
    loudness = functools.partial(partial_loudness, threshold=threshold, masked=masked)
    exact = loudness(jnp.asarray(own), jnp.asarray(others))
    assert exact.dtype == jnp.float64
    found = jax.jit(loudness)(jnp.asarray(own, jnp.float32), jnp.asarray(others, jnp.float32))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_gradient_is_finite_at_silence_and_says_louder_is_heard_better():
    tracks = np.stack([tone(1000, -40), noise(0, -30), np.zeros_like(tone(1000, 0))])
    excitation = excitation_of(tracks, sample_rate=RATE)

    def share(gains):
        return audibility(jnp.square(gains)[:, None, None] * excitation)[0]

    slope_at = quick_jit(jax.grad(share))
    slope = slope_at(np.ones(3, np.float32))
    assert np.all(np.isfinite(slope))
    assert slope[0] > 0 > slope[1]
    assert np.all(np.isfinite(slope_at(np.zeros(3, np.float32))))


def test_excitation_adds_up_for_signals_that_have_nothing_in_common():
    a, b = tone(500, -20), tone(5000, -20)
    both = excitation_of(a + b, sample_rate=RATE)
    apart = np.sum(excitation_of(np.stack([a, b]), sample_rate=RATE), axis=0)
    assert both.shape[0] == BANDS
    assert np.asarray(both)[:, 1:-1] == pytest.approx(np.asarray(apart)[:, 1:-1], rel=0.02)


def test_a_sample_rate_too_low_for_the_bands_is_refused():
    assert excitation_of(jnp.zeros((1, 4096)), sample_rate=32000).shape == (1, BANDS, 2)
    with pytest.raises(ValueError, match=r"sample_rate is 22050; expected .* at least 32000"):
        band_excitation(jnp.zeros((1, 4096)), sample_rate=22050)

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import sosfilt

import dsp.loudness
from diffmst_jax.mixing.finishing.weighting import PieceWeighting
from diffmst_jax.mixing.signals import measure
from diffmst_jax.mixing.signals.pieces import PIECE
from dsp.weighting import k_weighting_sos
from tests.mixing.songs import bursts, tone

RATE = 44100


@pytest.fixture(scope="module")
def stereo():
    loud = np.concatenate([bursts(4.0, 3.0, 1), tone(4.0, 300.0)])
    loud[:, :RATE] *= 0.01  # below the relative gate
    return loud


def test_integrated_loudness_is_that_of_dsp(stereo):
    expected = float(dsp.loudness.integrated_loudness(jnp.asarray(stereo), sample_rate=RATE))
    assert measure.integrated_loudness(stereo, sample_rate=RATE) == pytest.approx(
        expected, abs=0.01
    )


def test_momentary_loudness_is_that_of_dsp(stereo):
    expected = jax.jit(partial(dsp.loudness.momentary_loudness, sample_rate=RATE))(stereo)
    powers = measure.weighted_step_powers(stereo, sample_rate=RATE)
    momentary = measure.sliding_loudness(powers, measure.MOMENTARY_STEPS)
    np.testing.assert_allclose(momentary, expected[: len(momentary)], atol=0.01)


@pytest.mark.parametrize("pieces", [[1, 6000, 65, 63, 64 * 300], [4410 * 3], [70]])
def test_step_powers_are_those_of_the_filter_sample_by_sample(pieces):
    rng = np.random.default_rng(0)
    audio = rng.standard_normal((2, sum(pieces))).astype(np.float32)
    meter = measure.StepPowers(measure.KWeighting(2, sample_rate=RATE), sample_rate=RATE)
    for piece in np.split(audio, np.cumsum(pieces)[:-1], axis=1):
        meter.add(piece)
    filtered = sosfilt(k_weighting_sos(sample_rate=RATE), audio.astype(np.float64))
    steps = sum(pieces) // 4410
    expected = np.sum(filtered[:, : steps * 4410].reshape(2, steps, 4410) ** 2, axis=(0, 2)) / 4410
    np.testing.assert_allclose(meter.result(), expected, rtol=1e-10)


def test_pieces_are_weighted_as_sample_by_sample():
    audio = np.random.default_rng(0).standard_normal((2, 2 * PIECE + 5000)).astype(np.float32)
    meter = measure.StepPowers(PieceWeighting(2), sample_rate=RATE)
    for start in range(0, audio.shape[1], PIECE):
        meter.add(audio[:, start : start + PIECE])
    expected = measure.weighted_step_powers(audio, sample_rate=RATE)
    np.testing.assert_allclose(meter.result(), expected, rtol=1e-6)


def test_silence_has_no_loudness():
    assert measure.integrated_loudness(np.zeros((2, RATE), np.float32), sample_rate=RATE) == -np.inf


@pytest.mark.parametrize("chunk", [1 << 18, 1000])
def test_true_peak_is_that_of_dsp_whatever_the_pieces(stereo, chunk, monkeypatch):
    monkeypatch.setattr(measure, "TRUE_PEAK_CHUNK", chunk)
    expected = float(dsp.loudness.true_peak(jnp.asarray(stereo), sample_rate=RATE))
    assert measure.decibels(measure.true_peak(stereo)) == pytest.approx(expected, abs=0.05)


def test_true_peak_sees_what_lies_between_samples():
    quarter = np.sin(np.pi / 4 + np.pi / 2 * np.arange(4000))[np.newaxis].astype(np.float32)
    assert measure.peak(quarter) == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert measure.true_peak(quarter[:, 100:-100]) == pytest.approx(1.0, abs=0.1)


def test_true_peak_does_not_see_the_ends_of_pieces(monkeypatch):
    """Where a piece was cut at a peak, the filter rang: a mix at its ceiling was said to be above
    it by 0.3 dB."""
    monkeypatch.setattr(measure, "TRUE_PEAK_CHUNK", 1000)
    time = np.arange(8000)
    wave = np.cos(2 * np.pi * time / 1000) * np.sin(np.pi * time / 8000)
    for shift in (0, -measure.TRUE_PEAK_MARGIN, measure.TRUE_PEAK_MARGIN):
        moved = np.roll(wave, shift)[np.newaxis].astype(np.float32)
        assert measure.true_peak(moved) == pytest.approx(measure.peak(moved), rel=1e-3)

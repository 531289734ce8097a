import numpy as np
import pytest
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from diffmst_jax.audio import read_audio
from diffmst_jax.mixing.finishing.dither import dithered
from diffmst_jax.mixing.finishing.output import (
    MOST_LIMITING_DB,
    OutputTarget,
    finish,
)
from diffmst_jax.mixing.finishing.sliding import lowest_around, mean_around
from diffmst_jax.mixing.signals.measure import (
    decibels,
    integrated_loudness,
    true_peak,
    true_peak_envelope,
)
from diffmst_jax.result import write_mix
from tests.mixing.songs import bursts, tone

RATE = 44100


@pytest.fixture(scope="module")
def peaky():
    """Loud hits over a tone: 18 dB between loudness and peak."""
    return np.concatenate([bursts(4.0, 2.0, 1), bursts(4.0, 2.0, 2)]) + 0.3 * tone(4.0, 300.0)


@pytest.mark.parametrize("loudness", [-40.0, -23.0, -19.0])
def test_loudness_and_ceiling_are_met(peaky, loudness):
    result = finish(peaky, OutputTarget(loudness, -1.0))
    assert integrated_loudness(result.audio, sample_rate=RATE) == pytest.approx(loudness, abs=0.05)
    assert decibels(true_peak(result.audio)) <= -1.0 + 1e-6
    assert result.level.loudness_lufs == pytest.approx(loudness, abs=0.05)
    assert result.audio.dtype == np.float32


@pytest.mark.parametrize("fainter_db", [30.0, 60.0, 140.0])
@pytest.mark.parametrize("loudness", [-40.0, -17.0])
def test_a_mix_below_the_gate_of_loudness_is_no_silence(peaky, fainter_db, loudness):
    """The gate is of what is heard in the end, and not of the level that a console works at."""
    target = OutputTarget(loudness, -1.0)
    expected = finish(peaky, target)
    faint = peaky * np.float32(10 ** (-fainter_db / 20))
    result = finish(faint, target)
    np.testing.assert_allclose(result.audio, expected.audio, rtol=0, atol=1e-5)
    assert result.level.gain_db == pytest.approx(expected.level.gain_db + fainter_db, abs=1e-4)
    assert result.level.loudness_lufs == pytest.approx(expected.level.loudness_lufs, abs=1e-3)


def test_passages_that_the_gate_lets_through_in_the_end_count(peaky):
    """Loudness is that of the finished mix, wherever the mix came from."""
    quiet = np.concatenate([peaky, 0.25 * peaky], axis=1)
    expected = finish(quiet, OutputTarget(-30.0, -1.0))
    for fainter_db in (38.0, 46.0, 54.0):
        faint = quiet * np.float32(10 ** (-fainter_db / 20))
        result = finish(faint, OutputTarget(-30.0, -1.0))
        assert result.level.gain_db == pytest.approx(expected.level.gain_db + fainter_db, abs=1e-4)


def test_without_limiting_it_is_a_plain_gain(peaky):
    result = finish(peaky, OutputTarget(-40.0, -1.0))
    assert result.level.limiting_db == 0
    gain = 10 ** (result.level.gain_db / 20)
    np.testing.assert_allclose(result.audio, peaky * gain, rtol=1e-6)


def test_the_limiter_turns_both_channels_down_together_and_moves_slowly(peaky):
    result = finish(peaky, OutputTarget(-17.0, -1.0))
    assert 1.0 < result.level.limiting_db <= MOST_LIMITING_DB + 0.01
    loud = np.abs(peaky) > 0.01
    gains = np.where(loud, result.audio / np.where(loud, peaky, 1.0), np.nan)
    both = np.all(loud, axis=0)
    np.testing.assert_allclose(gains[0, both], gains[1, both], rtol=1e-4)
    step = np.abs(np.diff(gains[:, both])) / np.diff(np.flatnonzero(both))
    assert np.max(step) < 0.003  # 40 ms from no reduction to full


def test_what_limiting_cannot_reach_stays_quieter(peaky):
    result = finish(peaky, OutputTarget(-5.0, -1.0))
    assert result.level.limiting_db == pytest.approx(MOST_LIMITING_DB, abs=0.01)
    assert result.level.loudness_lufs < -6.0
    assert decibels(true_peak(result.audio)) <= -1.0 + 1e-6


def test_silence_stays_silence():
    silence = np.zeros((2, RATE), np.float32)
    result = finish(silence, OutputTarget())
    np.testing.assert_array_equal(result.audio, silence)
    assert result.level.loudness_lufs == -np.inf


def test_the_envelope_is_as_long_as_the_audio_and_never_below_it(peaky):
    envelope = true_peak_envelope(peaky)
    assert envelope.shape == peaky.shape[1:]
    assert np.all(envelope >= np.max(np.abs(peaky), axis=0))


def test_dither_keeps_what_is_smaller_than_a_step():
    quiet = tone(2.0, 440.0, 0.3) / 2**15
    rounded = np.round(quiet * 2**15) / 2**15
    kept = dithered(quiet, 16)
    assert np.all(rounded == 0)
    assert np.sum(kept * quiet) / np.sum(quiet * quiet) == pytest.approx(1.0, abs=0.05)
    np.testing.assert_array_equal(kept, dithered(quiet, 16))


def test_dithered_audio_survives_its_format_and_never_wraps_around(tmp_path):
    loud = np.array([[1.0, -1.0, 0.5] * 10000], np.float32)
    kept = dithered(loud, 16)
    write_mix(tmp_path / "x.wav", loud, subtype="PCM_16")
    np.testing.assert_array_equal(read_audio(tmp_path / "x.wav"), kept.astype(np.float32))
    np.testing.assert_allclose(kept, loud, atol=2.5 / 2**15)


@pytest.mark.parametrize("length", [1, 100, 1000])
def test_sliding_windows_are_scipys(length):
    x = np.random.default_rng(0).random(length)
    lowest = minimum_filter1d(x, 201, mode="constant", cval=1.0)
    np.testing.assert_array_equal(lowest_around(x, 100), lowest)
    mean = uniform_filter1d(x, 51, mode="nearest")
    np.testing.assert_allclose(mean_around(x, 25), mean, rtol=0, atol=1e-12)

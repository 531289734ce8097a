import jax
import numpy as np
import pyloudnorm
import pytest

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.controls import Controls
from diffmst_jax.evaluation.metrics import (
    BANDS,
    CATALOGUE,
    DB_PER_NEPER,
    TERMS,
    TOTAL,
    audibility_scores,
    controls_error,
    judge,
    measured,
    spectral_truth,
    stereo_correlation,
    strip_audibility,
)
from diffmst_jax.losses import AudioFeatureWeights
from tests import golden

audibility_of = jax.jit(strip_audibility, static_argnames="strips")
correlation = jax.jit(stereo_correlation)

TERM_NAMES = {
    "rms": "rms",
    "crest_factor": "crest_factor",
    "stereo_width": "stereo_width",
    "stereo_imbalance": "stereo_imbalance",
    "bark_spectrum": "barkspectrum",
}


def music(seed: int, seconds: float = 4.0, level: float = 0.1) -> np.ndarray:
    """Stereo noise that swells, so that it has a loudness range."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE)
    swell = np.linspace(0.05, 1.0, samples)
    common, own = rng.standard_normal(samples), rng.standard_normal((2, samples))
    return (level * swell * (common + 0.5 * own)).astype(np.float32)


@pytest.fixture(scope="module")
def pair():
    return music(0), music(1, level=0.3)[:, ::-1].copy()


@pytest.fixture(scope="module")
def scores(pair):
    return judge(*pair, mix_lufs=-16.0, reference_lufs=-16.0)


def test_terms_agree_with_the_reference_implementation():
    stored = golden.load("style_features.npz")
    lufs = [
        pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(stored[k][0].T) for k in ("pred", "ref")
    ]
    assert lufs == pytest.approx([stored["lufs_pred"][0], stored["lufs_ref"][0]], abs=1e-6)
    terms: dict[str, list[float]] = {name: [] for name in TERMS}
    for mix, reference in zip(stored["pred"], stored["ref"], strict=True):
        levels = [pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(x.T) for x in (mix, reference)]
        got = judge(mix, reference, mix_lufs=levels[0], reference_lufs=levels[1])
        assert got["loudness_lufs"] == pytest.approx(levels[0], abs=0.01)
        for name in TERMS:
            terms[name].append(got[name])
    for name, theirs in TERM_NAMES.items():
        assert np.mean(terms[name]) == pytest.approx(float(stored[f"loss_{theirs}"]), rel=2e-3), (
            name
        )


def test_bands_are_the_distance_of_the_reference_implementations_spectra():
    stored = golden.load("style_features.npz")
    mix, reference = stored["pred"][0], stored["ref"][0]
    got = judge(
        mix,
        reference,
        mix_lufs=float(stored["lufs_pred"][0]),
        reference_lufs=float(stored["lufs_ref"][0]),
    )
    apart = np.abs(stored["barkspectrum_pred"][0] - stored["barkspectrum_ref"][0]) * DB_PER_NEPER
    assert [got[name] for name in BANDS] == pytest.approx(list(apart.mean(axis=1)), abs=0.02)
    assert got["bark_mid_db"] == pytest.approx(apart[:, 0].mean(), abs=0.02)
    assert got["bark_side_db"] == pytest.approx(apart[:, 1].mean(), abs=0.02)


def test_loudness_and_its_range_agree_with_pyloudnorm(pair):
    meter = pyloudnorm.Meter(SAMPLE_RATE)
    got = measured(pair[0], -20.0)
    assert float(got.loudness_lufs) == pytest.approx(meter.integrated_loudness(pair[0].T), abs=0.01)
    gain = 10 ** ((-20.0 - meter.integrated_loudness(pair[0].T)) / 20)
    expected = meter.loudness_range(gain * pair[0].T)
    assert expected > 1.0
    assert float(got.loudness_range_lu) == pytest.approx(expected, abs=0.05)


def test_mix_against_itself_is_perfect_whatever_its_level(pair):
    got = judge(0.01 * pair[0], pair[0], mix_lufs=-16.0, reference_lufs=-16.0)
    raw = [f"{term}_raw" for term in TERMS]
    for name in (TOTAL, *TERMS, *raw, "loudness_range_error_lu", "stereo_correlation_error"):
        assert got[name] == pytest.approx(0.0, abs=1e-6), name
    for name in (*BANDS, "bark_mid_db", "bark_side_db"):
        assert got[name] == pytest.approx(0.0, abs=1e-3), name
    truth = jax.jit(spectral_truth)(pair[0], pair[0], -16.0)
    assert float(truth["mrstft"]) == 0.0


def test_total_is_the_weighted_sum_of_the_raw_terms(scores):
    weights = AudioFeatureWeights()
    parts = [getattr(weights, term) * scores[f"{term}_raw"] for term in TERMS]
    assert parts == pytest.approx([scores[term] for term in TERMS], rel=1e-4)
    assert scores[TOTAL] == pytest.approx(sum(parts), rel=1e-4)
    assert scores[TOTAL] > 0


def test_every_score_is_in_the_catalogue(scores):
    assert set(scores) < set(CATALOGUE)
    assert all(np.isfinite(value) for value in scores.values())


def test_true_peak_is_at_the_loudness_that_was_judged(pair):
    quiet, loud = (measured(pair[0], lufs).true_peak_dbtp for lufs in (-30.0, -20.0))
    assert float(loud - quiet) == pytest.approx(10.0, abs=0.01)


def test_silence_has_finite_scores():
    silence = np.zeros((2, 4 * SAMPLE_RATE), np.float32)
    got = judge(silence, music(0), mix_lufs=-16.0, reference_lufs=-16.0)
    assert all(np.isfinite(value) for value in got.values())


def test_correlation_is_one_for_mono_and_minus_one_against_phase():
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    y = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    assert float(correlation(np.stack([x, x]))) == pytest.approx(1.0, abs=1e-5)
    assert float(correlation(np.stack([x, -2 * x]))) == pytest.approx(-1.0, abs=1e-5)
    assert float(correlation(np.stack([x, y]))) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-4)
    assert float(correlation(np.stack([x, 0 * x]))) == 0.0


def test_channels_of_a_pair_are_heard_together():
    rng = np.random.default_rng(0)
    left, right, other = rng.standard_normal((3, 20000)).astype(np.float32)
    silence = 0 * left
    tracks = np.stack([[left, silence], [silence, right], [other, other]])
    recorded = np.stack([left, right, other])
    heard = audibility_of(tracks, recorded, np.array([0, 0, 1]), 2)
    pair = np.stack([[left, right], [other, other]])
    joined = audibility_of(pair, recorded[1:], np.array([0, 1]), 2)
    assert np.asarray(heard) == pytest.approx(np.asarray(joined), rel=1e-5)
    named = audibility_scores(np.asarray(heard), ("pad", "kick"))
    assert named["audibility_least"] == min(named["audibility: pad"], named["audibility: kick"])


def test_a_track_that_a_mix_turns_off_is_not_heard_in_it():
    recorded = np.random.default_rng(0).standard_normal((3, 20000)).astype(np.float32)
    recorded[2] = 0.0
    mix = recorded[:, None] * np.array([1.0, 1e-4, 1.0], np.float32)[:, None, None]
    heard = audibility_of(np.repeat(mix, 2, axis=1), recorded, np.arange(3), 3)
    assert np.asarray(heard) == pytest.approx([1.0, 0.0, 1.0], abs=1e-4)


def test_controls_error_is_the_rms_over_tracks_and_master():
    truth = Controls(np.full((2, 27), 0.5), np.full(25, 0.5), np.full(26, 0.5))
    off = Controls(truth.track + 0.1, truth.fx_bus + 0.3, truth.master - 0.2)
    got = controls_error(off, truth)
    assert got["controls_rmse_track"] == pytest.approx(0.1, rel=1e-4)
    assert got["controls_rmse_master"] == pytest.approx(0.2, rel=1e-4)
    assert got["controls_rmse"] == pytest.approx(np.sqrt((54 * 0.01 + 26 * 0.04) / 80), rel=1e-4)
    assert controls_error(truth, truth)["controls_rmse"] == 0.0

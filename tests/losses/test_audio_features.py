"""Style features and the audio-feature loss: golden values, and every gradient at the edges."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmst_jax.losses import (
    NARROWEST,
    AudioFeatureWeights,
    audio_feature_loss,
    joined_features,
    no_narrower,
    style_distance,
    style_features,
)
from tests import golden
from tests.compiling import quick_jit

RATE = 44100
TIME = 32768
GOLDEN_NAMES = {
    "rms": "rms",
    "crest_factor_db": "crest_factor",
    "stereo_width": "stereo_width",
    "stereo_imbalance": "stereo_imbalance",
    "bark_spectrum": "barkspectrum",
}


features_of = jax.jit(style_features, static_argnames=("sample_rate", "bark_hop"))
distance = jax.jit(style_distance, static_argnames="weights")


@functools.cache
def gradient():
    """Value and gradient to the predicted mix, compiled once for every edge case."""

    def total(predicted, reference):
        loss = audio_feature_loss(predicted, reference, sample_rate=RATE)
        return loss.total, loss

    return jax.jit(jax.value_and_grad(total, has_aux=True))


@functools.cache
def slope_of_counted():
    """Gradient of the distance of what sounds mono."""

    def total(mix):
        target = features_of(noise(2), sample_rate=RATE)
        return style_distance(no_narrower(features_of(mix, sample_rate=RATE)), target).total

    return quick_jit(jax.grad(total))


SILENCE = np.zeros((2, TIME), np.float32)


def noise(seed: int, scale: float = 0.1, dtype=np.float32) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal((2, TIME))).astype(dtype)


def mono(left: float, right: float) -> np.ndarray:
    return noise(1)[:1] * np.array([[left], [right]], np.float32)


@pytest.mark.parametrize("side", ["pred", "ref"])
def test_features_equal_the_reference_implementation(side):
    z = golden.load("style_features.npz")
    features = jax.vmap(functools.partial(features_of, sample_rate=RATE))(z[side])
    for ours, theirs in GOLDEN_NAMES.items():
        value, expected = getattr(features, ours), z[f"{theirs}_{side}"]
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-5, err_msg=ours)


def test_every_loss_term_equals_the_reference_implementation():
    z = golden.load("style_features.npz")
    one = functools.partial(audio_feature_loss, sample_rate=RATE)
    loss = jax.jit(jax.vmap(one))(z["pred"], z["ref"])
    terms = {ours.removesuffix("_db"): theirs for ours, theirs in GOLDEN_NAMES.items()}
    for ours, theirs in terms.items():
        np.testing.assert_allclose(
            np.mean(getattr(loss, ours)), z[f"loss_{theirs}"], rtol=2e-5, err_msg=ours
        )
    np.testing.assert_allclose(
        np.mean(loss.total), sum(z[f"loss_{t}"] for t in terms.values()), rtol=2e-5
    )


@pytest.mark.parametrize(
    ("predicted", "reference"),
    [
        (SILENCE, noise(1)),
        (noise(1), SILENCE),
        (SILENCE, SILENCE),
        (mono(1, 1), noise(2)),
        (mono(1, -1), noise(2)),
        (mono(1, 0), noise(2)),
        (noise(1), noise(1)),
        (SILENCE + 1, noise(2)),
    ],
    ids=["silence", "silent reference", "both", "mono", "anti-phase", "one side", "same", "dc"],
)
def test_value_and_gradient_are_finite_at_the_edges(predicted, reference):
    (_, loss), slope = gradient()(predicted, reference)
    assert all(np.isfinite(term) for term in loss)
    assert np.isfinite(slope).all()


def test_identical_signals_have_no_loss_and_no_gradient():
    (total, _), slope = gradient()(noise(3), noise(3))
    assert total < 1e-9
    assert np.abs(slope).max() < 1e-6


def test_gradient_agrees_with_finite_differences(float64):
    x, r = noise(4, 0.1, np.float64), noise(5, 0.03, np.float64)
    direction = np.random.default_rng(6).standard_normal(x.shape)
    weights = AudioFeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0)

    def loss(y):
        return audio_feature_loss(y, r, weights, sample_rate=RATE)

    def along(t):
        return jnp.stack(loss(x + t * direction))

    value, step = quick_jit(along), 1e-8
    numerical = (value(step) - value(-step)) / (2 * step)
    derivative = quick_jit(jax.jacfwd(along))(0.0)
    np.testing.assert_allclose(derivative, numerical, rtol=1e-5, atol=1e-8)
    slope = quick_jit(jax.grad(lambda y: loss(y).total))(x)
    np.testing.assert_allclose(np.sum(slope * direction), numerical[0], rtol=1e-5)


def test_a_weight_scales_its_own_term_only():
    a, b = (features_of(noise(seed), sample_rate=RATE) for seed in (1, 2))
    plain = distance(a, b)
    doubled = distance(a, b, AudioFeatureWeights(bark_spectrum=0.2))
    np.testing.assert_allclose(doubled.bark_spectrum, 2 * plain.bark_spectrum, rtol=1e-6)
    assert doubled[1:5] == plain[1:5]


def test_known_values_of_simple_signals():
    sine = np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE)).astype(np.float32)
    features = features_of(np.stack([sine, 0.5 * sine]), sample_rate=RATE)
    np.testing.assert_allclose(features.rms, np.array([1, 0.5]) / np.sqrt(2), rtol=1e-4)
    np.testing.assert_allclose(features.crest_factor_db, [3.01, 3.01], atol=0.01)
    np.testing.assert_allclose(features.stereo_width, (0.5 / 1.5) ** 2, rtol=1e-4)
    np.testing.assert_allclose(features.stereo_imbalance, -0.75 / 1.25, rtol=1e-4)


def test_half_the_overlap_measures_nearly_the_same_spectrum_and_the_same_else():
    """Of noise, whose spectra differ from frame to frame."""
    x = np.random.default_rng(3).standard_normal((2, 10 * RATE)).astype(np.float32)
    often, seldom = (features_of(x, sample_rate=RATE, bark_hop=hop) for hop in (8192, 16384))
    difference = np.abs(often.bark_spectrum - seldom.bark_spectrum)
    assert 0 < difference.max() < 0.05
    for name in set(often._fields) - {"bark_spectrum"}:
        np.testing.assert_array_equal(getattr(often, name), getattr(seldom, name))


@pytest.mark.parametrize("amplitude", [1.0, 3e3, 1e6])
@pytest.mark.parametrize("mid", [0.0, 3e-7, 1e-6, 2e-6, 1e-4, 1e-2])
def test_value_and_gradient_are_finite_in_anti_phase_far_beyond_full_scale(mid, amplitude):
    square = np.where(noise(1)[0] > 0, 1, -1).astype(np.float32)
    predicted = np.stack([amplitude * square + mid, -amplitude * square + mid])
    (_, loss), slope = gradient()(predicted, noise(2))
    assert all(np.isfinite(term) for term in loss)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("shape", [(1, TIME), (TIME,), (3, TIME), (2, 0)])
def test_other_than_stereo_is_refused(shape):
    with pytest.raises(ValueError, match=r"mix has shape .*\(2, time\)"):
        style_features(jnp.zeros(shape), sample_rate=RATE)
    with pytest.raises(ValueError, match=r"reference has shape .*\(2, time\)"):
        audio_feature_loss(SILENCE, jnp.zeros(shape), sample_rate=RATE)


def test_a_sample_rate_too_low_for_the_bands_is_refused():
    assert features_of(SILENCE, sample_rate=40000).bark_spectrum.shape == (24, 2)
    with pytest.raises(ValueError, match=r"sample_rate is 22050; expected .* at least 40000"):
        style_features(SILENCE, sample_rate=22050)


def test_features_of_parts_make_those_of_the_whole():
    rng = np.random.default_rng(3)
    lengths = (4 * TIME, 2 * TIME, 3 * TIME)
    levels = ((0.02, 0.1), (0.3, 0.05), (0.1, 0.1))
    parts = [
        (np.array(level)[:, None] * rng.standard_normal((2, length))).astype(np.float32)
        for level, length in zip(levels, lengths, strict=True)
    ]
    parts[2][1] = -parts[2][0]  # side alone
    joined = joined_features([features_of(part, sample_rate=RATE) for part in parts], lengths)
    whole = features_of(np.concatenate(parts, axis=1), sample_rate=RATE)
    np.testing.assert_allclose(joined.bark_spectrum, whole.bark_spectrum, rtol=0, atol=0.05)
    for a, b in zip(joined[:-1], whole[:-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("width_db", [-200.0, -40.0])
def test_what_sounds_mono_counts_as_if_it_had_some_of_its_middle_in_its_side(width_db):
    """As the same noise measures that has as much of it there."""
    mid, side = np.random.default_rng(0).standard_normal((2, 8 * TIME)) * 0.1
    mid[1:] += mid[:-1]
    side[1:] += side[:-1]

    def of_width(power):
        mix = np.stack([mid + np.sqrt(power) * side, mid - np.sqrt(power) * side])
        return features_of(mix.astype(np.float32), sample_rate=RATE)

    counted = no_narrower(of_width(10 ** (width_db / 10)))
    wanted = of_width(NARROWEST)
    np.testing.assert_allclose(counted.stereo_width, NARROWEST)
    np.testing.assert_allclose(counted.bark_spectrum, wanted.bark_spectrum, rtol=0, atol=0.05)
    again = no_narrower(counted)
    np.testing.assert_allclose(again.bark_spectrum, counted.bark_spectrum, rtol=0, atol=1e-5)


def test_what_is_wider_is_left_as_it_is():
    features = features_of(noise(0) * np.array([[1.0], [0.8]], np.float32), sample_rate=RATE)
    for before, after in zip(features, no_narrower(features), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("mix", [SILENCE, mono(1.0, 1.0), mono(1.0, 0.98), mono(1.0, -1.0)])
def test_the_gradient_of_what_sounds_mono_is_finite(mix):
    assert np.isfinite(slope_of_counted()(mix)).all()

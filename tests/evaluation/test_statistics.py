import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import wilcoxon

from diffmst_jax.evaluation.frechet import frechet_distance, gaussian_distance
from diffmst_jax.evaluation.statistics import confidence_interval, holm, paired_tests


def test_confidence_interval_holds_the_mean_and_shrinks_with_examples():
    rng = np.random.default_rng(0)
    few, many = rng.normal(1.0, 0.5, 10), rng.normal(1.0, 0.5, 1000)
    low, high = confidence_interval(few)
    assert low < few.mean() < high
    narrow = confidence_interval(many)
    assert narrow[1] - narrow[0] < (high - low) / 3
    assert narrow[1] - narrow[0] == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(1000), rel=0.15)
    assert math.isclose(*confidence_interval([2.0, 2.0]))


def test_one_group_alone_has_no_interval():
    """However many sections it has: "0.2 to 0.2" would say that all songs are like it."""
    assert np.all(np.isnan(confidence_interval([0.1, 0.2, 0.3], [7, 7, 7])))


def test_holm_is_the_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert math.isnan(holm([math.nan, 0.02])[0])
    assert holm([math.nan, 0.02])[1] == 0.02


def test_pairs_are_the_examples_that_both_systems_have():
    rng = np.random.default_rng(0)
    base = rng.uniform(1, 2, 12)
    values = {
        "good": dict(enumerate(base - 0.5)),
        "bad": dict(enumerate(base + rng.normal(0, 0.01, 12))),
        "few": {0: 1.0, 3: 1.0},
    }
    good_bad, good_few, _ = paired_tests(values)
    assert (good_bad.first, good_bad.second, good_bad.pairs) == ("good", "bad", 12)
    assert good_bad.wins == 1.0
    assert good_bad.difference == pytest.approx(-0.5, abs=0.02)
    expected = wilcoxon(base - 0.5, list(values["bad"].values())).pvalue
    assert good_bad.p_value == pytest.approx(expected)
    assert good_few.pairs == 2
    assert math.isnan(good_few.p_holm)


def test_sections_of_one_song_are_one_piece_of_evidence():
    """Examples that repeat one another make neither an interval narrower nor a test surer."""
    rng = np.random.default_rng(0)
    songs = rng.uniform(1, 2, 7)
    copied = np.repeat(songs, 9)
    groups = np.repeat(np.arange(7), 9).tolist()
    assert confidence_interval(copied, groups) == pytest.approx(confidence_interval(songs))
    few, many = (
        {"good": dict(enumerate(each)), "bad": dict(enumerate(each + 0.1))}
        for each in (songs, copied)
    )
    (found,), (expected,) = paired_tests(many, dict(enumerate(groups))), paired_tests(few)
    assert found[2:] == pytest.approx(expected[2:])
    # What one system lacks of a group, the other is not asked for either.
    del many["good"][0]
    many["bad"][0] = 1e9
    (found,), (expected,) = paired_tests(many, dict(enumerate(groups))), paired_tests(few)
    assert found[2:] == pytest.approx(expected[2:])


def test_a_system_does_not_differ_from_itself():
    values = dict(enumerate(range(10)))
    (test,) = paired_tests({"a": values, "b": values})
    assert (test.p_value, test.difference, test.wins) == (1.0, 0.0, 0.0)


def test_frechet_distance_is_the_closed_form():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((500, 5)) @ rng.standard_normal((5, 5))
    b = rng.standard_normal((400, 5)) + 2.0
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cross = sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(sum(covariances) - 2 * cross)
    assert gaussian_distance(a, b) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("count", [5, 40])
def test_frechet_distance_is_that_of_the_covariances_however_few_the_samples(count):
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((count, 12)), 2.0 * rng.standard_normal((9, 12)) + 1.0
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(first @ second).real, 0.0))
    apart = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    expected = apart + np.trace(first) + np.trace(second) - 2 * np.sum(roots)
    assert gaussian_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_to_itself_is_zero_and_a_shift_is_its_square():
    a = np.random.default_rng(0).standard_normal((50, 8))
    assert gaussian_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert gaussian_distance(a + 3.0, a) == pytest.approx(8 * 9.0, rel=1e-6)
    assert frechet_distance(a[:, :1], a[:, :1]).distance == pytest.approx(0.0, abs=1e-9)


def test_few_samples_bias_the_distance_and_the_extrapolation_takes_most_of_it_away():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 100, 16))
    found = frechet_distance(a, b)
    assert found.distance > 0.5
    assert abs(found.extrapolated) < found.distance / 4
    assert found.bias == pytest.approx(found.distance - found.extrapolated)
    assert (found.samples, found.reference_samples) == (100, 100)


def test_too_few_samples_are_not_extrapolated_and_one_is_refused():
    a = np.random.default_rng(0).standard_normal((5, 3))
    assert math.isnan(frechet_distance(a, a).extrapolated)
    with pytest.raises(ValueError, match="two embeddings"):
        frechet_distance(a[:1], a)
    with pytest.raises(ValueError, match="differ in shape"):
        frechet_distance(a, a[:, :2])

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pyloudnorm
import pytest
from scipy import signal

from dsp import loudness, weighting
from tests import golden
from tests.compiling import quick_jit
from tests.dsp.tolerances import TOLERANCE

RATE = 48000


def noise(channels, seconds, *, rate=44100, seed=0):
    """Noise whose level changes, so that both gates have something to do."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    level = 10 ** ((-30 + 25 * np.sin(1.3 * time)) / 20)
    return (level * rng.standard_normal((channels, time.size))).astype(np.float32)


def tones(levels_db, seconds, *, channels=2, frequency=1000.0, rate=RATE):
    """A stereo sine whose peak level steps through `levels_db` (EBU Tech 3341)."""
    gain = np.concatenate(
        [np.full(round(s * rate), 10 ** (d / 20)) for d, s in zip(levels_db, seconds, strict=True)]
    )
    phase = 2 * np.pi * frequency * np.arange(gain.size) / rate
    return np.tile(gain * np.sin(phase), (channels, 1)).astype(np.float32)


@functools.partial(jax.jit, static_argnames=("rate", "variant"))
def integrated(x, *, rate=RATE, variant="pyloudnorm"):
    return loudness.integrated_loudness(x, sample_rate=rate, variant=variant)


short_term, momentary = (
    jax.jit(functools.partial(measure, sample_rate=RATE, variant="itu"))
    for measure in (loudness.short_term_loudness, loudness.momentary_loudness)
)
loudness_range = jax.jit(loudness.loudness_range, static_argnames=("sample_rate", "variant"))
k_weighting = jax.jit(weighting.k_weighting, static_argnames=("sample_rate", "variant"))
true_peak = jax.jit(loudness.true_peak, static_argnames=("sample_rate", "oversampling"))


def test_integrated_loudness_golden():
    features = golden.load("style_features.npz")
    for name in ("pred", "ref"):
        for audio, expected in zip(features[name], features["lufs_" + name], strict=True):
            assert integrated(audio, rate=44100) == pytest.approx(
                expected, abs=TOLERANCE["integrated loudness"]
            )


@pytest.mark.parametrize(
    ("channels", "seconds", "rate"),
    [
        *((1, 0.4, 44100), (2, 3.37, 44100), (2, 7.02, 22050), (5, 5.49, 48000)),
        (1, 0.75, 48000),  # half a step is left over
        # Rates at which 100 ms, and at the last also 400 ms, are no whole number of samples.
        *((2, 7.02, 11025), (1, 20.02, 12345), (5, 3.37, 44056)),
    ],
)
def test_integrated_loudness_of_pyloudnorm(channels, seconds, rate):
    x = noise(channels, seconds, rate=rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(x.T.astype(np.float64))
    assert integrated(x, rate=rate) == pytest.approx(expected, abs=TOLERANCE["integrated loudness"])


def test_the_itu_variant_of_pyloudnorm():
    x = noise(2, 5.0)
    meter = pyloudnorm.Meter(44100, filter_class="DeMan")
    expected = meter.integrated_loudness(x.T.astype(np.float64))
    assert integrated(x, rate=44100, variant="itu") == pytest.approx(
        expected, abs=TOLERANCE["integrated loudness"]
    )


def test_the_itu_filter_is_the_published_one_at_48_khz():
    published = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0],
        [1.0, -1.99004745483398, 0.99007225036621],
    ]
    sos = weighting.k_weighting_sos(sample_rate=48000, variant="itu")
    np.testing.assert_allclose(sos.reshape(4, 3), published, atol=1e-8)


@pytest.mark.parametrize("variant", weighting.VARIANTS)
def test_k_weighting_equals_a_float64_filter(variant):
    x = np.random.default_rng(0).uniform(-1, 1, (2, 100001)).astype(np.float32)
    y = k_weighting(x, sample_rate=44100, variant=variant)
    sos = weighting.k_weighting_sos(sample_rate=44100, variant=variant)
    np.testing.assert_allclose(y, signal.sosfilt(sos, x.astype(np.float64)), atol=2e-6)


# EBU Tech 3341 (2016), table 1, cases 1 to 5: peak level of a stereo 1 kHz sine and duration.
EBU_3341 = [
    ([-23], [20], -23),
    ([-33], [20], -33),
    ([-36, -23, -36], [10, 60, 10], -23),
    ([-72, -36, -23, -36, -72], [10, 10, 60, 10, 10], -23),
    ([-26, -20, -26], [20, 20.1, 20], -23),
]


@pytest.mark.parametrize("variant", ["pyloudnorm", "itu"])
@pytest.mark.parametrize(("levels", "seconds", "expected"), EBU_3341)
def test_ebu_3341_integrated(levels, seconds, expected, variant):
    assert integrated(tones(levels, seconds), variant=variant) == pytest.approx(expected, abs=0.1)


def test_ebu_3341_case_6_surround():
    gains = 10 ** (np.array([-28, -28, -24, -30, -30]) / 20)[:, None]
    x = (gains * tones([0], [20], channels=5)).astype(np.float32)
    assert integrated(x, variant="itu") == pytest.approx(-23, abs=0.1)


def test_itu_full_scale_sine_in_one_channel_reads_minus_3():
    x = tones([0], [20], channels=1, frequency=997.0)
    assert integrated(x, variant="itu") == pytest.approx(-3.01, abs=0.01)


def test_ebu_3341_case_9_short_term():
    x = tones([-20, -30] * 5, [1.34, 1.66] * 5)
    values = short_term(x)
    assert values.shape == (121,)
    np.testing.assert_allclose(values, -23.0, atol=0.1)


def test_ebu_3341_case_12_momentary():
    x = tones([-20, -30] * 25, [0.18, 0.22] * 25)
    values = momentary(x)
    assert values.shape == (97,)
    np.testing.assert_allclose(values, -23.0, atol=0.1)


# EBU Tech 3342 (2016), table 1, cases 1 to 4: tone levels, 20 s each, and the range in LU.
EBU_3342 = [([-20, -30], 10), ([-20, -15], 5), ([-40, -20], 20), ([-50, -35, -20, -35, -50], 15)]


@pytest.mark.parametrize("variant", ["pyloudnorm", "itu"])
@pytest.mark.parametrize(("levels", "expected"), EBU_3342)
def test_ebu_3342_loudness_range(levels, expected, variant):
    x = jnp.asarray(tones(levels, [20] * len(levels), channels=1))
    actual = loudness_range(x, sample_rate=RATE, variant=variant)
    assert actual == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("rate", [44100, 22050, 12345])
def test_loudness_range_of_pyloudnorm(rate):
    x = noise(2, 11.0, rate=rate)
    expected = pyloudnorm.Meter(rate).loudness_range(x.T.astype(np.float64))
    actual = loudness_range(jnp.asarray(x), sample_rate=rate)
    assert actual == pytest.approx(expected, abs=0.01)


# EBU Tech 3341 (2016), table 1, cases 15 to 19: divisor of the rate, phase, amplitude, dBTP.
EBU_TRUE_PEAK = [
    (4, 0.0, 0.5, -6.0),
    (4, 45.0, 0.5, -6.0),
    (6, 60.0, 0.5, -6.0),
    (8, 67.5, 0.5, -6.0),
    (4, 45.0, 1.41, 3.0),
]


@pytest.mark.parametrize(("divisor", "phase", "amplitude", "expected"), EBU_TRUE_PEAK)
def test_ebu_3341_true_peak(divisor, phase, amplitude, expected):
    n = np.arange(RATE // 4)
    edges = np.minimum(1, np.minimum(n, n[::-1]) / 2000)
    x = edges * amplitude * np.sin(2 * np.pi * n / divisor + np.deg2rad(phase))
    peak = true_peak(jnp.asarray(np.tile(x, (2, 1)), jnp.float32), sample_rate=RATE)
    assert expected - 0.4 < peak < expected + 0.2
    # The tolerance of the standard is wide; a steady sine at these rates is read exactly.
    assert peak == pytest.approx(20 * np.log10(amplitude), abs=0.01)


def test_true_peak_reads_high_frequencies_as_documented():
    n = np.arange(44100)
    x = jnp.asarray(np.sin(2 * np.pi * 19997 / 44100 * n)[None] * np.hanning(n.size), jnp.float32)
    assert -0.55 < true_peak(x, sample_rate=44100) < 0.01
    assert true_peak(x, sample_rate=44100, oversampling=16) == pytest.approx(0, abs=0.04)


@pytest.mark.parametrize(("sample_rate", "finer"), [(44100, 4), (96000, 2), (192000, 1)])
def test_true_peak_reads_low_by_as_much_as_is_documented(sample_rate, finer):
    """A sine of a quarter of the rate whose peaks lie midway between what is read."""
    n = np.arange(4096)
    x = np.sin(np.pi / 2 * n + np.pi / (4 * finer))[None] * np.hanning(n.size)
    low = 20 * np.log10(np.cos(np.pi * (sample_rate / 4) / (finer * sample_rate)))
    peak = true_peak(jnp.asarray(x, jnp.float32), sample_rate=sample_rate)
    assert peak == pytest.approx(low, abs=1e-3)


MEASURES: dict[str, Callable[..., jax.Array]] = {
    "integrated": loudness.integrated_loudness,
    "momentary": loudness.momentary_loudness,
    "short_term": loudness.short_term_loudness,
    "range": loudness.loudness_range,
    "true_peak": loudness.true_peak,
}
SILENCE = {
    "integrated": -70.0,
    "momentary": -120.0,
    "short_term": -120.0,
    "range": 0.0,
    "true_peak": -200.0,
}


@pytest.mark.parametrize("name", MEASURES)
def test_value_and_gradient_are_finite(name):
    @quick_jit
    @jax.value_and_grad
    def total(x):
        return jnp.mean(MEASURES[name](x, sample_rate=8000))

    value, gradient = total(jnp.zeros((2, 26000)))
    assert value == SILENCE[name]
    np.testing.assert_array_equal(gradient, 0.0)
    for x in (noise(2, 3.25, rate=8000), np.ones((2, 26000), np.float32), noise(2, 3.25) * 1e-18):
        value, gradient = total(jnp.asarray(x[:, :26000]))
        assert np.isfinite(value)
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(
    ("name", "rate"), [*((name, 8000) for name in MEASURES), ("integrated", 8003), ("range", 8003)]
)
def test_gradient_equals_finite_differences(name, rate, float64):
    x = noise(2, 3.5, rate=8000).astype(np.float64)
    direction = noise(2, 3.5, rate=8000, seed=1).astype(np.float64)

    def total(x):
        return jnp.mean(MEASURES[name](x, sample_rate=rate))

    value, slope, step = quick_jit(total), quick_jit(jax.grad(total)), 1e-6
    numeric = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    np.testing.assert_allclose(np.vdot(slope(x), direction), numeric, rtol=1e-5)


def test_loudness_follows_gain_until_the_gate():
    x = noise(2, 3.0)
    loud, quiet = integrated(x, rate=44100), integrated(x * np.float32(0.1), rate=44100)
    assert loud - quiet == pytest.approx(20.0, abs=1e-3)
    assert integrated(x * np.float32(1e-4), rate=44100) == -70.0


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: loudness.true_peak(jnp.zeros(9), sample_rate=44100), "x has shape"),
        (lambda: loudness.true_peak(jnp.zeros((6, 9)), sample_rate=44100), "at most 5 channels"),
        (lambda: loudness.true_peak(jnp.zeros((1, 9), int), sample_rate=44100), "x has dtype int"),
        (lambda: loudness.true_peak(jnp.zeros((1, 9)), sample_rate=-1), "sample_rate is -1"),
        (lambda: integrated(np.zeros((1, 9))), "expected at least 0.4 s"),
        (lambda: integrated(np.zeros((1, 9000)), rate=4000), "sample_rate is 4000"),
        (lambda: integrated(np.zeros((1, 48000)), variant="r128"), "variant is 'r128'"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

"""The JSFX files as they are shipped, run sample by sample, against `dsp` in double precision."""

import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import diffmst_jax.export
import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.export.jsfx_settings import LINK, LINKS
from diffmst_jax.mixing.finishing.output import OutputTarget, find_level, finish, record
from diffmst_jax.mixing.signals.measure import true_peak
from dsp.dynamics import lookahead_samples
from dsp.stereo import PAN_LAWS, pan_gains
from tests.export.eel2 import Effect

FOLDER = Path(diffmst_jax.export.__file__).parent / "jsfx"
GAINS, FREQUENCIES, QS = (
    [6.0, -9.0, 12.0, -3.0, 5.0, -12.0],
    [90.0, 500.0, 2500.0, 9000.0, 21050.0, 7000.0],
    [0.5, 3.0, 0.9, 5.0, 0.7, 1.2],
)
EQUALIZER = {
    3 + 3 * band + offset: column[band]
    for band in range(6)
    for offset, column in enumerate((GAINS, FREQUENCIES, QS))
}
THRESHOLD, RATIO, ATTACK, RELEASE, KNEE, MAKEUP = -30.0, 4.0, 7.0, 60.0, 9.0, 3.0
COMPRESSOR = {22: THRESHOLD, 23: RATIO, 24: ATTACK, 25: RELEASE, 26: KNEE, 27: MAKEUP}


@pytest.fixture(scope="module")
def channel():
    return Effect(FOLDER / "diffmst_channel.jsfx")


@pytest.fixture(scope="module")
def master():
    return Effect(FOLDER / "diffmst_master.jsfx")


@pytest.fixture(scope="module")
def limiter():
    return Effect(FOLDER / "diffmst_limiter.jsfx")


def noise(seconds=0.25, seed=0):
    """Stereo noise in bursts, with silence between them."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (
        0.4 * rng.standard_normal((2, len(time))) * np.exp(-40 * (time % 0.1)) * (time % 0.1 < 0.08)
    )


@jax.jit
def equalized(x):
    params = dsp.EqualizerParams(*(np.array(v) for v in (GAINS, FREQUENCIES, QS)))
    return dsp.parametric_eq(x, params, sample_rate=SAMPLE_RATE, method="scan")


@functools.partial(jax.jit, static_argnames=("detector", "ballistics", "lookahead_ms"))
def compressed(x, **choices):
    settings = (THRESHOLD, RATIO, ATTACK, RELEASE, KNEE, MAKEUP)
    params = dsp.CompressorParams(*(np.array(v) for v in settings))
    return dsp.compressor(x, params, sample_rate=SAMPLE_RATE, **choices)


@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000])
@pytest.mark.parametrize("name", ["channel", "master", "limiter"])
def test_neutral_effects_leave_audio_as_it_is(name, sample_rate, request):
    x = 0.5 * noise(0.02)
    y = request.getfixturevalue(name).run(x, {}, sample_rate=sample_rate)
    np.testing.assert_allclose(y, x, rtol=0, atol=1e-12)


def test_the_equalizer_is_that_of_dsp(channel, float64):
    x = noise()
    y = channel.run(x, {1: -6.0, **EQUALIZER})
    np.testing.assert_allclose(y, equalized(dsp.gain(x, -6.0)), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("linking", "detector", "is_decoupled", "ballistics", "lookahead_ms"),
    [
        (1, "mean", 0, "branching", 0.0),
        (2, "max", 1, "decoupled", 4.0),
        (3, "sum", 0, "branching", 40.0),
        (1, "mean", 0, "branching", 5.0),  # 220.5 samples
    ],
)
def test_the_compressor_is_that_of_dsp(
    master, float64, linking, detector, is_decoupled, ballistics, lookahead_ms
):
    x = noise()
    y = master.run(x, {**COMPRESSOR, 28: linking, 29: is_decoupled, 30: lookahead_ms, 31: -2.0})
    late = lookahead_samples(lookahead_ms, sample_rate=SAMPLE_RATE)
    expected = compressed(
        np.pad(x, ((0, 0), (0, late))),
        detector=detector,
        ballistics=ballistics,
        lookahead_ms=lookahead_ms,
    )[:, late:]
    np.testing.assert_allclose(y, dsp.gain(expected, -2.0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("is_stereo", [False, True])
def test_a_mono_track_is_compressed_by_itself_and_a_pair_as_one(channel, float64, is_stereo):
    x = noise()
    link = LINKS["mean" if is_stereo else "apart"]
    y = channel.run(x, {**EQUALIZER, **COMPRESSOR, LINK: link})
    groups = [slice(0, 2)] if is_stereo else [slice(0, 1), slice(1, 2)]
    for rows in groups:
        np.testing.assert_allclose(y[rows], compressed(equalized(x[rows])), rtol=0, atol=1e-10)


@pytest.mark.parametrize("law", PAN_LAWS)
@pytest.mark.parametrize("position", [0.0, 0.3, 0.5, 0.9])
def test_a_pair_leans_as_in_the_console(channel, float64, law, position):
    x = noise(0.01)
    y = channel.run(x, {31: 200 * (position - 0.5), 32: PAN_LAWS.index(law), 33: 6.0})
    left, right = (pan_gains(p, law=law) for p in dsp.pair_positions(position))
    expected = dsp.gain(np.outer(left, x[0]) + np.outer(right, x[1]), 6.0)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-10)


def test_amounts_scale_what_an_effect_does(channel, float64):
    x = noise(0.05)
    half = {**EQUALIZER, **{number: EQUALIZER[number] / 2 for number in range(3, 21, 3)}}
    y = channel.run(x, {2: 50.0, **EQUALIZER})
    np.testing.assert_allclose(y, channel.run(x, half), rtol=0, atol=1e-12)
    np.testing.assert_allclose(channel.run(x, {21: 0.0, **COMPRESSOR}), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("peak", ["between samples", "on a sample"])
def test_the_limiter_is_that_of_the_mix(limiter, peak):
    rng = np.random.default_rng(1)
    x = 0.1 * rng.standard_normal((2, SAMPLE_RATE)).astype(np.float32)
    if peak == "between samples":
        x[:, 20_000:20_040] *= 9.0
    else:
        x[:, 20_000:20_401] = 1.2 * np.hanning(401)  # flat at its top, which is a sample
    target = OutputTarget(-12.0, -1.0)
    level = find_level(record([x], []), target)
    assert level.limiting_db > 3.0
    y = limiter.run(x, {1: level.gain_db, 2: -1.0, 3: 20 * np.log10(level.trim)})
    expected = finish(x, target).audio
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("gain_db", [6.0, 30.0])
def test_no_peak_passes_the_limiter(limiter, gain_db):
    y = limiter.run(noise(0.15, seed=2), {1: gain_db, 2: -3.0})
    ceiling = 10 ** (-3.0 / 20)
    assert np.max(np.abs(y)) <= ceiling * (1 + 1e-9)
    assert true_peak(y) == pytest.approx(ceiling, rel=0.01)

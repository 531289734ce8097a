import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp.limiter import LimiterParams, limiter, limiter_latency, limiter_state
from dsp.loudness import true_peak

RATE = 44100
TIME = 20000
run = jax.jit(
    functools.partial(limiter, sample_rate=RATE), static_argnames=("lookahead_ms", "oversampling")
)
read = jax.jit(functools.partial(true_peak, sample_rate=RATE))


def settings(ceiling_db=-1.0, release_ms=50.0):
    return LimiterParams(*(jnp.asarray(v, jnp.float32) for v in (ceiling_db, release_ms)))


def signals():
    rng, n = np.random.default_rng(0), np.arange(TIME)
    return {
        "noise": rng.standard_normal((2, TIME)),
        "clicks": (rng.uniform(size=(2, TIME)) < 1e-3) * rng.standard_normal((2, TIME)),
        "square": np.sign(np.sin(2 * np.pi * 441.7 / RATE * n + 0.1))[None] * np.ones((2, 1)),
        "fs/4 between samples": np.sin(np.pi / 2 * n + np.pi / 4)[None] * np.ones((2, 1)),
        "bursts": np.sin(0.05 * n)[None] * (n % 4000 < 500) * np.ones((2, 1)),
    }


@pytest.mark.parametrize("release_ms", [1.0, 100.0])
@pytest.mark.parametrize("name", signals())
def test_no_true_peak_exceeds_the_ceiling(name, release_ms):
    x = signals()[name]
    for over_db in (6, 18):
        loud = jnp.asarray(x / np.abs(x).max() * 10 ** (over_db / 20), jnp.float32)
        y = run(loud, settings(-1.0, release_ms))
        assert read(y) <= -1.0
        # It limits no more than the ceiling asks: its margin is a tenth of a dB.
        assert read(y) > -1.12


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100])
def test_how_much_lookahead_true_peaks_need_is_a_number_of_samples(sample_rate):
    """0.5 ms at 44100 Hz; the white noise is the hardest of the signals."""
    x = signals()["noise"]
    loud = jnp.asarray(x / np.abs(x).max() * 10 ** (18 / 20), jnp.float32)
    peaks = {}
    for samples in (0, 4, 22, 66):
        static = {"sample_rate": sample_rate, "lookahead_ms": samples * 1e3 / sample_rate}
        y = jax.jit(functools.partial(limiter, **static))(loud, settings(-1.0, 1.0))
        peaks[samples] = float(read(y)) + 1.0
    assert peaks[66] <= -0.095
    assert peaks[22] <= -0.045
    assert 0.2 < peaks[4] < 0.5
    assert 1.0 < peaks[0] < 1.9


@pytest.mark.parametrize("lookahead_ms", [0.0, 0.5, 5.0])
def test_no_sample_exceeds_the_ceiling(lookahead_ms):
    for x in signals().values():
        loud = jnp.asarray(4 * x, jnp.float32)
        y = run(loud, settings(-6.0, 1.0), lookahead_ms=lookahead_ms, oversampling=1)
        assert 20 * np.log10(np.abs(y).max()) <= -6.0


@pytest.mark.parametrize("oversampling", [1, 4])
def test_a_tenth_of_a_decibel_below_the_ceiling_the_signal_is_unchanged(oversampling):
    x = jnp.asarray(0.3 * signals()["noise"][:, :2000], jnp.float32)
    peak = true_peak(x, sample_rate=RATE, oversampling=oversampling)
    margin = 0.1 if oversampling > 1 else 1e-4
    np.testing.assert_array_equal(
        run(x, settings(peak + margin + 1e-5), oversampling=oversampling), x
    )
    assert not np.array_equal(run(x, settings(peak + margin / 2), oversampling=oversampling), x)


def test_a_stream_is_the_whole_late():
    x = jnp.asarray(2 * signals()["noise"][:, :2000], jnp.float32)
    latency = limiter_latency(sample_rate=RATE)
    y, _ = run(x, settings(), state=limiter_state(x, sample_rate=RATE))
    np.testing.assert_allclose(y[:, latency:], run(x, settings())[:, :-latency], atol=1e-6)
    np.testing.assert_array_equal(y[:, :latency], 0.0)


def test_the_gain_recovers_in_its_release_time():
    x = np.full((1, 30000), 0.1, np.float32)
    x[:, 5000] = 10.0
    y = run(jnp.asarray(x), settings(0.0, 100.0), lookahead_ms=1.0, oversampling=1)
    gain_db = 20 * np.log10(np.asarray(y)[0, 5100:] / 0.1)
    deepest = -20.0
    tenth, most = (np.argmax(gain_db > part * deepest) for part in (0.9, 0.1))
    assert (most - tenth) / RATE == pytest.approx(0.1, rel=0.02)


def test_channels_share_one_gain():
    x = jnp.asarray(np.stack([4 * signals()["noise"][0], 0.01 * signals()["square"][0]]))
    y = run(x.astype(jnp.float32), settings())
    assert np.abs(y[1]).min() < 0.005


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: run(jnp.zeros(9), settings()), "x has shape"),
        (lambda: run(jnp.zeros((1, 9)), settings(), lookahead_ms=-1.0), "lookahead_ms is -1.0"),
        (lambda: run(jnp.zeros((1, 9)), settings(), oversampling=0), "oversampling is 0"),
        (lambda: run(jnp.zeros((1, 9)), settings(np.ones(2))), "params.ceiling_db has shape"),
        (
            lambda: run(
                jnp.zeros((1, 9)),
                settings(),
                state=limiter_state(jnp.zeros((2, 9)), sample_rate=RATE),
            ),
            "state.recent has shape",
        ),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

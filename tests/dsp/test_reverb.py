import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from dsp import reverb
from tests import golden
from tests.dsp.tolerances import TOLERANCE

RATE = 44100
# A short room keeps the tests quick.
run = jax.jit(functools.partial(reverb.noise_shaped_reverb, sample_rate=RATE, samples=600, taps=63))


def settings(mix=0.4, gain=None, decay=None):
    rng = np.random.default_rng(3)
    gain = rng.uniform(size=12) if gain is None else np.full(12, gain)
    decay = rng.uniform(size=12) if decay is None else np.full(12, decay)
    return reverb.ReverbParams(*(jnp.asarray(v, jnp.float32) for v in (gain, decay, mix)))


def noise(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def test_filterbank_golden():
    expected = golden.load("noise_shaped_reverb.npz")["filters"][:, 0]
    actual = reverb.octave_filterbank(sample_rate=RATE)
    tolerance = TOLERANCE["noise_shaped_reverb filters"]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


def test_filterbank_is_the_window_method():
    bank = reverb.octave_filterbank(sample_rate=RATE, taps=255)
    low = signal.firwin(255, 12, fs=RATE)
    octave = signal.firwin(
        255, [1000 / np.sqrt(2), 1000 * np.sqrt(2)], fs=RATE, pass_zero="bandpass"
    )
    high = signal.firwin(255, 18000, fs=RATE, pass_zero="highpass")
    np.testing.assert_allclose(bank[[0, 6, 11]], [low, octave, high], atol=1e-12)


def test_noise_shaped_reverb_golden():
    vectors = golden.load("noise_shaped_reverb.npz")
    fields = [[vectors[f"band{i}_{name}"][0] for i in range(12)] for name in ("gain", "decay")]
    params = settings(mix=float(vectors["mix"]))._replace(
        band_gain=jnp.asarray(fields[0], jnp.float32),
        band_decay=jnp.asarray(fields[1], jnp.float32),
    )
    response = reverb.noise_impulse_response(
        jnp.asarray(vectors["noise"]), params, sample_rate=RATE
    )
    y = reverb.convolution_reverb(jnp.asarray(vectors["x"][0]), response, params.mix)
    np.testing.assert_allclose(y, vectors["y"][0], rtol=0, atol=TOLERANCE["noise_shaped_reverb"])


def test_the_key_is_the_room():
    x, params = noise(1, 500), settings(mix=1.0)
    first, again = run(jax.random.key(1), x, params), run(jax.random.key(1), x, params)
    other = run(jax.random.key(2), x, params)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    assert np.abs(first[0] - first[1]).max() > 0.01


def test_the_dry_signal_is_the_identity():
    x = noise(1, 500)
    y = run(jax.random.key(0), x, settings(mix=0.0))
    np.testing.assert_array_equal(y, np.broadcast_to(x, (2, 500)))


def test_decay_falls_as_documented():
    white = reverb.reverb_noise(jax.random.key(0), samples=8000, taps=63)
    params = settings(gain=1.0, decay=0.2)
    response = reverb.noise_impulse_response(white, params, sample_rate=RATE, taps=63)
    level = 10 * np.log10(np.mean(np.square(response).reshape(2, 4, 2000), axis=(0, 2)))
    expected = 8.686 * (1 + 10 * 0.2) / 4
    np.testing.assert_allclose(-np.diff(level), expected, atol=1.0)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: run(jax.random.key(0), jnp.zeros((3, 9)), settings()), "x has shape"),
        (
            lambda: run(
                jax.random.key(0), jnp.zeros((1, 9)), settings()._replace(band_gain=jnp.ones(11))
            ),
            "params.band_gain has shape",
        ),
        (lambda: reverb.octave_filterbank(sample_rate=32000), "sample_rate is 32000"),
        (lambda: reverb.octave_filterbank(sample_rate=44100, taps=64), "taps is 64"),
        (lambda: reverb.reverb_noise(jax.random.key(0), samples=1), "samples is 1"),
        (
            lambda: reverb.noise_impulse_response(
                jnp.zeros((2, 12, 60)), settings(), sample_rate=RATE, taps=63
            ),
            "noise has shape",
        ),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp import spectral
from tests import golden
from tests.compiling import quick_jit
from tests.dsp.tolerances import TOLERANCE

stft = jax.jit(spectral.stft, static_argnames=("n_fft", "hop", "window_length", "center"))


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def reference_stft(x, n_fft, hop, weights, center):
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], mode="reflect")
    starts = range(0, x.shape[-1] - n_fft + 1, hop)
    frames = [np.fft.rfft(weights * x[..., s : s + n_fft]) for s in starts]
    return np.stack(frames, axis=-1)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n_fft", "hop"), [(64, 16), (64, 64), (64, 7), (63, 20), (32, 50)])
def test_stft_equals_the_definition(n_fft, hop, center):
    x = noise(2, 3, 500)
    weights = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    expected = reference_stft(x.astype(np.float64), n_fft, hop, weights, center)
    actual = stft(x, n_fft=n_fft, hop=hop, center=center)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def test_stft_pads_a_short_window_on_both_sides():
    x = noise(300)
    weights = np.zeros(64)
    weights[12:52] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(40) / 40)
    actual = stft(x, n_fft=64, hop=16, window_length=40)
    np.testing.assert_allclose(actual, reference_stft(x, 64, 16, weights, True), atol=2e-5)


def test_stft_of_torch():
    torch = pytest.importorskip("torch")
    x = noise(2, 4096)
    window = torch.hann_window(400)
    expected = torch.stft(
        torch.from_numpy(x), 512, 100, 400, window, center=True, return_complex=True
    ).numpy()
    actual = stft(x, n_fft=512, hop=100, window_length=400)
    np.testing.assert_allclose(actual, expected, atol=5e-5)


@pytest.mark.parametrize("name", list(spectral.WINDOWS))
def test_windows_are_periodic_and_peak_at_one(name):
    values = spectral.window_values(name, 64)
    np.testing.assert_allclose(values[1:], values[:0:-1], atol=1e-12)
    assert values[32] == pytest.approx(1.0)


def test_magnitude_has_a_finite_gradient_at_silence():
    def total(x):
        return jnp.sum(spectral.magnitude(spectral.stft(x, n_fft=64, hop=16)))

    slope = quick_jit(jax.grad(total))
    np.testing.assert_array_equal(slope(np.zeros(300, np.float32)), 0.0)
    assert np.all(np.isfinite(slope(np.ones(300, np.float32))))


def test_stft_gradient_is_the_transpose(float64):
    x, weights = noise(400).astype(np.float64), noise(33, 26).astype(np.float64)

    def total(x):
        return jnp.sum(weights * spectral.power(spectral.stft(x, n_fft=64, hop=16)))

    value, slope = quick_jit(total), quick_jit(jax.grad(total))
    direction = np.random.default_rng(1).standard_normal(400)
    numeric = (value(x + 1e-5 * direction) - value(x - 1e-5 * direction)) / 2e-5
    np.testing.assert_allclose(np.vdot(slope(x), direction), numeric, rtol=1e-7)


def test_bark_filterbank_golden():
    expected = golden.load("bark_filterbank.npz")["fb"]
    actual = spectral.bark_filterbank(
        bands=24, n_fft=32768, sample_rate=44100, low_hz=20.0, high_hz=20000.0
    )
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE["bark_filterbank"])


def test_bark_filterbank_with_the_exact_inverse_ends_at_the_highest_edge():
    bank = spectral.bark_filterbank(
        bands=24, n_fft=32768, sample_rate=44100, low_hz=20.0, high_hz=16000.0, high_correction=True
    )
    frequency = np.linspace(0, 22050, 16385)
    assert not bank[np.flatnonzero(frequency > 16000)].any()
    assert np.all(bank[np.flatnonzero(frequency < 15900)].sum(axis=1)[16:] > 0)


def test_frequency_scales_invert():
    hz = np.geomspace(1.0, 20000.0, 200)
    np.testing.assert_allclose(spectral.bark_to_hz(spectral.hz_to_bark(hz)), hz, rtol=1e-9)
    for scale in ("slaney", "htk"):
        mel = spectral.hz_to_mel(hz, scale=scale)
        np.testing.assert_allclose(spectral.mel_to_hz(mel, scale=scale), hz, rtol=1e-9)


def test_mel_scales_at_published_points():
    np.testing.assert_allclose(spectral.hz_to_mel(np.array([500.0, 1000.0, 6400.0])), [7.5, 15, 42])
    assert spectral.hz_to_mel(1000.0, scale="htk") == pytest.approx(1000.0, abs=0.02)


def test_mel_filterbank_has_equal_areas_or_equal_heights():
    make = functools.partial(
        spectral.mel_filterbank, bands=10, n_fft=16384, sample_rate=44100, low_hz=50.0, high_hz=2e4
    )
    areas = make().sum(axis=0) * 44100 / 16384
    np.testing.assert_allclose(areas, 1.0, rtol=1e-3)
    heights = make(scale="htk", equal_area=False).max(axis=0)
    np.testing.assert_allclose(heights, 1.0, atol=0.02)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: spectral.stft(noise(30), n_fft=64, hop=16), "x has shape"),
        (lambda: spectral.stft(noise(300), n_fft=64, hop=0), "hop is 0"),
        (lambda: spectral.stft(noise(300), n_fft=1, hop=1), "n_fft is 1"),
        (lambda: spectral.stft(jnp.zeros(300, int), n_fft=64, hop=16), "x has dtype int"),
        (lambda: spectral.stft(noise(300), n_fft=64, hop=16, window="sine"), "window is 'sine'"),
        (
            lambda: spectral.stft(noise(300), n_fft=64, hop=16, window_length=65),
            "window_length is 65",
        ),
        (lambda: spectral.hz_to_mel(1.0, scale="bark"), "scale is 'bark'"),
        (
            lambda: spectral.bark_filterbank(
                bands=24, n_fft=64, sample_rate=32000, low_hz=20.0, high_hz=20000.0
            ),
            "high_hz are",
        ),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

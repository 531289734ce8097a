import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp import resampling

upsample, downsample = (
    jax.jit(resample, static_argnames=("factor", "zero_crossings"))
    for resample in (resampling.upsample, resampling.downsample)
)


def sine(frequency, rate, count):
    return np.sin(2 * np.pi * frequency * np.arange(count) / rate + 0.3).astype(np.float32)


def middle(x, edge):
    return np.asarray(x)[..., edge:-edge]


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_upsampling_interpolates_and_keeps_the_samples(factor):
    x = sine(15000, 44100, 1000)
    y = np.asarray(upsample(x, factor=factor))
    assert y.shape == (1000 * factor,)
    np.testing.assert_allclose(y[::factor], x, atol=1e-6)
    expected = sine(15000, 44100 * factor, 1000 * factor)
    np.testing.assert_allclose(middle(y, 40 * factor), middle(expected, 40 * factor), atol=1e-4)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_downsampling_keeps_the_band_and_removes_the_rest(factor):
    count = 1000 * factor + 1
    kept = downsample(sine(15000, 44100 * factor, count), factor=factor)
    assert kept.shape == (1001,)
    np.testing.assert_allclose(middle(kept, 40), middle(sine(15000, 44100, 1001), 40), atol=1e-4)
    removed = downsample(sine(25000, 44100 * factor, count), factor=factor)
    assert np.abs(middle(removed, 40)).max() < 10 ** (-89 / 20)


def test_blocks_equal_the_direct_convolution():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 301)).astype(np.float32)
    kernel = resampling.interpolation_kernel(4, zero_crossings=8)
    up = np.asarray(upsample(x, factor=4, zero_crossings=8))
    spread = np.zeros((2, 3, 301 * 4))
    spread[..., ::4] = x
    down = np.asarray(downsample(x, factor=4, zero_crossings=8))
    for index in np.ndindex(2, 3):
        direct = np.convolve(spread[index], kernel)[32:-32]
        np.testing.assert_allclose(up[index], direct, atol=2e-6)
        direct = np.convolve(x[index], kernel)[32:-32][::4] / 4
        np.testing.assert_allclose(down[index], direct, atol=2e-6)


def test_the_documented_response():
    kernel = resampling.interpolation_kernel(4)
    response = np.abs(np.fft.rfft(kernel, 1 << 16)) / 4
    frequency = np.arange(response.size) * 4 * 44100 / (1 << 16)
    passed = 20 * np.log10(response[frequency <= 20000])
    assert np.abs(passed).max() < 3e-4
    assert 20 * np.log10(response[frequency >= 24100].max()) < -90


def test_factor_one_is_the_identity():
    x = jnp.arange(10.0)
    np.testing.assert_array_equal(resampling.upsample(x, factor=1), x)
    np.testing.assert_array_equal(resampling.downsample(x, factor=1), x)


def test_gradient_is_the_transpose():
    rng = np.random.default_rng(1)
    x, direction = rng.standard_normal((2, 150)).astype(np.float32)

    def there_and_back(x):
        return resampling.downsample(resampling.upsample(x, factor=2), factor=2)

    @jax.jit
    def pushed_and_pulled(x, direction):
        y, tangent = jax.jvp(there_and_back, (x,), (direction,))
        return y, tangent, jax.vjp(there_and_back, x)[1](y)[0]

    y, tangent, pulled = pushed_and_pulled(x, direction)
    np.testing.assert_allclose(np.vdot(pulled, direction), np.vdot(y, tangent), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"factor": 0}, "factor is 0"),
        ({"factor": 2, "zero_crossings": 0}, "zero_crossings is 0"),
        ({"factor": 2, "attenuation_db": 5.0}, "attenuation_db is 5.0"),
    ],
)
def test_wrong_arguments_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        resampling.upsample(jnp.zeros(10), **options)
    with pytest.raises(ValueError, match=named):
        resampling.downsample(jnp.zeros(10), **options)

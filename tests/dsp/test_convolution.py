import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp import convolution
from tests.compiling import quick_jit

convolve = jax.jit(convolution.convolve)


def noise(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def direct(x, kernel):
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    kernel = np.broadcast_to(kernel, (x.shape[0], kernel.shape[1]))
    return np.stack([np.convolve(a, b)[: a.size] for a, b in zip(x, kernel, strict=True)])


@pytest.mark.parametrize(("time", "taps"), [(100, 1), (100, 33), (33, 100), (1, 5)])
def test_convolve_equals_the_direct_sum(time, taps):
    x, kernel = noise(2, time), noise(2, taps, seed=1)
    np.testing.assert_allclose(convolve(x, kernel), direct(x, kernel), atol=2e-5)


def test_one_kernel_serves_all_channels():
    x, kernel = noise(3, 50), noise(1, 9, seed=1)
    np.testing.assert_allclose(convolve(x, kernel), direct(x, kernel), atol=2e-5)


@pytest.mark.parametrize("chunk", [1, 7, 4093])
def test_chunks_equal_the_whole(chunk):
    time = min(5000, 40 * chunk)
    x, kernel = noise(2, time), noise(2, 300, seed=1)
    state, pieces = convolution.convolve_state(x, kernel), []
    for start in range(0, time, chunk):
        y, state = convolve(x[:, start : start + chunk], kernel, state=state)
        pieces.append(y)
    whole = convolve(x, kernel)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-4)


@pytest.mark.parametrize("taps", [5, 64, 200])
def test_partitions_equal_the_whole_in_any_grouping(taps):
    x, kernel = noise(2, 640), noise(2, taps, seed=1)

    @jax.jit
    def in_two(x, kernel):
        spectra = convolution.partition_kernel(kernel, block=64)
        state = convolution.partitioned_convolve_init(spectra)
        first, state = convolution.partitioned_convolve(x[:, :192], spectra, state)
        second, _ = convolution.partitioned_convolve(x[:, 192:], spectra, state)
        return jnp.concatenate([first, second], axis=1)

    np.testing.assert_allclose(in_two(x, kernel), direct(x, kernel), atol=5e-5)


def test_gradients_flow_to_signal_and_kernel(float64):
    x, kernel, weights, dx, dk = (
        noise(2, time, seed=seed, dtype=np.float64)
        for seed, time in enumerate((60, 20, 60, 60, 20))
    )

    def total(x, kernel):
        return jnp.sum(weights * convolution.convolve(x, kernel) ** 2)

    gradients = quick_jit(jax.grad(total, argnums=(0, 1)))(x, kernel)
    value, step = quick_jit(total), 1e-6
    numeric = value(x + step * dx, kernel + step * dk) - value(x - step * dx, kernel - step * dk)
    analytic = np.vdot(gradients[0], dx) + np.vdot(gradients[1], dk)
    np.testing.assert_allclose(analytic, numeric / (2 * step), rtol=1e-6)


def test_error_of_a_long_response_is_as_documented():
    x, kernel = noise(1, 1 << 17), noise(1, 1 << 16, seed=1)
    y = np.asarray(convolve(x, kernel))
    size = 1 << 18
    exact = np.fft.irfft(
        np.fft.rfft(np.asarray(x, float), size) * np.fft.rfft(np.asarray(kernel, float), size)
    )[:, : 1 << 17]
    assert np.abs(y - exact).max() < 1e-6 * np.abs(exact).max()


def test_fast_length_is_the_next_smooth_number():
    def smooth(n):
        for prime in (2, 3, 5):
            while n % prime == 0:
                n //= prime
        return n == 1

    for n in range(1, 2000):
        expected = next(m for m in range(n, 4 * n) if smooth(m))
        assert convolution.fast_length(n) == expected


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: convolution.convolve(jnp.zeros(5), jnp.zeros((1, 3))), "x has shape"),
        (lambda: convolution.convolve(jnp.zeros((1, 5)), jnp.zeros((2, 3))), "kernel has shape"),
        (
            lambda: convolution.convolve(
                jnp.zeros((1, 5)), jnp.zeros((1, 3)), state=jnp.zeros((1, 3))
            ),
            "state has shape",
        ),
        (lambda: convolution.partition_kernel(jnp.zeros((1, 5)), block=0), "block is 0"),
        (
            lambda: convolution.partitioned_convolve(
                jnp.zeros((1, 5)),
                jnp.zeros((1, 1, 5), jnp.complex64),
                convolution.partitioned_convolve_init(jnp.zeros((1, 1, 5), jnp.complex64)),
            ),
            "multiple of 4",
        ),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_audio_keeps_its_dtype_whatever_that_of_the_kernel(float64):
    x, kernel = jnp.ones((2, 9), jnp.float32), jnp.ones((2, 4), jnp.float64)
    assert convolve(x, kernel).dtype == jnp.float32
    state = convolution.convolve_state(x, kernel)
    y, after = convolve(x, kernel, state=state)
    assert (y.dtype, after.dtype) == (jnp.float32, jnp.float32)

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp import convolution


def noise(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def direct(x, kernel):
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    kernel = np.broadcast_to(kernel, (x.shape[0], kernel.shape[1]))
    return np.stack([np.convolve(a, b)[: a.size] for a, b in zip(x, kernel, strict=True)])


@pytest.mark.parametrize(("time", "taps"), [(100, 1), (100, 33), (33, 100), (1, 5)])
def test_convolve_equals_the_direct_sum(time, taps):
    x, kernel = noise(2, time), noise(2, taps, seed=1)
    np.testing.assert_allclose(convolution.convolve(x, kernel), direct(x, kernel), atol=2e-5)


def test_one_kernel_serves_all_channels():
    x, kernel = noise(3, 50), noise(1, 9, seed=1)
    np.testing.assert_allclose(convolution.convolve(x, kernel), direct(x, kernel), atol=2e-5)


@pytest.mark.parametrize("chunk", [1, 7, 4093])
def test_chunks_equal_the_whole(chunk):
    time = min(5000, 40 * chunk)
    x, kernel = noise(2, time), noise(2, 300, seed=1)
    run = jax.jit(lambda x, state: convolution.convolve(x, kernel, state=state))
    state, pieces = convolution.convolve_state(x, kernel), []
    for start in range(0, time, chunk):
        y, state = run(x[:, start : start + chunk], state)
        pieces.append(y)
    whole = convolution.convolve(x, kernel)
    np.testing.assert_allclose(jnp.concatenate(pieces, axis=1), whole, atol=1e-4)


@pytest.mark.parametrize("taps", [5, 64, 200])
def test_partitions_equal_the_whole_in_any_grouping(taps):
    x, kernel = noise(2, 640), noise(2, taps, seed=1)
    spectra = convolution.partition_kernel(kernel, block=64)
    state = convolution.partitioned_convolve_init(spectra)
    first, state = convolution.partitioned_convolve(x[:, :192], spectra, state)
    second, _ = convolution.partitioned_convolve(x[:, 192:], spectra, state)
    y = jnp.concatenate([first, second], axis=1)
    np.testing.assert_allclose(y, direct(x, kernel), atol=5e-5)


def test_gradients_flow_to_signal_and_kernel(float64):
    x, kernel = (jnp.asarray(v, jnp.float64) for v in (noise(2, 60), noise(2, 20, seed=1)))
    weights = jnp.asarray(noise(2, 60, seed=2), jnp.float64)

    def total(x, kernel):
        return jnp.sum(weights * convolution.convolve(x, kernel) ** 2)

    gradients = jax.grad(total, argnums=(0, 1))(x, kernel)
    dx, dk = noise(2, 60, seed=3).astype(float), noise(2, 20, seed=4).astype(float)
    step = 1e-6
    numeric = total(x + step * dx, kernel + step * dk) - total(x - step * dx, kernel - step * dk)
    analytic = jnp.vdot(gradients[0], dx) + jnp.vdot(gradients[1], dk)
    np.testing.assert_allclose(analytic, numeric / (2 * step), rtol=1e-6)


def test_error_of_a_long_response_is_as_documented():
    x, kernel = noise(1, 1 << 17), noise(1, 1 << 16, seed=1)
    y = np.asarray(convolution.convolve(x, kernel))
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
    assert convolution.convolve(x, kernel).dtype == jnp.float32
    state = convolution.convolve_state(x, kernel)
    y, after = convolution.convolve(x, kernel, state=state)
    assert (y.dtype, after.dtype) == (jnp.float32, jnp.float32)

"""Recursive filters: against scipy, in chunks, in both parallel forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import dsp
from dsp import state_space
from tests.dsp.tolerances import TOLERANCE

SAMPLE_RATE = 44100

biquad = jax.jit(dsp.biquad, static_argnames=("kind", "sample_rate"))
sosfilt = jax.jit(dsp.sosfilt, static_argnames="method")
lfilter = jax.jit(dsp.lfilter, static_argnames="method")


def sections(frequency_hz, q_factor):
    kinds = ("low_shelf", "peaking", "high_pass")
    designs = [biquad(k, frequency_hz, q_factor, 9.0, sample_rate=SAMPLE_RATE) for k in kinds]
    return np.stack([np.asarray(d, np.float32) for d in designs])


def noise(channels, time, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (channels, time)).astype(np.float32)


@pytest.mark.parametrize("method", ["scan", "block"])
@pytest.mark.parametrize(
    ("frequency_hz", "q_factor"), [(20, 5.0), (20, 0.1), (1000, 1.0), (21000, 5.0)]
)
def test_sosfilt_agrees_with_scipy_on_the_same_float32_coefficients(frequency_hz, q_factor, method):
    sos, x = sections(frequency_hz, q_factor), noise(2, 50_000)
    wanted = scipy.signal.sosfilt(sos.astype(np.float64), x.astype(np.float64))
    y, _ = sosfilt(sos, x, method=method)
    scale = max(1.0, np.abs(wanted).max())
    error = np.abs(y - wanted).max() / scale
    assert error < TOLERANCE["sosfilt against scipy"]


@pytest.mark.parametrize("method", ["scan", "block"])
def test_sosfilt_state_has_the_layout_and_values_of_scipy(method):
    sos, x = sections(300, 0.7), noise(2, 1000)
    zi = 0.1 * np.random.default_rng(1).standard_normal((3, 2, 2)).astype(np.float32)
    wanted_y, wanted_zf = scipy.signal.sosfilt(sos.astype(np.float64), x, zi=zi.astype(np.float64))
    y, zf = sosfilt(sos, x, zi, method=method)
    np.testing.assert_allclose(y, wanted_y, atol=TOLERANCE["sosfilt against scipy"])
    np.testing.assert_allclose(zf, wanted_zf, atol=TOLERANCE["sosfilt against scipy"])


@pytest.mark.parametrize("method", ["scan", "block"])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_lfilter_agrees_with_scipy(method, order):
    b, a = (c.astype(np.float32) for c in scipy.signal.butter(order, 0.2))
    x = noise(2, 700)
    zi = np.random.default_rng(1).standard_normal((2, order)).astype(np.float32)
    wanted = scipy.signal.lfilter(b.astype(np.float64), a.astype(np.float64), x, zi=zi)
    for actual, value in zip(lfilter(b, a, x, zi, method=method), wanted, strict=True):
        np.testing.assert_allclose(actual, value, rtol=0, atol=TOLERANCE["lfilter against scipy"])


def test_lfilter_of_order_zero_is_a_gain():
    x = noise(1, 10)
    y, zf = lfilter([3.0], [2.0], x)
    np.testing.assert_allclose(y, 1.5 * x, rtol=1e-6)
    assert zf.shape == (1, 0)


@pytest.mark.parametrize("time", [1, 2, 63, 64, 65, 1000])
def test_block_equals_scan_at_every_length(time):
    sos, x = sections(300, 0.7), noise(2, time)
    pairs = zip(*(sosfilt(sos, x, method=m) for m in ("block", "scan")), strict=True)
    for block, scan in pairs:
        np.testing.assert_allclose(np.asarray(block), np.asarray(scan), atol=1e-6)


def test_states_in_parallel_equal_states_in_sequence():
    """The form for accelerators, which no other test would run on a CPU."""
    rng = np.random.default_rng(0)
    advance = (-0.1 * np.eye(4) + 0.02 * rng.standard_normal((4, 4))).astype(np.float32)
    drive = rng.standard_normal((2, 37, 4)).astype(np.float32)
    initial = rng.standard_normal((2, 4)).astype(np.float32)
    np.testing.assert_allclose(
        jax.jit(state_space._states_parallel)(advance, drive, initial),
        jax.jit(state_space.block_states)(advance, drive, initial),
        atol=2e-6,
    )


@pytest.mark.parametrize("lanes", [2, 300], ids=["written out", "by products"])
def test_states_are_those_of_the_recursion_whatever_the_lanes(lanes):
    rng = np.random.default_rng(0)
    advance = (-0.1 * np.eye(4) + 0.02 * rng.standard_normal((lanes, 4, 4))).astype(np.float32)
    drive = rng.standard_normal((lanes, 1, 7, 4)).astype(np.float32)
    state = rng.standard_normal((lanes, 1, 4)).astype(np.float32)
    states = jax.jit(jax.vmap(state_space.block_states))(advance, drive, state)
    for t in range(7):
        np.testing.assert_allclose(states[:, :, t], state, atol=2e-6)
        state = state + state @ advance.swapaxes(1, 2) + drive[:, :, t]
    np.testing.assert_allclose(states[:, :, 7], state, atol=2e-6)


def test_gradients_of_scan_and_block_agree():
    """`scan` has a hand-written reverse rule, `block` is differentiated as it stands."""
    sos, x = jnp.asarray(sections(300, 0.7)), jnp.asarray(noise(2, 200))
    weight = noise(2, 200, seed=2)

    def loss(method):
        return jax.jit(
            jax.grad(lambda sos, x: jnp.sum(weight * dsp.sosfilt(sos, x, method=method)[0]), (0, 1))
        )

    for scan, block in zip(loss("scan")(sos, x), loss("block")(sos, x), strict=True):
        np.testing.assert_allclose(scan, block, rtol=0, atol=2e-5 * np.abs(scan).max())


@pytest.mark.parametrize(
    "sampled",
    [
        lambda x: dsp.sosfilt(np.ones((1, 6)), x, method="fft")[0],
        lambda x: dsp.smooth(x[0], 0.1, 0.1, 0.0, ballistics="sampled_one_pole")[0],
    ],
)
def test_frequency_sampling_holds_no_constant_as_long_as_the_signal(sampled):
    """XLA would compute with it while compiling, for seconds."""
    program = jax.jit(sampled).lower(jax.ShapeDtypeStruct((1, 2**16), np.float32))
    assert len(program.as_text()) < 2**16


@pytest.mark.parametrize("method", ["scan", "block"])
def test_reverse_mode_keeps_little(method):
    """The compiled gradient holds a few signals, not a tape of every operation at every sample."""
    x = jnp.zeros((1, 1 << 14))
    sos = jnp.asarray(sections(300, 0.7))
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(dsp.sosfilt(sos, x, method=method)[0] ** 2)))
    memory = gradient.lower(x).compile().memory_analysis()
    assert memory is not None
    # Three sections have six states; `scan` keeps those trajectories, `block` one state per block.
    assert memory.temp_size_in_bytes < {"scan": 40, "block": 8}[method] * x.nbytes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: dsp.sosfilt(np.ones((2, 5)), x), r"sos has shape \(2, 5\)"),
        (lambda x: dsp.sosfilt(np.ones((1, 6)), x[0]), r"x has shape \(8,\)"),
        (lambda x: dsp.sosfilt(np.ones((1, 6)), x, method="fast"), "method is 'fast'"),
        (lambda x: dsp.sosfilt(np.ones((1, 6)), x.astype(int)), "x has dtype int"),
        (lambda x: dsp.sosfilt(np.ones((1, 6)), x, np.zeros((1, 2))), r"zi has shape \(1, 2\)"),
        (
            lambda x: dsp.sosfilt(np.ones((1, 6)), x, np.zeros((1, 2, 2)), method="fft"),
            "zi is given with method 'fft'",
        ),
        (lambda x: dsp.lfilter(np.ones((1, 2)), np.ones(2), x), "expected two vectors"),
    ],
)
def test_bad_input_names_argument_value_and_expectation(call, message):
    with pytest.raises(ValueError, match=message):
        call(noise(2, 8))

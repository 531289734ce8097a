import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp.feedback_delay_network import (
    NetworkReverbParams,
    default_delays,
    feedback_delay_network,
    network_state,
)

RATE = 44100
DELAYS = (7, 11, 13, 16)
run = jax.jit(functools.partial(feedback_delay_network, sample_rate=RATE), static_argnames="delays")
small = functools.partial(run, delays=DELAYS)


def settings(low=0.02, mid=0.01, high=0.005, crossovers=(400.0, 4000.0), mix=0.7):
    values = (low, mid, high, *crossovers, mix)
    return NetworkReverbParams(*(jnp.asarray(value, jnp.float32) for value in values))


def noise(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def sample_by_sample(x, params, delays):
    """The network written as its definition, in float64."""
    low, mid, high, low_hz, high_hz, mix = (float(p) for p in params)
    lines, matrix = len(delays), np.ones((1, 1))
    while len(matrix) < lines:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    matrix /= np.sqrt(lines)
    even = np.arange(lines) % 2 == 0
    signs = np.where(np.arange(lines) // 2 % 2, -1.0, 1.0)
    gain = [10 ** (-3 * np.array(delays) / (RATE * t)) for t in (low, mid, high)]
    w1, w2 = np.tan(np.pi * low_hz / RATE), np.tan(np.pi * high_hz / RATE)
    r1, r2 = np.sqrt(gain[0] / gain[1]), np.sqrt(gain[2] / gain[1])
    # Bilinear transforms of (s + r w) / (s + w / r) and (w + r s) / (w + s / r).
    b1, a1 = np.array([1 + w1 * r1, w1 * r1 - 1]), np.array([1 + w1 / r1, w1 / r1 - 1])
    b2, a2 = np.array([w2 + r2, w2 - r2]), np.array([w2 + 1 / r2, w2 - 1 / r2])
    memory = [np.zeros(d) for d in delays]
    last = np.zeros((3, lines))  # previous input, output of the low and of the high shelf
    wet = np.zeros(x.shape)
    for n in range(x.shape[1]):
        heard = np.array([line[n % line.size] for line in memory])
        first = (b1[0] * heard + b1[1] * last[0] - a1[1] * last[1]) / a1[0]
        second = (b2[0] * first + b2[1] * last[1] - a2[1] * last[2]) / a2[0]
        last = np.stack([heard, first, second])
        out = gain[1] * second
        new = matrix @ out + np.where(even, x[0, n], x[1, n]) / np.sqrt(lines / 2)
        for line, value in zip(memory, new, strict=True):
            line[n % line.size] = value
        wet[:, n] = (signs * out)[even].sum(), (signs * out)[~even].sum()
    return (1 - mix) * x + mix * wet


@pytest.mark.parametrize("params", [settings(), settings(0.005, 0.01, 0.02, (100.0, 12000.0))])
def test_blocks_equal_the_definition(params):
    x = noise(2, 150)
    expected = sample_by_sample(np.asarray(x, np.float64), params, DELAYS)
    np.testing.assert_allclose(small(x, params), expected, atol=2e-5)


def test_every_band_decays_in_its_time():
    x = jnp.zeros((1, RATE)).at[0, 0].set(1.0)
    y = np.asarray(run(x, settings(0.5, 0.5, 0.5, mix=1.0)), np.float64)[:, 4000:]
    energy = np.sum(y**2, axis=0)[: 8 * 4500].reshape(8, 4500).sum(axis=1)
    slope = np.polyfit(np.arange(8) * 4500 / RATE, 10 * np.log10(energy), 1)[0]
    assert -60 / slope == pytest.approx(0.5, rel=0.03)


def test_a_crossover_beyond_half_of_the_sample_rate_stays_stable():
    """Regression: 12 kHz, the end of its range, gave NaN at 22050 Hz."""
    x = noise(2, 3000)

    def energy(hz):
        params = settings(1.0, 1.0, 0.1, (400.0, hz), mix=1.0)
        return jnp.sum(feedback_delay_network(x, params, sample_rate=22050, delays=DELAYS) ** 2)

    beyond, slope = jax.jit(jax.value_and_grad(energy))(12000.0)
    np.testing.assert_allclose(beyond, jax.jit(energy)(0.499 * 22050), rtol=1e-5)
    assert slope == 0


def test_no_decay_loses_no_energy():
    x = noise(2, 40)
    forever = settings(1e6, 1e6, 1e6)
    state = network_state(x, sample_rate=RATE, delays=DELAYS)
    _, state = small(x, forever, state=state)
    _, later = small(jnp.zeros((2, 4000)), forever, state=state)

    def energy(lines):
        return sum(float(jnp.sum(lines[i, :delay] ** 2)) for i, delay in enumerate(DELAYS))

    assert energy(later.lines) == pytest.approx(energy(state.lines), rel=1e-3)


def test_default_delays_are_primes():
    delays = default_delays(sample_rate=48000)
    assert len(set(delays)) == 16
    assert all(all(delay % d for d in range(2, delay)) for delay in delays)
    assert 0.015 <= min(delays) / 48000 < 0.016
    assert 0.080 <= max(delays) / 48000 < 0.081


def test_dry_is_the_identity():
    x = noise(2, 100)
    np.testing.assert_array_equal(small(x, settings(mix=0.0)), x)


def test_mono_goes_to_both_channels():
    x = noise(1, 100)
    both = jnp.concatenate([x, x])
    np.testing.assert_allclose(small(x, settings()), small(both, settings()), atol=1e-6)


def test_chunks_of_many_blocks_equal_the_whole():
    x, params = noise(2, 9000), settings(1.0, 0.5, 0.3)
    state, pieces = network_state(x, sample_rate=RATE), []
    for start in range(0, 9000, 4093):
        y, state = run(x[:, start : start + 4093], params, state=state)
        pieces.append(y)
    np.testing.assert_allclose(jnp.concatenate(pieces, axis=1), run(x, params), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: small(jnp.zeros((3, 9)), settings()), "x has shape"),
        (lambda: run(jnp.zeros((1, 9)), settings(), delays=(3, 4, 5)), "delays has 3 entries"),
        (lambda: run(jnp.zeros((1, 9)), settings(), delays=17), "delays has 1 entries"),
        (lambda: run(jnp.zeros((1, 9)), settings(), delays=(3, 0)), "delays is 0"),
        (lambda: small(jnp.zeros((1, 9)), settings(mix=np.ones(2))), "params.mix has shape"),
        (
            lambda: feedback_delay_network(jnp.zeros((1, 9)), settings(), sample_rate=-1),
            "sample_rate is -1",
        ),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp.delay import ROUTINGS, DelayParams, delay
from tests.compiling import quick_jit

RATE = 44100
run = jax.jit(functools.partial(delay, sample_rate=RATE), static_argnames="routing")


def settings(time_ms=6.0, feedback=0.6, mix=0.7):
    return DelayParams(*(jnp.asarray(v, jnp.float32) for v in (time_ms, feedback, mix)))


def noise(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, shape), jnp.float32)


def sample_by_sample(x, params, routing):
    """The delay line written as its definition."""
    samples, feedback, mix = float(params.time_ms * RATE / 1000), params.feedback, params.mix
    whole, part = int(samples), samples % 1
    nodes = np.arange(-1, 3)
    others = [np.delete(nodes, k) for k in range(4)]
    taps = [np.prod((part - o) / (n - o)) for n, o in zip(nodes, others, strict=True)]
    past, time = whole + 3, x.shape[1]
    line, echoes = np.zeros((2, past + time)), np.zeros((2, time))
    for n in range(time):
        reads = [tap * line[:, past + n - whole - k] for tap, k in zip(taps, nodes, strict=True)]
        echoes[:, n] = np.sum(reads, axis=0)
        back = echoes[:, n] if routing == "straight" else echoes[::-1, n]
        new = np.array([x[:, n].mean(), 0]) if routing == "ping_pong" else x[:, n]
        line[:, past + n] = new + feedback * back
    return (1 - mix) * x + mix * echoes


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize(("time_ms", "feedback"), [(5.0, 0.95), (5.7311, 0.5), (12.3, 0.0)])
def test_the_closed_form_equals_the_loop(time_ms, feedback, routing):
    x, params = noise(2, 2000), settings(time_ms, feedback)
    expected = sample_by_sample(np.asarray(x, np.float64), params, routing)
    # Delays are float32, too: 1e-5 of a sample.
    np.testing.assert_allclose(run(x, params, routing=routing), expected, atol=5e-5)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_echoes_that_hardly_decay_equal_the_loop(routing):
    x, params = noise(2, 2000), settings(300 / RATE * 1000, 1 - 1e-6)
    expected = sample_by_sample(np.asarray(x, np.float64), params, routing)
    np.testing.assert_allclose(run(x, params, routing=routing), expected, atol=1e-4)


def test_ping_pong_alternates():
    x = jnp.zeros((2, 1600)).at[:, 0].set(1.0)
    y = run(x, settings(10.0, 0.5, 1.0), routing="ping_pong")
    echoes = np.zeros((2, 1600))
    echoes[0, 441], echoes[1, 882], echoes[0, 1323] = 1.0, 0.5, 0.25
    np.testing.assert_allclose(y, echoes, atol=1e-6)


def test_time_is_held_within_its_range():
    x = noise(2, 1000)
    np.testing.assert_array_equal(run(x, settings(1.0)), run(x, settings(5.0)))
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(run(x, p) ** 2)))(settings(1.0))
    assert gradient.time_ms == 0


@pytest.mark.parametrize("routing", ROUTINGS)
def test_at_the_ends_of_its_range_time_has_a_slope_that_points_inside(float64, routing):
    """Regression: at the longest it was that of longer times, which are none, often reversed."""
    x, weight = (jnp.asarray(noise(2, 200, seed=seed), jnp.float64) for seed in (0, 1))
    limits = {"sample_rate": 1000, "shortest_ms": 4.0, "longest_ms": 20.0}

    @quick_jit
    @jax.value_and_grad
    def heard(time_ms):
        y = delay(x, DelayParams(time_ms, 0.5, 0.5), routing=routing, **limits)
        return jnp.vdot(weight, y)

    for end_ms, inside in ((4.0, 1e-6), (20.0, -1e-6)):
        (end, gradient), (near, _) = heard(end_ms), heard(end_ms + inside)
        # The mean of the slope inside and of 0, which is that outside.
        np.testing.assert_allclose(gradient, (near - end) / inside / 2, rtol=1e-4)


def test_the_interpolator_dulls_as_documented():
    n = np.arange(4000)
    for frequency, loss_db in ((10000, -0.74), (15000, -3.53)):
        x = jnp.asarray(np.sin(2 * np.pi * frequency / RATE * n)[None], jnp.float32)
        y = run(x, settings(220.5 / RATE * 1000, 0.0, 1.0))[0, 1000:3940]
        level = 20 * np.log10(np.sqrt(2) * np.std(y))
        assert level == pytest.approx(loss_db, abs=0.02)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: run(jnp.zeros((1, 9)), settings(), routing="cross"), "x has shape"),
        (lambda: run(jnp.zeros((2, 9)), settings(), routing="round"), "routing is 'round'"),
        (lambda: run(jnp.zeros((1, 9)), settings(mix=np.ones(2))), "params.mix has shape"),
        (
            lambda: delay(jnp.zeros((1, 9)), settings(), sample_rate=RATE, shortest_ms=0.01),
            "shortest_ms is 0.01",
        ),
        (
            lambda: delay(jnp.zeros((1, 9)), settings(), sample_rate=RATE, longest_ms=1.0),
            "longest_ms is 1.0",
        ),
        (
            lambda: run(jnp.zeros((1, 9)), settings(), state=jnp.zeros((1, 3))),
            "state has shape",
        ),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

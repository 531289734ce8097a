"""Attack and release: rise times, and the parallel forms that only accelerators run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from dsp import ballistics, branching, lanes, recurrence, sweeps
from tests.compiling import quick_jit

SAMPLE_RATE = 44100
RNG = np.random.default_rng(0)
ATTACK, RELEASE = jnp.float32(0.02), jnp.float32(0.0005)
# Both forms round: 3e-5 dB apart on gains of 20 dB, which is 2e-6 of the range.
ROUNDING_DB = 6e-5

smooth = jax.jit(dsp.smooth, static_argnames="ballistics")


def gain_curve(time=20_000):
    """A gain that ducks now and then, in dB."""
    level = np.repeat(RNG.uniform(-20, 0, time // 250), 250)
    return jnp.asarray(level + RNG.uniform(-1, 1, time), jnp.float32)


@pytest.mark.parametrize("time_ms", [1.0, 50.0, 250.0])
def test_time_constants_are_rise_times_from_10_to_90_percent(time_ms):
    c = dsp.time_constant(time_ms, sample_rate=SAMPLE_RATE)
    x = jnp.ones(SAMPLE_RATE)
    y, _ = smooth(x, c, c, 0.0, ballistics="one_pole")
    rise = np.searchsorted(y, 0.9) - np.searchsorted(y, 0.1)
    assert rise / SAMPLE_RATE * 1e3 == pytest.approx(time_ms, rel=0.02, abs=0.05)


def test_time_zero_is_at_once_with_a_finite_gradient():
    def constant(time_ms):
        return dsp.time_constant(time_ms, sample_rate=SAMPLE_RATE)

    value, slope = jax.value_and_grad(constant)(0.0)
    assert value == 1
    assert slope == 0


def test_attack_and_release_act_on_falling_and_rising_gain():
    x = jnp.concatenate([jnp.full(2000, -10.0), jnp.zeros(2000)])
    y, _ = smooth(x, 1.0, RELEASE, 0.0)
    np.testing.assert_allclose(y[:2000], -10.0)
    np.testing.assert_allclose(y[2000:], -10 * (1 - RELEASE) ** np.arange(1, 2001), rtol=1e-4)


def test_decoupled_falls_with_the_attack_and_rises_with_both():
    x = jnp.concatenate([jnp.full(2000, -10.0), jnp.zeros(2000)])
    y, _ = smooth(x, ATTACK, RELEASE, jnp.zeros(2), ballistics="decoupled")
    np.testing.assert_allclose(y[:2000], -10 * (1 - (1 - ATTACK) ** np.arange(1, 2001)), atol=1e-4)
    assert (np.diff(y[2000:]) >= -1e-6).all()


def test_sweeps_equal_the_scan():
    """Policy iteration, which a CPU never takes, finds the same trajectory in a few sweeps."""
    x = gain_curve()
    wanted, _ = smooth(x, ATTACK, RELEASE, 0.0)
    y, count = quick_jit(sweeps.branching_by_sweeps)(x, ATTACK, RELEASE, jnp.float32(0))
    np.testing.assert_allclose(y, wanted, rtol=0, atol=ROUNDING_DB)
    assert 1 < int(count) < sweeps.MAX_SWEEPS // 2


def test_sweeps_equal_the_scan_when_release_is_faster_than_attack():
    x = gain_curve()
    wanted, _ = smooth(x, RELEASE, ATTACK, -3.0)
    y, count = quick_jit(sweeps.branching_by_sweeps)(x, RELEASE, ATTACK, jnp.float32(-3))
    np.testing.assert_allclose(y, wanted, rtol=0, atol=ROUNDING_DB)
    assert int(count) < sweeps.MAX_SWEEPS // 2


def test_hold_by_composition_equals_the_scan():
    x = gain_curve()
    wanted = ballistics._hold(x, RELEASE, jnp.float32(-1))
    y = quick_jit(ballistics.hold_by_composition)(x, RELEASE, jnp.float32(-1))
    np.testing.assert_allclose(y, wanted, rtol=0, atol=ROUNDING_DB)


@pytest.mark.parametrize("reverse", [False, True])
def test_recurrence_in_parallel_equals_the_scan(reverse):
    leak = jnp.asarray(RNG.uniform(0, 0.01, 5000), jnp.float32)
    drive = jnp.asarray(RNG.uniform(-0.01, 0.01, 5000), jnp.float32)
    if reverse:
        following = jnp.append(leak[1:], 0)
        wanted = recurrence.recur_adjoint(leak, drive)
    else:
        following = leak
        wanted = recurrence.recur(leak, drive)
    y = quick_jit(lambda a, b: recurrence.recur_in_parallel(a, b, reverse=reverse))(
        following, drive
    )
    np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-5)


def test_lanes_of_nested_batches_equal_single_signals():
    """`vmap` adds lanes; two levels of it, and arguments that are not batched, still agree."""
    x = RNG.uniform(-1, 0, (2, 3, 400)).astype(np.float32)
    attack = np.array([0.1, 0.2], np.float32)

    @jax.jit
    def run(x, attack):
        return dsp.smooth(x, attack, RELEASE, 0.0)[0]

    nested = np.asarray(jax.vmap(jax.vmap(run, in_axes=(0, None)))(x, attack))
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(nested[i, j], run(x[i, j], attack[i]), atol=1e-6)


def pulled_smoother(x, attack, release, initial, weight):
    y, pull = jax.vjp(lambda *v: dsp.smooth(*v)[0], x, attack, release, initial)
    return y, pull(weight)


def test_derivatives_are_the_same_in_sequence_and_in_parallel(monkeypatch):
    x = gain_curve(2000)
    weight = jnp.asarray(RNG.standard_normal(2000), jnp.float32)
    arguments = (x, ATTACK, RELEASE, jnp.float32(-3), weight)
    wanted = quick_jit(pulled_smoother)(*arguments)
    for module in (branching, recurrence):
        monkeypatch.setattr(module, "sequential_backend", lambda: False)
    parallel = quick_jit(lambda *v: pulled_smoother(*v))(*arguments)  # noqa: PLW0108 - traced anew
    for actual, right in zip(jax.tree.leaves(parallel), jax.tree.leaves(wanted), strict=True):
        scale = max(1, float(jnp.max(jnp.abs(right))))
        np.testing.assert_allclose(actual / scale, right / scale, rtol=0, atol=ROUNDING_DB)


@pytest.mark.parametrize("varied", [(1,), (1, 2), (0,), (0, 1, 2, 3)])
def test_second_derivatives_do_not_depend_on_the_order_of_the_modes(varied):
    """Also where only a part of the arguments varies, which reverse mode treats on its own."""
    arguments = [gain_curve(250), ATTACK, RELEASE, jnp.float32(-3)]
    directions = [jnp.asarray(RNG.standard_normal(np.shape(arguments[i]))) for i in varied]

    def loss(*parts):
        given = list(arguments)
        for i, part in zip(varied, parts, strict=True):
            given[i] = part
        return jnp.sum(dsp.smooth(*given)[0] ** 2)

    def along(f, *parts):
        return jax.jvp(f, parts, tuple(v.astype(jnp.float32) for v in directions))[1]

    parts, number = [arguments[i] for i in varied], tuple(range(len(varied)))
    outer = quick_jit(jax.grad(lambda *q: along(loss, *q), number))(*parts)
    inner = quick_jit(lambda *p: along(jax.grad(loss, number), *p))(*parts)
    for a, b in zip(outer, inner, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-4 * float(jnp.max(jnp.abs(b))))


COMPRESSION = dsp.CompressorParams(-24.0, 4.0, 5.0, 80.0, 6.0, 3.0)


def pulled_compressor(x, settings, weight):
    def compressed(x, settings):
        return dsp.compressor(x, settings, sample_rate=SAMPLE_RATE)

    y, pull = jax.vjp(compressed, x, settings)
    return y, pull(weight)


@pytest.mark.parametrize("channels", [1, 2])
def test_many_blocks_give_what_one_gives(monkeypatch, channels):
    """A compressor's output and gradients, in blocks and a shorter last one, of a few lanes."""
    x, weight = (jnp.asarray(RNG.uniform(-1, 1, (3, channels, 149)), jnp.float32) for _ in range(2))
    settings = jax.tree.map(lambda v: jnp.full(3, v, jnp.float32), COMPRESSION)
    wanted = quick_jit(jax.vmap(pulled_compressor))(x, settings, weight)
    monkeypatch.setattr(lanes, "LONGEST", 32)
    # Five blocks of 29, and four samples.
    blocks = quick_jit(jax.vmap(pulled_compressor))(x, settings, weight)
    for actual, right in zip(jax.tree.leaves(blocks), jax.tree.leaves(wanted), strict=True):
        scale = max(1, float(jnp.max(jnp.abs(right))))
        np.testing.assert_allclose(actual / scale, right / scale, rtol=0, atol=2e-6)


@pytest.mark.parametrize("varied", [(0,), (1,), (2,), (0, 1, 2)])
def test_second_derivatives_of_a_compressor_are_finite_differences_of_its_gradient(varied):
    """Of the audio, of the settings, of what weights the output, and of all."""
    with jax.enable_x64(True):
        x, weight = (jnp.asarray(RNG.uniform(-1, 1, (2, 40))) for _ in range(2))
        arguments = [x, jax.tree.map(jnp.float64, COMPRESSION), weight]
        chosen = [arguments[i] for i in varied]
        directions = [
            jax.tree.map(lambda v: jnp.asarray(RNG.standard_normal(np.shape(v))), part)
            for part in chosen
        ]

        def gradients(*parts):
            given = list(arguments)
            for i, part in zip(varied, parts, strict=True):
                given[i] = part
            return pulled_compressor(*given)[1]

        def beside(step):
            moved = jax.tree.map(lambda v, d: v + step * d, chosen, directions)
            return quick_jit(gradients)(*moved)

        along = quick_jit(lambda *v: jax.jvp(gradients, v, tuple(directions))[1])(*chosen)
        step = 1e-6
        for a, up, down in zip(
            *map(jax.tree.leaves, (along, beside(step), beside(-step))), strict=True
        ):
            scale = max(1, float(jnp.max(jnp.abs(a))))
            np.testing.assert_allclose(a / scale, (up - down) / (2 * step) / scale, 0, 1e-6)

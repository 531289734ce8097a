"""Parametric equalizer: exactness against float64, parity, response."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import dsp
from dsp.equalizer import CONSOLE_BANDS
from dsp.state_space import VECTOR
from tests.compiling import quick_jit
from tests.dsp.tolerances import TOLERANCE

SAMPLE_RATE = 44100
biquad = jax.jit(dsp.biquad, static_argnames=("kind", "sample_rate"))
equalized = jax.jit(dsp.parametric_eq, static_argnames=("sample_rate", "kinds"))
response_of = jax.jit(dsp.equalizer_response, static_argnames=("sample_rate", "kinds"))
RANGES = dsp.console_ranges(sample_rate=SAMPLE_RATE).tracks.equalizer


def reference(x, params):
    """Filter in float64 by an independent implementation from the same physical settings."""
    with jax.enable_x64(True):
        sos = np.stack(
            [
                np.asarray(biquad(kind, np.float64(f), np.float64(q), np.float64(g),
                                      sample_rate=SAMPLE_RATE))
                for kind, g, f, q in zip(CONSOLE_BANDS, *params, strict=True)
            ]
        )  # fmt: skip
    return scipy.signal.sosfilt(sos, x.astype(np.float64))


def corner(gain_end, frequency_end, q_end):
    """All bands at the same ends of their ranges: 0 is low, 1 is high."""
    ends = zip(RANGES, (gain_end, frequency_end, q_end), strict=True)
    return [np.where(end, limits.high, limits.low) for limits, end in ends]


def settings(rng):
    """Random draws, every joint corner, and every corner of each band alone."""
    draws = [[rng.uniform(r.low, r.high) for r in RANGES] for _ in range(24)]
    corners = [corner(*ends) for ends in product((0, 1), repeat=3)]
    single = []
    for band, ends in product(range(len(CONSOLE_BANDS)), product((0, 1), repeat=3)):
        gain, frequency, q = corner(*ends)
        single.append([np.where(np.arange(6) == band, gain, 0), frequency, q])
    return [
        np.stack(field).astype(np.float32) for field in zip(*draws, *corners, *single, strict=True)
    ]


def worst_error(method, seconds):
    rng = np.random.default_rng(0)
    params = settings(rng)
    x = rng.uniform(-1, 1, (1, int(seconds * SAMPLE_RATE))).astype(np.float32)
    run = jax.jit(
        jax.vmap(
            lambda p: dsp.parametric_eq(
                x, dsp.EqualizerParams(*p), sample_rate=SAMPLE_RATE, method=method
            )
        )
    )
    worst = 0.0
    for start in range(0, len(params[0]), 16):
        batch = [field[start : start + 16] for field in params]
        for y, one in zip(np.asarray(run(batch)), zip(*batch, strict=True), strict=True):
            wanted = reference(x, one)
            worst = max(worst, np.abs(y - wanted).max() / max(1.0, np.abs(wanted).max()))
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("method", ["block", "scan"])
def test_float32_agrees_with_float64_on_ten_seconds_of_noise(method):
    assert worst_error(method, 10.0) < TOLERANCE["parametric_eq against float64"]


def test_frequencies_beyond_half_of_the_sample_rate_stay_stable():
    """Regression: 23 kHz at 44.1 kHz folded to a negative tangent and grew to 1e33."""
    x = np.random.default_rng(0).uniform(-1, 1, (1, 2000)).astype(np.float32)
    params = dsp.EqualizerParams(np.full(6, 6.0), np.full(6, 23_000.0), np.ones(6))

    def loss(x, params):
        return jnp.sum(dsp.parametric_eq(x, params, sample_rate=SAMPLE_RATE) ** 2)

    value, gradient = quick_jit(jax.value_and_grad(loss, (0, 1)))(x, params)
    assert np.isfinite(value)
    assert value < 100 * np.sum(x**2)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_bands_of_any_kinds_in_any_order_are_the_single_bands_in_series():
    kinds = ("peaking", "high_shelf", "peaking", "peaking", "low_shelf", "peaking")
    gain_db = np.array([6.0, -4.0, 3.0, -9.0, 8.0, -2.0])
    frequency_hz = np.array([3000.0, 7000.0, 500.0, 900.0, 120.0, 12000.0])
    q_factor = np.array([0.7, 0.9, 2.0, 1.4, 0.5, 4.0])
    params = dsp.EqualizerParams(gain_db, frequency_hz, q_factor)
    single = [dsp.EqualizerParams(*(field[[i]] for field in params)) for i in range(len(kinds))]
    x = np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
    one_by_one = x
    for kind, band in zip(kinds, single, strict=True):
        one_by_one = equalized(one_by_one, band, sample_rate=SAMPLE_RATE, kinds=(kind,))
    together = equalized(x, params, sample_rate=SAMPLE_RATE, kinds=kinds)
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=2e-5 * np.max(np.abs(one_by_one)))
    hz = np.geomspace(30.0, 18000.0, 50)
    responses = [
        response_of(band, hz, sample_rate=SAMPLE_RATE, kinds=(kind,))
        for kind, band in zip(kinds, single, strict=True)
    ]
    response = response_of(params, hz, sample_rate=SAMPLE_RATE, kinds=kinds)
    np.testing.assert_allclose(response, sum(responses), rtol=0, atol=1e-4)


def test_no_band_at_all_is_refused():
    none = dsp.EqualizerParams(*[jnp.zeros(0)] * 3)
    x = jnp.zeros((1, 100))
    for call in (
        lambda: dsp.parametric_eq(x, none, sample_rate=SAMPLE_RATE, kinds=()),
        lambda: dsp.equalizer_state(x, kinds=()),
        lambda: dsp.equalizer_response(none, np.ones(1), sample_rate=SAMPLE_RATE, kinds=()),
    ):
        with pytest.raises(ValueError, match="kinds is empty; expected"):
            call()


def test_the_name_of_a_kind_is_no_tuple_of_kinds():
    with pytest.raises(
        ValueError, match=r"kinds is 'peaking'; expected a tuple, as \('peaking',\)"
    ):
        dsp.equalizer_state(jnp.zeros((1, 100)), kinds="peaking")


def test_no_band_is_gathered_and_no_gradient_scattered():
    """Indices did both: the matching of a model compiled to 289 kernels instead of 269."""
    params = dsp.EqualizerParams(*[jnp.ones(6)] * 3)
    hz = np.geomspace(30.0, 18000.0, 5)
    total = jax.grad(lambda p: jnp.sum(dsp.equalizer_response(p, hz, sample_rate=SAMPLE_RATE)))
    program = jax.jit(total).lower(params).as_text()
    assert "stablehlo.slice" in program
    assert "gather" not in program
    assert "scatter" not in program


@pytest.mark.parametrize("method", ["scan", "block"])
def test_many_tracks_at_once_are_as_each_alone(float64, method):
    """Enough of them to be vectorised over tracks instead of states; gradients too."""
    rng = np.random.default_rng(0)
    tracks, slopes = rng.standard_normal((2, VECTOR + 1, 1, 700))
    params = dsp.EqualizerParams(
        *(rng.uniform(r.low, r.high, (len(tracks), len(CONSOLE_BANDS))) for r in RANGES)
    )

    def heard(x, settings, slope):
        y = dsp.parametric_eq(x, settings, sample_rate=SAMPLE_RATE, method=method)
        return jnp.vdot(y, slope), y

    pulled = jax.value_and_grad(heard, argnums=(0, 1), has_aux=True)
    run, together = quick_jit(pulled), quick_jit(jax.vmap(pulled))
    alone = [
        run(x, dsp.EqualizerParams(*settings), slope)
        for x, settings, slope in zip(tracks, zip(*params, strict=True), slopes, strict=True)
    ]
    expected = jax.tree.map(lambda *leaves: np.stack(leaves), *alone)
    for found, wanted in zip(
        jax.tree.leaves(together(tracks, params, slopes)), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-11 * np.abs(wanted).max())

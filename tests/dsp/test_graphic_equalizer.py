import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dsp.equalizer import equalizer_response
from dsp.graphic_equalizer import graphic_eq, graphic_eq_design, graphic_eq_frequencies
from tests.compiling import quick_jit

RATE = 44100


@functools.partial(jax.jit, static_argnames="bands_per_octave")
def response(sliders, frequencies, *, bands_per_octave):
    params = graphic_eq_design(sliders, sample_rate=RATE, bands_per_octave=bands_per_octave)
    kinds = ("peaking",) * sliders.size
    return equalizer_response(params, frequencies, sample_rate=RATE, kinds=kinds)


def test_bands_are_octaves_or_thirds():
    octaves = graphic_eq_frequencies(sample_rate=RATE)
    np.testing.assert_allclose(octaves, 1000 * 2.0 ** np.arange(-5, 5))
    thirds = graphic_eq_frequencies(sample_rate=RATE, bands_per_octave=3)
    np.testing.assert_allclose(thirds, 1000 * 2.0 ** (np.arange(-17, 14) / 3))
    assert graphic_eq_frequencies(sample_rate=16000)[-1] == 4000


@pytest.mark.parametrize("bands_per_octave", [1, 3])
def test_the_response_passes_through_the_sliders(bands_per_octave):
    centres = graphic_eq_frequencies(sample_rate=RATE, bands_per_octave=bands_per_octave)
    rng, count = np.random.default_rng(0), centres.size
    alternating = 12.0 * (-1.0) ** np.arange(count)
    draws = [(rng.uniform(-12, 12, count), 0.002) for _ in range(5)]
    for sliders, bound in [*draws, (np.full(count, 12.0), 0.002), (alternating, 0.15)]:
        actual = response(
            jnp.asarray(sliders, jnp.float32), centres, bands_per_octave=bands_per_octave
        )
        np.testing.assert_allclose(actual, sliders, atol=bound)


@pytest.mark.parametrize("bands_per_octave", [1, 3])
def test_equal_sliders_ripple_as_documented(bands_per_octave):
    centres = graphic_eq_frequencies(sample_rate=RATE, bands_per_octave=bands_per_octave)
    frequencies = np.geomspace(centres[0], centres[-1], 500)
    flat = jnp.full(centres.size, 12.0)
    actual = response(flat, frequencies, bands_per_octave=bands_per_octave)
    np.testing.assert_allclose(actual, 12.0, atol=0.75)


def test_whole_decibels_are_sliders_as_others_are():
    sliders = [0, 0, 0, 6, 0, 0, 0, 0, 0, -3]
    design = functools.partial(graphic_eq_design, sample_rate=RATE)
    filters, wanted = design(sliders), design(np.asarray(sliders, np.float32))
    jax.tree.map(np.testing.assert_array_equal, filters, wanted)
    assert all(leaf.dtype == jnp.float32 for leaf in filters)


def test_many_settings_at_once_may_be_the_first_at_a_sample_rate():
    design = functools.partial(graphic_eq_design, sample_rate=32001)
    many = jax.eval_shape(jax.vmap(design), jnp.zeros((2, 9)))
    assert many.gain_db.shape == (2, 9)


def test_audio_is_filtered_by_that_response():
    sliders = jnp.asarray(np.random.default_rng(1).uniform(-12, 12, 10), jnp.float32)
    impulse = jnp.zeros((1, 16384)).at[0, 0].set(1.0)
    run = jax.jit(functools.partial(graphic_eq, sample_rate=RATE))
    spectrum = np.fft.rfft(run(impulse, sliders)[0])
    bins = np.arange(10, 8000, 10)
    expected = response(sliders, bins * RATE / 16384, bands_per_octave=1)
    np.testing.assert_allclose(20 * np.log10(np.abs(spectrum[bins])), expected, atol=0.01)


def test_chunks_and_gradients():
    rng = np.random.default_rng(2)
    sliders = jnp.asarray(rng.uniform(-12, 12, 10), jnp.float32)
    x = jnp.asarray(rng.standard_normal((2, 128)), jnp.float32)

    def run(x, sliders, state):
        return graphic_eq(x, sliders, sample_rate=RATE, state=state)

    filtered = quick_jit(run)
    whole, _ = filtered(x, sliders, jnp.zeros((2, 20)))
    first, state = filtered(x[:, :64], sliders, jnp.zeros((2, 20)))
    second, _ = filtered(x[:, 64:], sliders, state)
    np.testing.assert_allclose(jnp.concatenate([first, second], axis=1), whole, atol=1e-5)

    def energy(sliders):
        return jnp.sum(run(x, sliders, jnp.zeros((2, 20)))[0] ** 2)

    slope, step = quick_jit(jax.value_and_grad(energy)), 0.05
    gradient = slope(sliders)[1]
    ahead, behind = slope(sliders + step)[0], slope(sliders - step)[0]
    np.testing.assert_allclose(jnp.sum(gradient), (ahead - behind) / (2 * step), rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: graphic_eq(jnp.zeros(9), np.zeros(10), sample_rate=RATE), "x has shape"),
        (lambda: graphic_eq(jnp.zeros((1, 9)), np.zeros(9), sample_rate=RATE), "gain_db has shape"),
        (
            lambda: graphic_eq_frequencies(sample_rate=RATE, bands_per_octave=0),
            "bands_per_octave is 0",
        ),
        (lambda: graphic_eq_frequencies(sample_rate=0), "sample_rate is 0"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()

"""A small song and what the compact model measures of it."""

import functools

import jax.numpy as jnp

from diffmst_jax.models import CompactConfig
from diffmst_jax.models.compact.front_end import band_statistics
from diffmst_jax.models.compact.picture import Heard
from diffmst_jax.models.compact.spectra import analyse
from diffmst_jax.models.compact.starting_point import starting_point
from diffmst_jax.models.compact.style_spectrum import measured_style, style_spectrum
from tests.compiling import quick_jit
from tests.models.small import song

RATE = 44100
CONFIG = CompactConfig()
TIME = 65536
PAIR = jnp.array([-1, 1, 0, 0])  # the first two tracks are one stereo recording
ALL = jnp.ones(4, bool)

spectra = quick_jit(lambda x: analyse(x, CONFIG, sample_rate=RATE))
measure = quick_jit(lambda x: band_statistics(x, analyse(x, CONFIG, sample_rate=RATE)))
magnitudes = quick_jit(lambda x: style_spectrum(x[None], sample_rate=RATE)[0])
start_of = quick_jit(functools.partial(starting_point, rate=RATE))
style_of = quick_jit(functools.partial(measured_style, sample_rate=RATE))


@functools.cache
def audio():
    """Four tracks, the first two of which have much in common, and a reference."""
    tracks, reference = song(4, time=TIME)
    tracks[1] = 0.8 * tracks[0] + 0.6 * tracks[1]
    return jnp.asarray(tracks), jnp.asarray(reference)


def energies(tracks):
    return spectra(tracks).energy


def hear(tracks, side=PAIR) -> Heard:
    """What the picture knows of four tracks."""
    found = spectra(tracks)
    return Heard(found.energy, magnitudes(tracks), found.hz, found.lowest, ALL, side)


@functools.cache
def heard():
    tracks, reference = audio()
    return measure(tracks), hear(tracks), style_of(reference)

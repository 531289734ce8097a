"""A small song and what the compact model measures of it."""

import functools

import jax.numpy as jnp

from diffmst_jax.models import CompactConfig
from diffmst_jax.models.front_end import band_statistics, measure_reference
from diffmst_jax.models.spectra import analyse
from diffmst_jax.models.starting_point import starting_point
from tests.compiling import quick_jit
from tests.models.small import song

RATE = 44100
CONFIG = CompactConfig()
TIME = 65536
PAIR = jnp.array([-1, 1, 0, 0])  # the first two tracks are one stereo recording
ALL = jnp.ones(4, bool)

measure = quick_jit(lambda x: band_statistics(x, analyse(x, CONFIG, sample_rate=RATE)))
energies = quick_jit(lambda x: analyse(x, CONFIG, sample_rate=RATE).energy)
start_of = quick_jit(functools.partial(starting_point, rate=RATE))
measure_mix = quick_jit(measure_reference)


@functools.cache
def audio():
    """Four tracks, the first two of which have much in common, and a reference."""
    tracks, reference = song(4, time=TIME)
    tracks[1] = 0.8 * tracks[0] + 0.6 * tracks[1]
    return jnp.asarray(tracks), jnp.asarray(reference)


@functools.cache
def heard():
    tracks, reference = audio()
    statistics = measure(tracks)
    mid_side = jnp.stack([reference[0] + reference[1], reference[0] - reference[1]])
    measured = measure_mix(reference, measure(mid_side).spectrum)
    return statistics, energies(tracks), measured

"""Consoles to export: random settings over the whole of every range, for any song."""

import dataclasses
import functools

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.console.settings import MixSettings, Provenance, rounded
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.sources.tracks import Multitrack
from tests.compiling import quick_jit

params_of = quick_jit(functools.partial(dsp.console_params, sample_rate=SAMPLE_RATE))
MODERATE_DB = 10.0
"""Input gains of random consoles go this far, so that every track can be heard in the sum."""


def random_console(
    multitrack: Multitrack, seed: int, config: dsp.ConsoleConfig | None = None
) -> MixSettings:
    """Settings drawn from their ranges; thresholds lie where the tracks' levels are."""
    rng = np.random.default_rng(seed)
    strips = len(multitrack.strips)
    vectors = (rng.random((strips, 27)), rng.random(25), rng.random(26))
    controls = [vector.astype(np.float32) for vector in vectors]
    params = jax.tree.map(np.asarray, params_of(*controls))
    tracks = params.tracks
    gain = rng.uniform(-MODERATE_DB, MODERATE_DB, strips)
    compressor = tracks.compressor._replace(threshold_db=rng.uniform(-58, -30, strips))
    tracks = tracks._replace(
        input_gain_db=gain, compressor=compressor, send_db=rng.uniform(-20, 10, strips)
    )
    master = params.master_bus
    compressor = master.compressor._replace(threshold_db=np.asarray(rng.uniform(-50, -30)))
    faders = rng.uniform(-6, 6, 2)
    master = master._replace(
        compressor=compressor,
        input_fader_db=np.asarray(faders[0]),
        output_fader_db=np.asarray(faders[1]),
    )
    params = params._replace(tracks=tracks, master_bus=master)
    neutral = neutral_settings(multitrack, target=OutputTarget(-16.0, -1.0))
    return dataclasses.replace(
        neutral,
        params=rounded(params),
        config=config or dsp.ConsoleConfig(),
        provenance=Provenance("compact", "a finished mix.flac", "0.5"),
    )


def with_tracks(settings: MixSettings, **changes: object) -> MixSettings:
    """The same console with other settings of its strips."""
    tracks = settings.params.tracks._replace(**changes)
    return dataclasses.replace(settings, params=settings.params._replace(tracks=tracks))


def without_knees(settings: MixSettings) -> MixSettings:
    """The same console with hard knees, which is what a format without knees can say."""
    params = settings.params
    tracks, master = params.tracks, params.master_bus
    strips = len(settings.strips)
    tracks = tracks._replace(compressor=tracks.compressor._replace(knee_db=np.zeros(strips)))
    master = master._replace(compressor=master.compressor._replace(knee_db=np.zeros(())))
    return dataclasses.replace(settings, params=params._replace(tracks=tracks, master_bus=master))


def with_centred_pairs(settings: MixSettings) -> MixSettings:
    """The same console with every stereo pair in the centre."""
    stereo = np.array([len(strip.channels) == 2 for strip in settings.strips])
    return with_tracks(settings, pan=np.where(stereo, 0.5, settings.params.tracks.pan))

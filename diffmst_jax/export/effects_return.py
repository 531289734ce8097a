"""What the effects bus adds, for workstations that have no such reverb: printed, and as a response.

The bus is linear, so its return is the sum of what the tracks send, through one impulse response.
Printed, it sounds exactly as in the mix. The response, in a convolution reverb on a bus that gets
the same sends, gives the same return again and lets the sends be changed.
"""

from typing import NamedTuple

import jax
import numpy as np

import dsp
from diffmst_jax.audio import REVERB_SEED, SAMPLE_RATE
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.rendering.console_stream import CHUNK
from diffmst_jax.mixing.rendering.render import stem_pieces
from diffmst_jax.mixing.rendering.strip_stream import StripStream
from diffmst_jax.mixing.signals.measure import decibels, peak
from diffmst_jax.mixing.sources.finding import Source
from dsp.reverb import noise_impulse_response, reverb_noise

PRINT_PEAK_DB = -1.0
"""Files are written at this peak, so that 24 bits lose nothing."""


class EffectsReturn(NamedTuple):
    """The effects bus as audio files.

    Attributes:
        wet: the return, float32 `(2, time)`, at a peak of `PRINT_PEAK_DB`.
        wet_gain_db: gain that brings it to the console's level.
        response: impulse response of the bus with its dry part, `(2, time)`, at the same peak.
        response_gain_db: gain that makes it the bus.
    """

    wet: np.ndarray
    wet_gain_db: float
    response: np.ndarray
    response_gain_db: float


def effects_return(settings: MixSettings, source: Source) -> EffectsReturn:
    """Print what the effects bus of a console with reverb adds to the sum."""
    with StripStream(source, settings.strips) as strips:
        blocks = strips.blocks(CHUNK)
        pieces = [stems[-1] for stems in stem_pieces(settings, blocks)]
    wet, wet_gain_db = _at_print_level(np.concatenate(pieces, axis=1))
    response, response_gain_db = _at_print_level(bus_response(settings.params.fx_bus.reverb))
    return EffectsReturn(wet, wet_gain_db, response, response_gain_db)


def bus_response(reverb: dsp.ReverbParams) -> np.ndarray:
    """Impulse response of the effects bus, its dry part included, float64 `(2, time)`."""
    noise = reverb_noise(jax.random.key(REVERB_SEED))
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), reverb)
    wet = np.asarray(noise_impulse_response(noise, params, sample_rate=SAMPLE_RATE), np.float64)
    response = float(reverb.mix) * wet
    response[:, 0] += 1.0 - float(reverb.mix)
    return response


def _at_print_level(audio: np.ndarray) -> tuple[np.ndarray, float]:
    """Scale audio to `PRINT_PEAK_DB`; returns it and the gain that undoes that. Silence stays."""
    highest = peak(audio)
    if highest == 0.0:
        return audio.astype(np.float32), 0.0
    gain_db = decibels(highest) - PRINT_PEAK_DB
    return (audio / 10 ** (gain_db / 20)).astype(np.float32), gain_db

"""What an equalizer does to each frequency, as reports draw it and words tell it."""

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE

EQUALIZER_HZ = np.geomspace(20.0, 20000.0, 121)

IS_PLAIN = (EQUALIZER_HZ >= 40.0) & (EQUALIZER_HZ <= 12000.0)
"""Which of them lie where an equalizer is plainly heard."""


@jax.jit
def equalizer_curve(equalizer: dsp.EqualizerParams) -> jax.Array:
    """Response of one equalizer in dB at `EQUALIZER_HZ`."""
    return dsp.equalizer_response(equalizer, EQUALIZER_HZ, sample_rate=SAMPLE_RATE)

"""How far the compressors of the tracks turn the gain down, over a passage of the song."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.measure import LOWEST_DB
from diffmst_jax.mixing.render import expanded, source_gains
from diffmst_jax.mixing.settings import MixSettings
from diffmst_jax.mixing.tracks import Multitrack

POINTS = 128
PASSAGE = 1 << 18
PASSAGE_S = PASSAGE / SAMPLE_RATE


def gain_reduction_db(settings: MixSettings, multitrack: Multitrack, start: int) -> np.ndarray:
    """Measure what the compressors of the strips do, makeup gain left out.

    Args:
        settings: the mix.
        multitrack: its tracks.
        start: first sample of the passage, which lasts `PASSAGE_S`.

    Returns:
        The lowest gain in dB, 0 or less, in each of `POINTS` equal parts of the passage,
        `(strips, POINTS)`; of a pair's channels, the lower.
    """
    gains = source_gains(settings)
    tracks = multitrack.audio[:, start : start + PASSAGE] * gains
    tracks = np.pad(tracks, ((0, 0), (0, PASSAGE - tracks.shape[1])))
    lowest = np.asarray(_lowest_gain_db(tracks, expanded(settings), settings.config))
    reduction = np.zeros((len(settings.strips), POINTS))
    np.minimum.at(reduction, multitrack.strip_of_track, lowest)
    return reduction


@partial(jax.jit, static_argnames="config")
def _lowest_gain_db(
    tracks: jax.Array, params: dsp.ConsoleParams, config: dsp.ConsoleConfig
) -> jax.Array:
    """Compress a constant 1 by each track's own level: what comes out is the gain."""

    def one(track: jax.Array, strip: dsp.TrackParams) -> jax.Array:
        x = dsp.gain(track[jnp.newaxis], strip.input_gain_db)
        if config.track_equalizer:
            x = dsp.parametric_eq(
                x, strip.equalizer, sample_rate=SAMPLE_RATE, method=config.equalizer_method
            )
        gain = dsp.compressor(
            jnp.ones_like(x),
            strip.compressor._replace(makeup_gain_db=jnp.zeros(())),
            sample_rate=SAMPLE_RATE,
            ballistics=config.ballistics,
            side_chain=x,
        )
        return jnp.min(gain.reshape(POINTS, -1), axis=1)

    lowest = jax.vmap(one)(tracks, params.tracks)
    return 20 * jnp.log10(jnp.maximum(lowest, 10 ** (LOWEST_DB / 20)))

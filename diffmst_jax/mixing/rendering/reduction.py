"""How far compressors and the limiter turn the gain down, over a passage of the song."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.rendering.compiling import loop_jit
from diffmst_jax.mixing.rendering.console_stream import CHUNK
from diffmst_jax.mixing.rendering.render import expanded, pieces_before_master, source_gains
from diffmst_jax.mixing.signals.measure import LOWEST_DB, factor, power_db
from diffmst_jax.mixing.sources.strips import pair_sides
from diffmst_jax.mixing.sources.tracks import Multitrack
from dsp.console_strip import master_tone, strip_tone

POINTS = 128
PASSAGE = 1 << 18
PASSAGE_S = PASSAGE / SAMPLE_RATE
STEP = PASSAGE // 16
"""Passages of tracks begin at multiples of it."""

LOUD = 0.5
"""Share of the peak around them from which samples tell what the limiter did."""


def gain_reduction_db(settings: MixSettings, multitrack: Multitrack) -> np.ndarray:
    """Measure what the compressors of the strips do, makeup gain left out.

    Each over the passage of `PASSAGE_S` in which its own recording is loudest: in that of the song
    a track may rest.

    Args:
        settings: the mix.
        multitrack: its tracks.

    Returns:
        The lowest gain in dB, 0 or less, in each of `POINTS` equal parts of the passage,
        `(strips, POINTS)`; both channels of a pair have the same.
    """
    starts = _loudest_starts(multitrack)[multitrack.strip_of_track]
    tracks = np.zeros((len(multitrack.audio), PASSAGE), np.float32)
    for row, audio, start in zip(tracks, multitrack.audio, starts, strict=True):
        passage = audio[start : start + PASSAGE]
        row[: len(passage)] = passage
    tracks *= source_gains(settings)
    side = pair_sides(settings.strips)
    lowest = np.asarray(_lowest_gain_db(tracks, expanded(settings), side, settings.config))
    reduction = np.zeros((len(settings.strips), POINTS))
    np.minimum.at(reduction, multitrack.strip_of_track, lowest)
    return reduction


def master_reduction_db(settings: MixSettings, multitrack: Multitrack, start: int) -> np.ndarray:
    """Measure what the master's compressor does, as `gain_reduction_db`; `(POINTS,)`.

    The passage starts from silence, so its first moments are the effects settling.

    Args:
        settings: the mix.
        multitrack: its tracks.
        start: first sample of the passage, which lasts `PASSAGE_S`.
    """
    passage = multitrack.audio[:, start : start + PASSAGE]
    blocks = (passage[:, first : first + CHUNK] for first in range(0, passage.shape[1], CHUNK))
    mix = np.concatenate(list(pieces_before_master(settings, blocks)), axis=1)
    mix = np.pad(mix, ((0, 0), (0, PASSAGE - mix.shape[1])))
    master = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), settings.params.master_bus)
    return np.asarray(_lowest_master_gain_db(mix, master, settings.config), np.float64)


def limiting_db(mix: np.ndarray, finished: np.ndarray, gain_db: float, start: int) -> np.ndarray:
    """Find what the limiter did, as `gain_reduction_db`; `(POINTS,)`.

    Args:
        mix: before the last stage, `(2, time)`.
        finished: after it.
        gain_db: the gain that it applied.
        start: first sample of the passage.
    """
    before, after = (
        np.pad(part, ((0, 0), (0, PASSAGE - part.shape[1]))).reshape(2, POINTS, -1)
        for part in (audio[:, start : start + PASSAGE] for audio in (mix, finished))
    )
    before = np.abs(before) * factor(gain_db)
    # Where a part is loud: elsewhere the ratio is of rounding, and the limiter looks at peaks.
    is_loud = before > LOUD * np.max(before, axis=(0, 2), keepdims=True)
    ratio = np.where(is_loud, np.abs(after) / np.where(is_loud, before, 1.0), 1.0)
    return np.minimum(power_db(np.square(np.min(ratio, axis=(0, 2)))), 0.0)


def _loudest_starts(multitrack: Multitrack) -> np.ndarray:
    """First sample of the passage of most power of each strip, `(strips,)`."""
    steps = -(-multitrack.audio.shape[1] // STEP)
    powers = np.zeros((len(multitrack.audio), max(steps, PASSAGE // STEP)))
    for row, audio in zip(powers, multitrack.audio, strict=True):
        row[:steps] = np.add.reduceat(np.square(audio), np.arange(0, len(audio), STEP))
    sums = np.cumsum(np.pad(multitrack.sum_per_strip(powers), ((0, 0), (1, 0))), axis=1)
    return STEP * np.argmax(sums[:, PASSAGE // STEP :] - sums[:, : -(PASSAGE // STEP)], axis=1)


@partial(loop_jit, static=("config",))
def _lowest_master_gain_db(
    mix: jax.Array, master: dsp.MasterParams, config: dsp.ConsoleConfig
) -> jax.Array:
    x, _ = master_tone(mix, master, config, SAMPLE_RATE)
    return _lowest_db(_gain(x, master.compressor, config, config.detector))


@partial(loop_jit, static=("config",))
def _lowest_gain_db(
    tracks: jax.Array, params: dsp.ConsoleParams, side: jax.Array | None, config: dsp.ConsoleConfig
) -> jax.Array:
    """Gain of each track's compressor."""

    def lowest(x: jax.Array, settings: dsp.CompressorParams) -> jax.Array:
        return _lowest_db(_gain(x, settings, config, "mean"))

    tone = partial(strip_tone, config=config, sample_rate=SAMPLE_RATE)
    toned, _ = jax.vmap(tone)(tracks, params.tracks)
    level = toned if side is None else dsp.pair_mean(jnp.abs(toned), side)
    return jax.vmap(lowest)(level, params.tracks.compressor)


def _gain(
    x: jax.Array, params: dsp.CompressorParams, config: dsp.ConsoleConfig, detector: str
) -> jax.Array:
    return dsp.compressor_gain(
        x, params, sample_rate=SAMPLE_RATE, ballistics=config.ballistics, detector=detector
    )


def _lowest_db(gain: jax.Array) -> jax.Array:
    lowest = jnp.min(gain.reshape(POINTS, -1), axis=1)
    return 20 * jnp.log10(jnp.maximum(lowest, 10 ** (LOWEST_DB / 20)))

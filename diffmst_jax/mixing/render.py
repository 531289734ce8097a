"""From settings and tracks to a mix, piece by piece, so that memory does not grow with the song."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.settings import MixSettings, track_pan
from diffmst_jax.mixing.tracks import Multitrack
from dsp.dynamics import lookahead_samples

CHUNK = 1 << 18
"""Samples rendered at once; one length, so that the console is compiled once."""

REVERB_SEED = 0
"""The reverb's noise is part of the sound of the console, not chance: always the same."""

Progress = Callable[[float], None]
"""Told now and then which fraction is done."""


class Rendered(NamedTuple):
    """What the console gives, before the last stage brings it to its loudness.

    Attributes:
        mix: float32 `(2, time)`.
        strip_powers: mean square of what each strip adds to the sum, `(strips,)`.
    """

    mix: np.ndarray
    strip_powers: np.ndarray


def render(
    settings: MixSettings, multitrack: Multitrack, progress: Progress | None = None
) -> Rendered:
    """Run the console over the whole song.

    The same settings and tracks give the same samples, bit for bit, on one machine. Filters and
    compressors carry their state from piece to piece, so pieces cannot be heard; a console whose
    filters are sampled, not exact, has no such state and runs over the song at once. The delay of
    lookahead is taken out again.

    Args:
        settings: one strip for each of the multitrack's, in the same order.
        multitrack: the tracks.
        progress: called with the fraction done.
    """
    params = expanded(settings, multitrack)
    gains = source_gains(settings, multitrack)
    latency = latency_samples(settings.config)
    length = multitrack.audio.shape[1] + latency
    if is_streamable(settings.config):
        pieces = _render_pieces(multitrack.audio, gains, params, settings.config, length, progress)
    else:
        tracks = np.pad(multitrack.audio * gains, ((0, 0), (0, latency)))
        output = _console(tracks, params, settings.config)
        pieces = [(np.asarray(output.mix), np.asarray(_powers(output.tracks)))]
    mix = np.concatenate([piece for piece, _ in pieces], axis=1)[:, latency:length]
    track_powers = np.sum([powers for _, powers in pieces], axis=0) / length
    strip_powers = np.zeros(len(settings.strips))
    np.add.at(strip_powers, multitrack.strip_of_track, track_powers)
    return Rendered(np.ascontiguousarray(mix), strip_powers)


def source_gains(settings: MixSettings, multitrack: Multitrack) -> np.ndarray:
    """Gain before the console of every console track, float32 `(console tracks, 1)`; 0 if muted."""
    gains = 10.0 ** (settings.source_gain_db / 20.0) * ~settings.muted
    return gains[multitrack.strip_of_track, np.newaxis].astype(np.float32)


def expanded(settings: MixSettings, multitrack: Multitrack) -> dsp.ConsoleParams:
    """Settings per console track, float32: both channels of a pair get the strip's own."""
    strip_of_track = multitrack.strip_of_track
    tracks = jax.tree.map(lambda leaf: leaf[strip_of_track], settings.params.tracks)
    pan = track_pan(tracks.pan, multitrack.side_of_track)
    params = settings.params._replace(tracks=tracks._replace(pan=pan))
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), params)


def latency_samples(config: dsp.ConsoleConfig) -> int:
    """Samples by which the console's lookahead delays a mix."""
    lookahead_ms = []
    if config.track_compressor:
        lookahead_ms.append(config.track_lookahead_ms)
    if config.master_bus:
        lookahead_ms.append(config.master_lookahead_ms)
    return sum(lookahead_samples(ms, sample_rate=SAMPLE_RATE) for ms in lookahead_ms)


def is_streamable(config: dsp.ConsoleConfig) -> bool:
    """Whether every effect of the console can stop and go on where it stopped."""
    sampled = config.equalizer_method == "fft" or config.ballistics == "sampled_one_pole"
    return not sampled


def _render_pieces(
    audio: np.ndarray,
    gains: np.ndarray,
    params: dsp.ConsoleParams,
    config: dsp.ConsoleConfig,
    length: int,
    progress: Progress | None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mix and power sums per track of each piece; the last piece is padded with silence."""
    chunk = np.zeros((len(audio), CHUNK), np.float32)
    state = _initial_state(chunk, config)
    pieces = []
    for start in range(0, length, CHUNK):
        piece = audio[:, start : start + CHUNK] * gains
        chunk = np.zeros_like(chunk)
        chunk[:, : piece.shape[1]] = piece
        mix, powers, state = _console_piece(chunk, params, state, config)
        pieces.append((np.asarray(mix), np.asarray(powers, np.float64)))
        if progress is not None:
            progress(min(1.0, (start + CHUNK) / length))
    return pieces


@partial(jax.jit, static_argnames="config")
def _initial_state(tracks: jax.Array, config: dsp.ConsoleConfig) -> dsp.ConsoleState:
    return dsp.console_state(tracks, config, sample_rate=SAMPLE_RATE)


@partial(jax.jit, static_argnames="config")
def _console_piece(
    tracks: jax.Array,
    params: dsp.ConsoleParams,
    state: dsp.ConsoleState,
    config: dsp.ConsoleConfig,
) -> tuple[jax.Array, jax.Array, dsp.ConsoleState]:
    key = jax.random.key(REVERB_SEED)
    output = dsp.mix_console(tracks, params, config, sample_rate=SAMPLE_RATE, key=key, state=state)
    assert output.state is not None  # one was given
    return output.mix, _powers(output.tracks), output.state


@partial(jax.jit, static_argnames="config")
def _console(
    tracks: jax.Array, params: dsp.ConsoleParams, config: dsp.ConsoleConfig
) -> dsp.ConsoleOutput:
    key = jax.random.key(REVERB_SEED)
    return dsp.mix_console(tracks, params, config, sample_rate=SAMPLE_RATE, key=key)


def _powers(tracks: jax.Array) -> jax.Array:
    """Sum of squares of each track over channels and time."""
    return jnp.sum(jnp.square(tracks), axis=(1, 2))

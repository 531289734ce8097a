"""From settings and tracks to a mix, piece by piece, so that memory does not grow with the song."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.audio import REVERB_SEED, SAMPLE_RATE
from diffmst_jax.mixing.settings import MixSettings, track_pan
from diffmst_jax.mixing.tracks import Multitrack, side_of_track, strip_of_track
from dsp.dynamics import lookahead_samples

CHUNK = 1 << 16
"""Samples rendered at once: many enough for two cores, few enough to stay near them. One length,
so that the console is compiled once."""

REVERB_CHUNK = 1 << 18
"""The same for a console with reverb, which draws its room anew for each chunk."""

Pick = Callable[[dsp.ConsoleOutput], tuple[jax.Array, jax.Array]]

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
    """Run the console over a song in memory; see `render_pieces`.

    Args:
        settings: one strip for each of the multitrack's, in the same order.
        multitrack: the tracks.
        progress: called with the fraction done.
    """
    length, chunk = multitrack.audio.shape[1], chunk_samples(settings.config)
    blocks = (multitrack.audio[:, start : start + chunk] for start in range(0, length, chunk))
    mix, done = np.empty((2, length), np.float32), 0
    powers = np.zeros(len(multitrack.audio))
    for piece, piece_powers in render_pieces(settings, blocks):
        mix[:, done : done + piece.shape[1]] = piece
        powers = powers + piece_powers
        done += piece.shape[1]
        if progress is not None:
            progress(done / length)
    strip_powers = np.zeros(len(settings.strips))
    np.add.at(strip_powers, multitrack.strip_of_track, powers / length)
    return Rendered(mix, strip_powers)


def render_pieces(
    settings: MixSettings, blocks: Iterable[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Run the console over a song that comes block by block.

    The same settings and tracks give the same samples, bit for bit, on one machine. Filters and
    compressors carry their state from block to block, so blocks cannot be heard; a console whose
    filters are sampled, not exact, has no such state and runs over the song at once. The delay of
    lookahead is taken out again. While the console works on one block the next is read.

    Args:
        settings: the mix.
        blocks: float32 `(console tracks, chunk_samples(settings.config))`, the last one shorter.

    Returns:
        Pieces of the mix, float32 `(2, time)`, as long as the tracks together, and the sum of
        squares of what each track adds to each piece, float64 `(console tracks,)`.
    """
    for (mix, powers), inner in _run(settings, settings.config, blocks, _mix_and_powers):
        yield np.asarray(mix)[:, inner], np.asarray(powers, np.float64)


def stem_pieces(settings: MixSettings, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """What each strip, and last the effects bus, adds to the mix before the master bus.

    Args:
        settings: the mix.
        blocks: as for `render_pieces`.

    Returns:
        Pieces, float32 `(strips + 1, 2, time)`, as long as the tracks together.
    """
    before_master = dataclasses.replace(settings.config, master_bus=False)
    first_track = np.unique(strip_of_track(settings.strips), return_index=True)[1]
    for (tracks, fx_bus), inner in _run(settings, before_master, blocks, _tracks_and_fx_bus):
        strips = np.add.reduceat(np.asarray(tracks)[..., inner], first_track, axis=0)
        yield np.concatenate([strips, np.asarray(fx_bus)[np.newaxis, :, inner]])


def chunk_samples(config: dsp.ConsoleConfig) -> int:
    """Samples that the console renders at once."""
    return REVERB_CHUNK if config.reverb else CHUNK


def source_gains(settings: MixSettings) -> np.ndarray:
    """Gain before the console of every console track, float32 `(console tracks, 1)`; 0 if muted."""
    gains = 10.0 ** (settings.source_gain_db / 20.0) * ~settings.muted
    return gains[strip_of_track(settings.strips), np.newaxis].astype(np.float32)


def expanded(settings: MixSettings) -> dsp.ConsoleParams:
    """Settings per console track, float32: both channels of a pair get the strip's own."""
    strips = strip_of_track(settings.strips)
    tracks = jax.tree.map(lambda leaf: leaf[strips], settings.params.tracks)
    pan = track_pan(tracks.pan, side_of_track(settings.strips))
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


def _run(
    settings: MixSettings,
    config: dsp.ConsoleConfig,
    blocks: Iterable[np.ndarray],
    pick: Pick,
) -> Iterator[tuple[tuple[jax.Array, jax.Array], slice]]:
    """Give what `pick` takes of the output for each block, and which of its samples to keep."""
    params, gains = expanded(settings), source_gains(settings)
    latency = latency_samples(config)
    late = latency
    chunks = _padded(blocks, latency, chunk_samples(config))
    if not is_streamable(config):
        tracks = np.concatenate([chunk[:, :count] for chunk, count in chunks], axis=1)
        yield _console(tracks, gains, params, config, pick), slice(latency, None)
        return
    state, waiting = None, None
    for chunk, count in chunks:
        if state is None:
            state = _initial_state(chunk, config)
        picked, state = _console_piece(chunk, gains, params, state, config, pick)
        # Computed in the background: while it is, the block before is used and the next one read.
        if waiting is not None:
            yield waiting
        waiting = picked, slice(min(late, count), count)
        late -= min(late, count)
    if waiting is not None:
        yield waiting


def _padded(
    blocks: Iterable[np.ndarray], extra: int, chunk: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Follow the blocks by `extra` samples of silence: chunks, and how much of each counts."""
    tracks = 0
    for block in blocks:
        tracks, length = block.shape
        take = min(chunk - length, extra)
        padded = block if length == chunk else np.pad(block, ((0, 0), (0, chunk - length)))
        yield padded, length + take
        extra -= take
    while extra > 0:
        yield np.zeros((tracks, chunk), np.float32), min(chunk, extra)
        extra -= chunk


@partial(jax.jit, static_argnames="config")
def _initial_state(tracks: jax.Array, config: dsp.ConsoleConfig) -> dsp.ConsoleState:
    return dsp.console_state(tracks, config, sample_rate=SAMPLE_RATE)


@partial(jax.jit, static_argnames=("config", "pick"))
def _console_piece(
    tracks: jax.Array,
    gains: jax.Array,
    params: dsp.ConsoleParams,
    state: dsp.ConsoleState,
    config: dsp.ConsoleConfig,
    pick: Pick,
) -> tuple[tuple[jax.Array, jax.Array], dsp.ConsoleState]:
    key = jax.random.key(REVERB_SEED)
    output = dsp.mix_console(
        tracks * gains, params, config, sample_rate=SAMPLE_RATE, key=key, state=state
    )
    assert output.state is not None  # one was given
    return pick(output), output.state


@partial(jax.jit, static_argnames=("config", "pick"))
def _console(
    tracks: jax.Array,
    gains: jax.Array,
    params: dsp.ConsoleParams,
    config: dsp.ConsoleConfig,
    pick: Pick,
) -> tuple[jax.Array, jax.Array]:
    key = jax.random.key(REVERB_SEED)
    mixed = dsp.mix_console(tracks * gains, params, config, sample_rate=SAMPLE_RATE, key=key)
    return pick(mixed)


def _mix_and_powers(output: dsp.ConsoleOutput) -> tuple[jax.Array, jax.Array]:
    return output.mix, jnp.sum(jnp.square(output.tracks), axis=(1, 2))


def _tracks_and_fx_bus(output: dsp.ConsoleOutput) -> tuple[jax.Array, jax.Array]:
    return output.tracks, output.fx_bus

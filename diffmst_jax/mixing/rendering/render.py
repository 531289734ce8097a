"""From settings and tracks to a mix, piece by piece, so that memory does not grow with the song."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.mixing.console.settings import MixSettings, track_pan
from diffmst_jax.mixing.rendering.console_stream import CHUNK, Pick, Piece, run_console
from diffmst_jax.mixing.sources.strips import pair_sides, side_of_track, strip_of_track
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.progress import Progress


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
    length = multitrack.audio.shape[1]
    blocks = (multitrack.audio[:, start : start + CHUNK] for start in range(0, length, CHUNK))
    mix, done = np.empty((2, length), np.float32), 0
    powers = np.zeros(len(multitrack.audio))
    for piece, piece_powers in render_pieces(settings, blocks):
        mix[:, done : done + piece.shape[1]] = piece
        powers = powers + piece_powers
        done += piece.shape[1]
        if progress is not None:
            progress(done / length)
    return Rendered(mix, multitrack.sum_per_strip(powers / length))


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
        blocks: float32 `(console tracks, CHUNK)`, the last one shorter.

    Returns:
        Pieces of the mix, float32 `(2, time)`, as long as the tracks together, and the sum of
        squares of what each track adds to each piece, float64 `(console tracks,)`.
    """
    for piece in _run(settings, settings.config, blocks, _powers):
        yield piece.mix, piece.tracks.astype(np.float64)


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
    for piece in _run(settings, before_master, blocks, _audio):
        strips = np.add.reduceat(piece.tracks[..., piece.inner], first_track, axis=0)
        yield np.concatenate([strips, piece.fx_bus[np.newaxis]])


def pieces_before_master(
    settings: MixSettings, blocks: Iterable[np.ndarray]
) -> Iterator[np.ndarray]:
    """What enters the master bus, as `render_pieces` gives the mix."""
    before_master = dataclasses.replace(settings.config, master_bus=False)
    return (piece.mix for piece in _run(settings, before_master, blocks, _powers))


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


def _run(
    settings: MixSettings, config: dsp.ConsoleConfig, blocks: Iterable[np.ndarray], pick: Pick
) -> Iterator[Piece]:
    gains, side = source_gains(settings), pair_sides(settings.strips)
    return run_console(blocks, gains, expanded(settings), config, pick, side)


def _powers(strips: dsp.StripsOutput | dsp.ConsoleOutput) -> jax.Array:
    """Sums of squares of what each strip adds to the sum, which need not be made for that."""
    panned = jnp.sum(jnp.square(strips.heard), axis=1)
    return panned * jnp.sum(jnp.square(strips.mono), axis=1)


def _audio(strips: dsp.StripsOutput | dsp.ConsoleOutput) -> jax.Array:
    return strips.tracks

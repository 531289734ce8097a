"""Mixing several songs at once on the device, with how well each track is heard in the mix.

Songs are padded to one number of tracks and a batch to one number of songs, so that few shapes are
compiled and the memory depends on the size of a batch alone.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

import dsp
from diffmst_jax.audio import REVERB_SEED, SAMPLE_RATE
from diffmst_jax.evaluation.metrics import strip_audibility
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.rendering.console_stream import latency_samples
from diffmst_jax.mixing.rendering.render import expanded, source_gains
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.models.given import padded_count

FAINT_PEAK = 0.01
"""Full scale is 1. Far above the peaks of what BS.1770 gates out, far below those of any mix."""


RAISED = "too faint for its loudness to be measured, so turned up first"


class Mixed(NamedTuple):
    """What a system made of a song.

    Attributes:
      mix: float32 (2, time), at any level.
      heard: how well each strip is heard in it, (strips,); None where that is not known.
      settings: the console's settings, where it is a console's mix.
      note: what a reader should know of it; empty for nothing.
    """

    mix: np.ndarray
    heard: np.ndarray | None = None
    settings: MixSettings | None = None
    note: str = ""


def console_mixes(songs: Sequence[tuple[Multitrack, MixSettings]], *, size: int) -> list[Mixed]:
    """Run the console over songs of one length, the same mixes as `rendering.render` makes.

    Args:
      songs: tracks and the settings to mix them with, all for the same console.
      size: songs on the device at once.

    Returns:
      A mix each; lookahead is taken out, and a faint mix is raised, see `raised`.
    """
    mixes: list[Mixed] = []
    for start in range(0, len(songs), size):
        group = songs[start : start + size]
        config = group[0][1].config
        latency = latency_samples(config)
        multitracks = [multitrack for multitrack, _ in group]
        count = _track_count(multitracks)
        tracks = [
            np.pad(multitrack.audio * source_gains(settings), ((0, 0), (0, latency)))
            for multitrack, settings in group
        ]
        params = [_padded_params(settings, multitrack, count) for multitrack, settings in group]
        mix, heard = _console(
            *_stacked(tracks, multitracks, count, size),
            _sides(multitracks, count, size),
            jax.tree.map(lambda *leaves: _fill(np.stack(leaves), size), *params),
            config,
        )
        mixes += [
            raised(
                Mixed(
                    np.asarray(mix[i, :, latency:]), np.asarray(heard[i, : len(m.strips)]), settings
                )
            )
            for i, (m, settings) in enumerate(group)
        ]
    return mixes


def raised(mixed: Mixed) -> Mixed:
    """Raise a mix that is too faint for loudness to be measured to full scale; silence stays.

    A console can turn a whole song down by more than 100 dB. It is a mix like any other as soon as
    somebody turns it up, as judging does with all; but BS.1770 hears nothing below -70 LUFS.
    """
    peak = float(np.abs(mixed.mix).max(initial=0.0))
    if not 0.0 < peak < FAINT_PEAK:
        return mixed
    return mixed._replace(mix=np.asarray(mixed.mix / peak, np.float32), note=RAISED)


def weighted_mixes(songs: Sequence[tuple[Multitrack, np.ndarray]], *, size: int) -> list[Mixed]:
    """Sum tracks with a gain each in left and right, (2, console tracks), song by song."""
    mixes: list[Mixed] = []
    for start in range(0, len(songs), size):
        group = songs[start : start + size]
        multitracks = [multitrack for multitrack, _ in group]
        count = _track_count(multitracks)
        gains = [np.pad(w, ((0, 0), (0, count - w.shape[1]))) for _, w in group]
        tracks, _, strips = _stacked([m.audio for m in multitracks], multitracks, count, size)
        mix, heard = _weighted(tracks, strips, _fill(np.stack(gains), size))
        mixes += [
            Mixed(np.asarray(mix[i]), np.asarray(heard[i, : len(m.strips)]))
            for i, m in enumerate(multitracks)
        ]
    return mixes


@partial(jax.jit, static_argnames="config")
def _console(
    tracks: Array,
    mask: Array,
    strips: Array,
    side: Array | None,
    params: dsp.ConsoleParams,
    config: dsp.ConsoleConfig,
) -> tuple[Array, Array]:
    def one(
        tracks: Array, mask: Array, strips: Array, side: Array | None, params: dsp.ConsoleParams
    ) -> tuple[Array, Array]:
        output = dsp.mix_console(
            tracks,
            params,
            config,
            sample_rate=SAMPLE_RATE,
            mask=mask,
            side=side,
            key=jax.random.key(REVERB_SEED),
        )
        return output.mix, strip_audibility(output.tracks, tracks, strips, len(tracks))

    return jax.vmap(one)(tracks, mask, strips, side, params)


@jax.jit
def _weighted(tracks: Array, strips: Array, gains: Array) -> tuple[Array, Array]:
    def one(tracks: Array, strips: Array, gains: Array) -> tuple[Array, Array]:
        parts = gains.T[:, :, None] * tracks[:, None, :]
        return gains @ tracks, strip_audibility(parts, tracks, strips, len(tracks))

    return jax.vmap(one)(tracks, strips, gains)


def _track_count(multitracks: Sequence[Multitrack]) -> int:
    return padded_count(max(len(multitrack.audio) for multitrack in multitracks))


def _stacked(
    tracks: Sequence[np.ndarray], multitracks: Sequence[Multitrack], count: int, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Audio (size, count, time), which rows hold a track, and the strip of each."""
    audio = np.zeros((size, count, tracks[0].shape[1]), np.float32)
    mask = np.zeros((size, count), bool)
    strips = np.full((size, count), count - 1)
    for i, (rows, multitrack) in enumerate(zip(tracks, multitracks, strict=True)):
        audio[i, : len(rows)], mask[i, : len(rows)] = rows, True
        strips[i, : len(rows)] = multitrack.strip_of_track
    return audio, mask, strips


def _sides(multitracks: Sequence[Multitrack], count: int, size: int) -> np.ndarray | None:
    """Which rows are pairs, (size, count); None where none is, as `pair_sides` has it."""
    sides = np.zeros((size, count))
    for i, multitrack in enumerate(multitracks):
        sides[i, : len(multitrack.audio)] = multitrack.side_of_track
    return sides if np.any(sides) else None


def _padded_params(settings: MixSettings, multitrack: Multitrack, count: int) -> dsp.ConsoleParams:
    """Settings per console track; the missing ones are copies of the last."""
    params = expanded(settings)
    rows = np.minimum(np.arange(count), len(multitrack.audio) - 1)
    return params._replace(tracks=jax.tree.map(lambda leaf: leaf[rows], params.tracks))


def _fill(leaf: Any, size: int) -> np.ndarray:
    """Repeat the first entry of a leading axis until there are `size`."""
    missing = size - len(leaf)
    return np.concatenate([leaf, np.repeat(leaf[:1], missing, axis=0)]) if missing else leaf

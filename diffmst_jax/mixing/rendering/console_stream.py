"""The console over a long song: block after block, groups of tracks side by side."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.audio import REVERB_SEED, SAMPLE_RATE
from diffmst_jax.mixing.rendering.compiling import wide_jit
from diffmst_jax.processors import usable_processors
from dsp.dynamics import lookahead_samples

CHUNK = 1 << 17
"""Samples rendered at once: few enough to stay near the processor."""

GROUP = 8
"""Console tracks rendered by one call, or one less where that would part a pair; a group that is
not full is filled up with silence. One shape, so the console is compiled once for all songs, and
groups run side by side on several cores: XLA by itself makes little of a second one. It is part of
what makes samples the same, so it knows no cores."""

Pick = Callable[[dsp.StripsOutput | dsp.ConsoleOutput], jax.Array]
"""What is wanted of each strip, with the leading axis `(tracks,)`."""


class Piece(NamedTuple):
    """What the console makes of one block.

    Attributes:
        mix: float32 `(2, time)`, without what is not wanted of it.
        fx_bus: the same, of what the effects bus adds.
        tracks: what was picked of each console track, `(console tracks, ...)`.
        inner: which samples of the block are wanted.
    """

    mix: np.ndarray
    fx_bus: np.ndarray
    tracks: np.ndarray
    inner: slice


def run_console(
    blocks: Iterable[np.ndarray],
    gains: np.ndarray,
    params: dsp.ConsoleParams,
    config: dsp.ConsoleConfig,
    pick: Pick,
    side: np.ndarray | None,
) -> Iterator[Piece]:
    """Run the console over blocks of tracks.

    Filters and compressors carry their state from block to block; a console whose filters are
    sampled, not exact, has no such state and runs over the song at once.

    Args:
        blocks: float32 `(console tracks, CHUNK)`, the last one shorter.
        gains: before the console, float32 `(console tracks, 1)`.
        params: float32 settings.
        config: the console.
        pick: what is wanted of the tracks.
        side: which tracks are pairs, `pair_sides`.

    Returns:
        A piece for each block, and what lookahead still holds back after the last.
    """
    latency = latency_samples(config)
    chunks = _padded(blocks, latency, CHUNK)
    if not config.is_streamable:
        tracks = np.concatenate([chunk[:, :count] for chunk, count in chunks], axis=1)
        yield _whole(tracks, gains, params, side, (config, pick), latency)
        return
    buses = _Buses(params, config)
    late = latency
    waiting: tuple[list[Future[_Strips]], slice] | None = None
    with ThreadPoolExecutor(usable_processors()) as workers:
        groups = [
            _Group(workers, rows, gains, params.tracks, side, (_of_strips(config), pick))
            for rows in _groups(np.zeros(len(gains)) if side is None else side)
        ]
        for chunk, count in chunks:
            coming = [group.submit(chunk) for group in groups]
            # While the strips work on this block, the one before goes on and the next is read.
            if waiting is not None:
                yield buses.piece(*waiting)
            waiting = coming, slice(min(late, count), count)
            late -= min(late, count)
        if waiting is not None:
            yield buses.piece(*waiting)


def latency_samples(config: dsp.ConsoleConfig) -> int:
    """Samples by which the console's lookahead delays a mix."""
    lookahead_ms = []
    if config.track_compressor:
        lookahead_ms.append(config.track_lookahead_ms)
    if config.master_bus:
        lookahead_ms.append(config.master_lookahead_ms)
    return sum(lookahead_samples(ms, sample_rate=SAMPLE_RATE) for ms in lookahead_ms)


def _of_strips(config: dsp.ConsoleConfig) -> dsp.ConsoleConfig:
    """What strips depend on, so that they are compiled once with a master bus and without."""
    return dataclasses.replace(config, master_bus=False, master_lookahead_ms=0.0)


class _Strips(NamedTuple):
    """What a group of strips makes of a block, and their state after it."""

    dry: np.ndarray
    sent: np.ndarray
    tracks: np.ndarray
    state: dsp.StripState


class _Group:
    """`GROUP` channel strips that run block after block on one of the workers."""

    def __init__(
        self,
        workers: ThreadPoolExecutor,
        rows: slice,
        gains: np.ndarray,
        params: dsp.TrackParams,
        side: np.ndarray | None,
        static: tuple[dsp.ConsoleConfig, Pick],
    ) -> None:
        self._workers, self._rows, self._static = workers, rows, static
        self._count = len(gains[rows])
        # Whatever sounds right for the last track does for the silence that fills up the group.
        params = jax.tree.map(lambda leaf: _filled(leaf[rows], "edge"), params)
        side = None if side is None else _filled(side[rows])
        self._settings = _filled(gains[rows]), params, side
        self._before: Future[_Strips] | None = None

    def submit(self, chunk: np.ndarray) -> "Future[_Strips]":
        """Have the next block `(console tracks, CHUNK)` worked on."""
        self._before = self._workers.submit(self._step, chunk[self._rows], self._before)
        return self._before

    def _step(self, tracks: np.ndarray, before: "Future[_Strips] | None") -> _Strips:
        config, pick = self._static
        # The workers take blocks in order, so the one waited for is done or under way.
        state = _initial_state(config).tracks if before is None else before.result().state
        dry, sent, picked, state = _strips_piece(
            _filled(tracks), *self._settings, state, config, pick
        )
        picked = np.asarray(picked)[: self._count]
        return _Strips(np.asarray(dry), np.asarray(sent), picked, state)


class _Buses:
    """The buses of a console, block after block."""

    def __init__(self, params: dsp.ConsoleParams, config: dsp.ConsoleConfig) -> None:
        self._params, self._config = (params.fx_bus, params.master_bus), config
        self._room = _room(params.fx_bus) if config.reverb else None
        self._state = dsp.BusState(*_initial_state(config)[1:])

    def piece(self, coming: "list[Future[_Strips]]", inner: slice) -> Piece:
        """Take what the groups of strips give, when it is there, on to the mix."""
        groups = [group.result() for group in coming]
        dry, sent = (_sum([g.dry for g in groups]), _sum([g.sent for g in groups]))
        mix, fx_bus, self._state = _buses_piece(
            dry, sent, self._params, self._room, self._state, self._config
        )
        tracks = np.concatenate([group.tracks for group in groups])
        return Piece(np.asarray(mix)[:, inner], np.asarray(fx_bus)[:, inner], tracks, inner)


def _sum(parts: list[np.ndarray]) -> np.ndarray:
    """Always in the same order: rounding is part of the samples."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def _groups(side: np.ndarray) -> list[slice]:
    """Rows of up to `GROUP` tracks; both channels of a pair (-1, 1) are in one."""
    groups, first = [], 0
    while first < len(side):
        last = min(first + GROUP, len(side))
        last -= int(side[last - 1] < 0)
        groups.append(slice(first, last))
        first = last
    return groups


def _filled(rows: np.ndarray, how: Literal["constant", "edge"] = "constant") -> np.ndarray:
    """Rows of a group, followed up to `GROUP` by zeros, or by the last one again."""
    missing = GROUP - len(rows)
    return np.pad(rows, [(0, missing), *[(0, 0)] * (rows.ndim - 1)], mode=how) if missing else rows


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
def _initial_state(config: dsp.ConsoleConfig) -> dsp.ConsoleState:
    return dsp.console_state(jnp.zeros((GROUP, 1)), config, sample_rate=SAMPLE_RATE)


@jax.jit
def _room(params: dsp.FxBusParams) -> jax.Array:
    return dsp.console_room(jax.random.key(REVERB_SEED), params, sample_rate=SAMPLE_RATE)


@partial(wide_jit, static=("config", "pick"))
def _strips_piece(
    tracks: jax.Array,
    gains: jax.Array,
    params: dsp.TrackParams,
    side: jax.Array | None,
    state: dsp.StripState,
    config: dsp.ConsoleConfig,
    pick: Pick,
) -> tuple[jax.Array, jax.Array, jax.Array, dsp.StripState]:
    output = dsp.console_strips(
        tracks * gains, params, config, sample_rate=SAMPLE_RATE, side=side, state=state
    )
    assert output.state is not None  # one was given
    sent = jnp.zeros(()) if output.sent is None else output.sent
    return output.dry, sent, pick(output), output.state


@partial(wide_jit, static=("config",))
def _buses_piece(
    dry: jax.Array,
    sent: jax.Array,
    params: tuple[dsp.FxBusParams, dsp.MasterParams],
    room: jax.Array | None,
    state: dsp.BusState,
    config: dsp.ConsoleConfig,
) -> tuple[jax.Array, jax.Array, dsp.BusState]:
    output = dsp.console_buses(
        dry, sent, *params, config, sample_rate=SAMPLE_RATE, room=room, state=state
    )
    assert output.state is not None  # one was given
    return output.mix, output.fx_bus, output.state


def _whole(
    tracks: np.ndarray,
    gains: np.ndarray,
    params: dsp.ConsoleParams,
    side: np.ndarray | None,
    static: tuple[dsp.ConsoleConfig, Pick],
    latency: int,
) -> Piece:
    """Run a console over a song at once, and leave its delay out."""
    mix, fx_bus, picked = _console(tracks, gains, params, side, *static)
    inner = slice(latency, None)
    return Piece(np.asarray(mix)[:, inner], np.asarray(fx_bus)[:, inner], np.asarray(picked), inner)


@partial(jax.jit, static_argnames=("config", "pick"))
def _console(
    tracks: jax.Array,
    gains: jax.Array,
    params: dsp.ConsoleParams,
    side: jax.Array | None,
    config: dsp.ConsoleConfig,
    pick: Pick,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    key = jax.random.key(REVERB_SEED)
    mixed = dsp.mix_console(
        tracks * gains, params, config, sample_rate=SAMPLE_RATE, side=side, key=key
    )
    return mixed.mix, mixed.fx_bus, pick(mixed)

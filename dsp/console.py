"""The mixing console: channel strips, a sum, an effects bus and a master bus.

    track:  input gain -> equalizer -> compressor -> pan --+--> sum -> mix
                                                           +--> send -> fx bus (reverb) -> sum
    mix:    input fader -> equalizer -> compressor -> output fader

The settings, their order and their ranges are in `dsp.console_settings`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from dsp.checks import check_audio, check_kind, check_shape, check_state
from dsp.console_config import ConsoleConfig
from dsp.console_settings import (
    ConsoleParams,
    FxBusParams,
    MasterParams,
    TrackParams,
    console_ranges,
)
from dsp.console_state import BusState, ConsoleState, check_streamable, silence_of
from dsp.console_strip import StripState, channel_strips, master_bus_chain
from dsp.numerics import db_to_gain, matmul
from dsp.ranges import check_settings
from dsp.reverb import (
    check_reverb,
    convolution_reverb,
    noise_impulse_response,
    reverb_noise,
)
from dsp.stereo import pan_gains


class ConsoleOutput(NamedTuple):
    """A mix and its parts. Under jit, parts that are not used cost nothing."""

    mix: jax.Array  # (2, time)
    tracks: jax.Array  # (tracks, 2, time): what each strip adds to the sum
    fx_bus: jax.Array  # (2, time): what the effects bus adds to the sum, zeros without reverb
    state: ConsoleState | None
    mono: jax.Array  # (tracks, time): each strip before its panning
    heard: jax.Array  # (tracks, 2): by what factor each strip is heard left and right


class StripsOutput(NamedTuple):
    """What channel strips give to the buses. Under jit, parts that are not used cost nothing."""

    dry: jax.Array  # (2, time): the sum of the strips
    sent: jax.Array | None  # (2, time): the sum of what they send to the effects bus, with reverb
    mono: jax.Array  # (tracks, time): each strip before its panning
    heard: jax.Array  # (tracks, 2): by what factor each strip is heard left and right
    tracks: jax.Array  # (tracks, 2, time): what each strip adds to the sum
    state: StripState | None


class BusesOutput(NamedTuple):
    """What the buses make of the sums."""

    mix: jax.Array  # (2, time)
    fx_bus: jax.Array  # (2, time): what the effects bus adds to the sum, zeros without reverb
    state: BusState | None


def mix_console(
    tracks: jax.Array,
    params: ConsoleParams,
    config: ConsoleConfig,
    *,
    sample_rate: float,
    mask: ArrayLike | None = None,
    side: ArrayLike | None = None,
    key: jax.Array | None = None,
    state: ConsoleState | None = None,
) -> ConsoleOutput:
    """Mix mono tracks, and the channels of stereo tracks, to stereo.

    Args:
        tracks: (tracks, time).
        params: settings; the leaves of `params.tracks` have the leading axis (tracks,).
        config: which effects there are, and how they behave.
        sample_rate: Hz.
        mask: (tracks,) 1 for a track, 0 for padding, which then adds exactly nothing.
        side: (tracks,) which tracks are the left (-1) and the right (1) channel of a stereo track,
            the right one next after the left; 0 for mono. With equal settings such a pair is
            compressed by one gain, as `compressor` does (2, time), so that its image stays; where
            it is placed is left to `pan` (`pair_positions`). None: all are mono.
        key: PRNG key of the reverb's noise; required when `config.reverb`.
        state: `console_state(...)` or the previous chunk's, to mix a song in chunks.

    Returns:
        The mix and its parts; `state` is None unless one was given.

    Raises:
        ValueError: wrong shapes, a missing key, or a state with a console that cannot have one.
    """
    tracks = check_audio(tracks, "tracks")
    check_kind(params, ConsoleParams, "params")
    check_kind(config, ConsoleConfig, "config")
    if state is not None:
        check_kind(state, ConsoleState, "state")
    room = None
    if config.reverb:
        if key is None:
            raise ValueError("key is None; expected a PRNG key, for config.reverb is True")
        room = console_room(key, params.fx_bus, sample_rate=sample_rate, dtype=tracks.dtype)
    strips = console_strips(
        tracks,
        params.tracks,
        config,
        sample_rate=sample_rate,
        mask=mask,
        side=side,
        state=None if state is None else state.tracks,
    )
    buses = console_buses(
        strips.dry,
        strips.sent,
        params.fx_bus,
        params.master_bus,
        config,
        sample_rate=sample_rate,
        room=room,
        state=None if state is None else BusState(state.fx_bus, state.master_bus),
    )
    after = None if buses.state is None else ConsoleState(strips.state, *buses.state)
    return ConsoleOutput(buses.mix, strips.tracks, buses.fx_bus, after, strips.mono, strips.heard)


def console_strips(
    tracks: jax.Array,
    params: TrackParams,
    config: ConsoleConfig,
    *,
    sample_rate: float,
    mask: ArrayLike | None = None,
    side: ArrayLike | None = None,
    state: StripState | None = None,
) -> StripsOutput:
    """The first half of `mix_console`: channel strips and their sums.

    Tracks do not hear each other, so the sums of groups of them add up to those of all: a long song
    can run group by group, on several processors, before one `console_buses`. The two channels of a
    stereo track do, and belong in one group.

    Args:
        tracks: (tracks, time).
        params: settings; leaves have the leading axis (tracks,).
        config: which effects there are, and how they behave.
        sample_rate: Hz.
        mask: (tracks,) 1 for a track, 0 for padding, which then adds exactly nothing.
        side: (tracks,) the channels of stereo tracks, see `mix_console`.
        state: `console_state(...).tracks` or the previous chunk's.

    Raises:
        ValueError: wrong shapes, or a state with a console that cannot have one.
    """
    tracks = check_audio(tracks, "tracks")
    check_kind(config, ConsoleConfig, "config")
    ranges = console_ranges(sample_rate=sample_rate)
    check_settings(params, ranges.tracks, "params", tracks.shape[:1])
    if state is not None:
        check_streamable(config)
        check_state(state, silence_of(tracks, config, sample_rate).tracks)
    heard = _pan_gains(params, config, tracks.dtype)
    if mask is not None:
        check_shape(mask, (tracks.shape[0],), "mask")
        heard = heard * jnp.asarray(mask, tracks.dtype)[:, None]
        # Whatever padding holds, it must reach neither the sum nor a gradient.
        tracks = jnp.where(jnp.asarray(mask, bool)[:, None], tracks, 0)
    if side is not None:
        check_shape(side, (tracks.shape[0],), "side")
    mono, state = channel_strips(tracks, params, config, sample_rate, side, state)
    # Panning and summing in one product: no stereo signal per track is ever stored.
    dry, sent = matmul(heard.T, mono), None
    if config.reverb:
        sends = db_to_gain(params.send_db).astype(mono.dtype)
        sent = matmul((heard * sends[:, None]).T, mono)
    return StripsOutput(dry, sent, mono, heard, heard[:, :, None] * mono[:, None, :], state)


def console_room(
    key: jax.Array,
    params: FxBusParams,
    *,
    sample_rate: float,
    dtype: jnp.dtype | type = jnp.float32,
) -> jax.Array:
    """The impulse response of the effects bus, (2, time): made once, heard by every chunk."""
    check_kind(params, FxBusParams, "params")
    noise = reverb_noise(key, dtype=dtype)
    return noise_impulse_response(noise, params.reverb, sample_rate=sample_rate)


def console_buses(
    dry: jax.Array,
    sent: jax.Array | None,
    fx_bus: FxBusParams,
    master_bus: MasterParams,
    config: ConsoleConfig,
    *,
    sample_rate: float,
    room: jax.Array | None = None,
    state: BusState | None = None,
) -> BusesOutput:
    """The second half of `mix_console`: effects bus and master bus.

    Args:
        dry: (2, time), of `console_strips`.
        sent: (2, time), the same; used with `config.reverb` only.
        fx_bus: settings.
        master_bus: settings.
        config: which effects there are, and how they behave.
        sample_rate: Hz.
        room: `console_room(...)`; required when `config.reverb`.
        state: the last two fields of `console_state(...)` or the previous chunk's.

    Raises:
        ValueError: wrong shapes, or no room or nothing sent when `config.reverb`.
    """
    dry = check_audio(dry, "dry", channels=2)
    check_kind(config, ConsoleConfig, "config")
    ranges = console_ranges(sample_rate=sample_rate)
    check_kind(fx_bus, FxBusParams, "fx_bus")
    check_reverb(fx_bus.reverb, "fx_bus.reverb")
    check_settings(master_bus, ranges.master_bus, "master_bus")
    if state is not None:
        check_streamable(config)
        silence = silence_of(dry, config, sample_rate)
        check_state(state, BusState(silence.fx_bus, silence.master_bus))
    memory = BusState(None, None) if state is None else state
    returned, tail, master = jnp.zeros_like(dry), memory.fx_bus, memory.master_bus
    if config.reverb:
        if room is None or sent is None:
            raise ValueError("room or sent is None; expected both, for config.reverb is True")
        sent = check_audio(sent, "sent", channels=2)
        room = check_audio(room, "room", channels=2)
        returned, tail = _fx_bus(sent, room, fx_bus, tail)
    mix = dry + returned
    if config.master_bus:
        mix, master = master_bus_chain(mix, master_bus, config, sample_rate, master)
    return BusesOutput(mix, returned, None if state is None else BusState(tail, master))


def _pan_gains(params: TrackParams, config: ConsoleConfig, dtype: jnp.dtype) -> jax.Array:
    """How loud each track is left and right, (tracks, 2)."""
    return jax.vmap(lambda position: pan_gains(position, law=config.pan_law))(params.pan).astype(
        dtype
    )


def _fx_bus(
    sent: jax.Array, room: jax.Array, params: FxBusParams, tail: jax.Array | None
) -> tuple[jax.Array, jax.Array | None]:
    mix = params.reverb.mix
    if tail is None:
        return convolution_reverb(sent, room, mix), None
    return convolution_reverb(sent, room, mix, state=tail)

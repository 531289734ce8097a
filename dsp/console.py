"""The mixing console: channel strips, a sum, an effects bus and a master bus.

    track:  input gain -> equaliser -> compressor -> pan --+--> sum -> mix
                                                           +--> send -> fx bus (reverb) -> sum
    mix:    input fader -> equaliser -> compressor -> output fader

The settings, their order and their ranges are in `dsp.console_settings`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from dsp.ballistics import BALLISTICS
from dsp.checks import check_audio, check_choice, check_number, check_sample_rate, check_shape
from dsp.console_settings import ConsoleParams, FxBusParams, MasterParams, TrackParams
from dsp.dynamics import DETECTORS, CompressorParams, DynamicsState, compressor, dynamics_state
from dsp.equalizer import EqualizerParams, equalizer_state, parametric_eq
from dsp.levels import gain
from dsp.linear_filter import METHODS
from dsp.numerics import db_to_gain, matmul
from dsp.reverb import RESPONSE_SAMPLES, noise_shaped_reverb
from dsp.stereo import PAN_LAWS, pan_gains


@dataclass(frozen=True)
class ConsoleConfig:
    """What the console is built of: static, hashable, so a jitted function can close over it.

    The default is the better console; `ConsoleConfig.diffmst()` reproduces the reference's.

    Attributes:
        track_equalizer: whether the tracks have one.
        track_compressor: whether the tracks have one.
        reverb: whether the effects bus returns anything.
        master_bus: whether the sum passes the master bus; without it, the mix is the sum.
        pan_law: see `dsp.pan`.
        ballistics: of every compressor, see `dsp.ballistics`.
        detector: channel linking of the master compressor, see `dsp.compressor`.
        track_lookahead_ms: lookahead of the tracks' compressors; delays the mix by as much.
        master_lookahead_ms: lookahead of the master compressor; delays the mix by as much.
        equalizer_method: see `dsp.parametric_eq`.
    """

    track_equalizer: bool = True
    track_compressor: bool = True
    reverb: bool = False
    master_bus: bool = True
    pan_law: str = "constant_power"
    ballistics: str = "branching"
    detector: str = "mean"
    track_lookahead_ms: float = 0.0
    master_lookahead_ms: float = 0.0
    equalizer_method: str = "auto"

    def __post_init__(self) -> None:
        check_choice(self.pan_law, PAN_LAWS, "pan_law")
        check_choice(self.ballistics, BALLISTICS, "ballistics")
        check_choice(self.detector, DETECTORS, "detector")
        check_choice(self.equalizer_method, METHODS, "equalizer_method")
        check_number(self.track_lookahead_ms, "track_lookahead_ms", low=0)
        check_number(self.master_lookahead_ms, "master_lookahead_ms", low=0)

    @classmethod
    def diffmst(cls) -> "ConsoleConfig":
        """The console of the Diff-MST reference implementation, its approximations included.

        Filters by frequency sampling, attack-only compression with a summed side chain, the
        -4.5 dB pan law, no reverb return, and lookaheads of 2048 and 1024 samples at 44100 Hz.
        """
        return cls(
            pan_law="compromise",
            ballistics="sampled_one_pole",
            detector="sum",
            track_lookahead_ms=2048 / 44.1,
            master_lookahead_ms=1024 / 44.1,
            equalizer_method="fft",
        )


class StripState(NamedTuple):
    """What an equaliser and a compressor remember between chunks."""

    equalizer: jax.Array | None
    compressor: DynamicsState | None


class ConsoleState(NamedTuple):
    """What the console remembers between chunks."""

    tracks: StripState | None  # leading axis (tracks,)
    fx_bus: jax.Array | None  # (2, response - 1): the reverb's tail still to come
    master_bus: StripState | None


class ConsoleOutput(NamedTuple):
    """A mix and its parts. Under jit, parts that are not used cost nothing."""

    mix: jax.Array  # (2, time)
    tracks: jax.Array  # (tracks, 2, time): what each strip adds to the sum
    fx_bus: jax.Array  # (2, time): what the effects bus adds to the sum, zeros without reverb
    state: ConsoleState | None


def console_state(tracks: jax.Array, config: ConsoleConfig, *, sample_rate: float) -> ConsoleState:
    """The state of silence before `tracks` (tracks, time).

    Raises:
        ValueError: a console with sampled filters, which cannot run in chunks.
    """
    _check_streamable(config)

    def strip(x: jax.Array, lookahead_ms: float) -> StripState:
        dynamics = dynamics_state(
            x, sample_rate=sample_rate, ballistics=config.ballistics, lookahead_ms=lookahead_ms
        )
        return StripState(equalizer_state(x), dynamics)

    one = jnp.zeros((1, 1), tracks.dtype)
    first = strip(one, config.track_lookahead_ms)
    every = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], tracks.shape[0], axis=0), first)
    tail = jnp.zeros((2, RESPONSE_SAMPLES - 1), tracks.dtype)
    master = strip(jnp.zeros((2, 1), tracks.dtype), config.master_lookahead_ms)
    return ConsoleState(every, tail, master)


def _check_streamable(config: ConsoleConfig) -> None:
    if config.equalizer_method == "fft" or config.ballistics == "sampled_one_pole":
        raise ValueError("config samples its filters; expected exact filters, which have a state")


def mix_console(
    tracks: jax.Array,
    params: ConsoleParams,
    config: ConsoleConfig,
    *,
    sample_rate: float,
    mask: ArrayLike | None = None,
    key: jax.Array | None = None,
    state: ConsoleState | None = None,
) -> ConsoleOutput:
    """Mix mono tracks to stereo.

    Args:
        tracks: (tracks, time).
        params: settings; the leaves of `params.tracks` have the leading axis (tracks,).
        config: which effects there are, and how they behave.
        sample_rate: Hz.
        mask: (tracks,) 1 for a track, 0 for padding, which then adds exactly nothing.
        key: PRNG key of the reverb's noise; required when `config.reverb`.
        state: `console_state(...)` or the previous chunk's, to mix a song in chunks.

    Returns:
        The mix and its parts; `state` is None unless one was given.

    Raises:
        ValueError: wrong shapes, a missing key, or a state with a console that cannot have one.
    """
    check_audio(tracks, "tracks")
    check_sample_rate(sample_rate)
    if state is not None:
        _check_streamable(config)
    heard = _pan_gains(params.tracks, config, tracks.dtype)
    if mask is not None:
        check_shape(mask, (tracks.shape[0],), "mask")
        heard = heard * jnp.asarray(mask, tracks.dtype)[:, None]
        # Whatever padding holds, it must reach neither the sum nor a gradient.
        tracks = jnp.where(jnp.asarray(mask, bool)[:, None], tracks, 0)
    mono, strips = jax.vmap(lambda x, p, s: _channel_strip(x[None], p, config, sample_rate, s))(
        tracks, params.tracks, None if state is None else state.tracks
    )
    # Panning and summing in one product: no stereo signal per track is ever stored.
    mix = matmul(heard.T, mono)
    fx_bus, tail = jnp.zeros_like(mix), None if state is None else state.fx_bus
    if config.reverb:
        sends = db_to_gain(params.tracks.send_db).astype(mono.dtype)
        sent = matmul((heard * sends[:, None]).T, mono)
        fx_bus, tail = _fx_bus(sent, params.fx_bus, sample_rate, key, tail)
    mix = mix + fx_bus
    master = None if state is None else state.master_bus
    if config.master_bus:
        mix, master = _master_bus(mix, params.master_bus, config, sample_rate, master)
    after = None if state is None else ConsoleState(strips, tail, master)
    return ConsoleOutput(mix, heard[:, :, None] * mono[:, None, :], fx_bus, after)


def _pan_gains(params: TrackParams, config: ConsoleConfig, dtype: jnp.dtype) -> jax.Array:
    """How loud each track is left and right, (tracks, 2)."""
    return jax.vmap(lambda position: pan_gains(position, law=config.pan_law))(params.pan).astype(
        dtype
    )


def _fx_bus(
    sent: jax.Array,
    params: FxBusParams,
    sample_rate: float,
    key: jax.Array | None,
    tail: jax.Array | None,
) -> tuple[jax.Array, jax.Array | None]:
    if key is None:
        raise ValueError("key is None; expected a PRNG key, for config.reverb is True")
    if tail is None:
        return noise_shaped_reverb(key, sent, params.reverb, sample_rate=sample_rate), None
    return noise_shaped_reverb(key, sent, params.reverb, sample_rate=sample_rate, state=tail)


def _channel_strip(
    x: jax.Array,
    params: TrackParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: StripState | None,
) -> tuple[jax.Array, StripState | None]:
    x = gain(x, params.input_gain_db)
    x, state = _tone_and_dynamics(
        x,
        params.equalizer if config.track_equalizer else None,
        params.compressor if config.track_compressor else None,
        config,
        sample_rate,
        state,
        lookahead_ms=config.track_lookahead_ms,
    )
    return x[0], state


def _master_bus(
    x: jax.Array,
    params: MasterParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: StripState | None,
) -> tuple[jax.Array, StripState | None]:
    x = gain(x, params.input_fader_db)
    x, state = _tone_and_dynamics(
        x,
        params.equalizer,
        params.compressor,
        config,
        sample_rate,
        state,
        lookahead_ms=config.master_lookahead_ms,
    )
    return gain(x, params.output_fader_db), state


def _tone_and_dynamics(
    x: jax.Array,
    equalizer: EqualizerParams | None,
    dynamics: CompressorParams | None,
    config: ConsoleConfig,
    sample_rate: float,
    state: StripState | None,
    *,
    lookahead_ms: float,
) -> tuple[jax.Array, StripState | None]:
    """Equaliser, then compressor, each only if given: what channel strips and master bus share."""
    memory = StripState(None, None) if state is None else state
    if equalizer is not None:
        x, tone = _with_state(
            partial(
                parametric_eq, x, equalizer, sample_rate=sample_rate, method=config.equalizer_method
            ),
            memory.equalizer,
        )
        memory = memory._replace(equalizer=tone)
    if dynamics is not None:
        x, level = _with_state(
            partial(
                compressor,
                x,
                dynamics,
                sample_rate=sample_rate,
                ballistics=config.ballistics,
                detector=config.detector,
                lookahead_ms=lookahead_ms,
            ),
            memory.compressor,
        )
        memory = memory._replace(compressor=level)
    return x, None if state is None else memory


def _with_state(effect: Callable[..., Any], state: Any) -> tuple[jax.Array, Any]:
    """Call `effect` so that it always returns a pair, with state None if it was given none."""
    return (effect(), None) if state is None else effect(state=state)

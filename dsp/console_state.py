"""What the mixing console remembers between chunks of a song."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dsp.checks import check_audio, check_kind
from dsp.console_config import ConsoleConfig
from dsp.console_strip import StripState
from dsp.dynamics import dynamics_state
from dsp.equalizer import equalizer_state
from dsp.reverb import RESPONSE_SAMPLES


class ConsoleState(NamedTuple):
    """What the console remembers between chunks."""

    tracks: StripState | None  # leading axis (tracks,)
    fx_bus: jax.Array | None  # (2, response - 1): the reverb's tail still to come
    master_bus: StripState | None


class BusState(NamedTuple):
    """What the buses remember between chunks: the last two fields of `ConsoleState`."""

    fx_bus: jax.Array | None
    master_bus: StripState | None


def console_state(tracks: jax.Array, config: ConsoleConfig, *, sample_rate: float) -> ConsoleState:
    """The state of silence before `tracks` (tracks, time).

    Raises:
        ValueError: a console with sampled filters, which cannot run in chunks.
    """
    tracks = check_audio(tracks, "tracks")
    check_kind(config, ConsoleConfig, "config")
    check_streamable(config)

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


def silence_of(tracks: jax.Array, config: ConsoleConfig, sample_rate: float) -> ConsoleState:
    """The shapes and dtypes of `console_state`, without its zeros."""
    return jax.eval_shape(partial(console_state, config=config, sample_rate=sample_rate), tracks)


def check_streamable(config: ConsoleConfig) -> None:
    """Require filters that have a state."""
    if not config.is_streamable:
        raise ValueError("config samples its filters; expected exact filters, which have a state")

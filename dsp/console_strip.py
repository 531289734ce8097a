"""What channel strips and the master bus do to a signal: faders, equalizer, compressor."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from dsp.console_config import ConsoleConfig
from dsp.console_settings import MasterParams, TrackParams
from dsp.dynamics import CompressorParams, DynamicsState, compressor
from dsp.equalizer import EqualizerParams, parametric_eq
from dsp.levels import gain
from dsp.stereo import pair_mean

State = TypeVar("State", jax.Array, DynamicsState)


class StripState(NamedTuple):
    """What an equalizer and a compressor remember between chunks."""

    equalizer: jax.Array | None
    compressor: DynamicsState | None


def channel_strips(
    tracks: jax.Array,
    params: TrackParams,
    config: ConsoleConfig,
    sample_rate: float,
    side: ArrayLike | None,
    state: StripState | None,
) -> tuple[jax.Array, StripState | None]:
    """Mono tracks, (tracks, time), up to their panning, and the state after them, if given.

    The channels of a stereo track (`side`, see `pair_mean`) have one level, which is that of
    `compressor` for (2, time) by `"mean"`, and so, with the same settings, one gain.
    """
    memory = StripState(None, None) if state is None else state
    tone = partial(strip_tone, config=config, sample_rate=sample_rate)
    x, toned = jax.vmap(tone)(tracks, params, state=memory.equalizer)
    memory = memory._replace(equalizer=toned)
    if config.track_compressor:
        # Of one channel the magnitude and the audio itself measure the same.
        level = None if side is None else pair_mean(jnp.abs(x), side)
        dynamics = partial(
            _compress,
            config=config,
            sample_rate=sample_rate,
            detector="mean",
            lookahead_ms=config.track_lookahead_ms,
        )
        x, levels = jax.vmap(dynamics)(
            x, params.compressor, side_chain=level, state=memory.compressor
        )
        memory = memory._replace(compressor=levels)
    return x[:, 0], None if state is None else memory


def strip_tone(
    x: jax.Array,
    strip: TrackParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array | None]:
    """What a strip does to its track (time,) before its compressor hears it, (1, time)."""
    x = gain(x[None], strip.input_gain_db)
    if not config.track_equalizer:
        return x, state
    return _equalize(x, strip.equalizer, config, sample_rate, state)


def master_bus_chain(
    x: jax.Array,
    params: MasterParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: StripState | None,
) -> tuple[jax.Array, StripState | None]:
    """The sum of all tracks, (2, time), on its way out, and the state after it, if given."""
    memory = StripState(None, None) if state is None else state
    x, tone = master_tone(x, params, config, sample_rate, memory.equalizer)
    x, level = master_dynamics(x, params.compressor, config, sample_rate, memory.compressor)
    return gain(x, params.output_fader_db), None if state is None else StripState(tone, level)


def master_tone(
    x: jax.Array,
    params: MasterParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array | None]:
    """What the master bus does to the sum before its compressor hears it."""
    x = gain(x, params.input_fader_db)
    return _equalize(x, params.equalizer, config, sample_rate, state)


def master_dynamics(
    x: jax.Array,
    params: CompressorParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: DynamicsState | None = None,
) -> tuple[jax.Array, DynamicsState | None]:
    """The compressor of the master bus."""
    return _compress(
        x,
        params,
        config,
        sample_rate,
        detector=config.detector,
        lookahead_ms=config.master_lookahead_ms,
        state=state,
    )


def _equalize(
    x: jax.Array,
    params: EqualizerParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: jax.Array | None,
) -> tuple[jax.Array, jax.Array | None]:
    effect = partial(
        parametric_eq, x, params, sample_rate=sample_rate, method=config.equalizer_method
    )
    return _with_state(effect, state)


def _compress(
    x: jax.Array,
    params: CompressorParams,
    config: ConsoleConfig,
    sample_rate: float,
    *,
    detector: str,
    lookahead_ms: float,
    side_chain: jax.Array | None = None,
    state: DynamicsState | None,
) -> tuple[jax.Array, DynamicsState | None]:
    effect = partial(
        compressor,
        x,
        params,
        sample_rate=sample_rate,
        ballistics=config.ballistics,
        detector=detector,
        lookahead_ms=lookahead_ms,
        side_chain=side_chain,
    )
    return _with_state(effect, state)


def _with_state(effect: Callable[..., Any], state: State | None) -> tuple[jax.Array, State | None]:
    """Call `effect` so that it always returns a pair, with state None if it was given none."""
    return (effect(), None) if state is None else effect(state=state)

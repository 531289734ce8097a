"""What channel strips and the master bus do to a signal: faders, equaliser, compressor."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from dsp.console_config import ConsoleConfig
from dsp.console_settings import MasterParams, TrackParams
from dsp.dynamics import CompressorParams, DynamicsState, compressor
from dsp.equalizer import EqualizerParams, parametric_eq
from dsp.levels import gain
from dsp.stereo import pair_mean


class StripState(NamedTuple):
    """What an equaliser and a compressor remember between chunks."""

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

    def tone(x: jax.Array, strip: TrackParams, state: Any) -> tuple[jax.Array, Any]:
        x = gain(x[None], strip.input_gain_db)
        if not config.track_equalizer:
            return x, state
        return _equalize(x, strip.equalizer, config, sample_rate, state)

    def dynamics(
        x: jax.Array, level: jax.Array | None, settings: CompressorParams, state: Any
    ) -> tuple[jax.Array, Any]:
        return _compress(
            x,
            settings,
            config,
            sample_rate,
            state,
            side_chain=level,
            lookahead_ms=config.track_lookahead_ms,
        )

    x, toned = jax.vmap(tone)(tracks, params, memory.equalizer)
    memory = memory._replace(equalizer=toned)
    if config.track_compressor:
        # Of one channel the magnitude and the audio itself measure the same.
        level = None if side is None else pair_mean(jnp.abs(x), side)
        x, levels = jax.vmap(dynamics)(x, level, params.compressor, memory.compressor)
        memory = memory._replace(compressor=levels)
    return x[:, 0], None if state is None else memory


def master_bus_chain(
    x: jax.Array,
    params: MasterParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: StripState | None,
) -> tuple[jax.Array, StripState | None]:
    """The sum of all tracks, (2, time), on its way out, and the state after it, if given."""
    memory = StripState(None, None) if state is None else state
    x = gain(x, params.input_fader_db)
    x, tone = _equalize(x, params.equalizer, config, sample_rate, memory.equalizer)
    x, level = _compress(
        x,
        params.compressor,
        config,
        sample_rate,
        memory.compressor,
        detector=config.detector,
        lookahead_ms=config.master_lookahead_ms,
    )
    return gain(x, params.output_fader_db), None if state is None else StripState(tone, level)


def _equalize(
    x: jax.Array, params: EqualizerParams, config: ConsoleConfig, sample_rate: float, state: Any
) -> tuple[jax.Array, Any]:
    effect = partial(
        parametric_eq, x, params, sample_rate=sample_rate, method=config.equalizer_method
    )
    return _with_state(effect, state)


def _compress(
    x: jax.Array,
    params: CompressorParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: Any,
    **options: Any,
) -> tuple[jax.Array, Any]:
    effect = partial(
        compressor, x, params, sample_rate=sample_rate, ballistics=config.ballistics, **options
    )
    return _with_state(effect, state)


def _with_state(effect: Callable[..., Any], state: Any) -> tuple[jax.Array, Any]:
    """Call `effect` so that it always returns a pair, with state None if it was given none."""
    return (effect(), None) if state is None else effect(state=state)

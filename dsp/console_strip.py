"""What channel strips and the master bus do to a signal: faders, equaliser, compressor."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from dsp.console_config import ConsoleConfig
from dsp.console_settings import MasterParams, TrackParams
from dsp.dynamics import CompressorParams, DynamicsState, compressor
from dsp.equalizer import EqualizerParams, parametric_eq
from dsp.levels import gain


class StripState(NamedTuple):
    """What an equaliser and a compressor remember between chunks."""

    equalizer: jax.Array | None
    compressor: DynamicsState | None


def channel_strip(
    x: jax.Array,
    params: TrackParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: StripState | None,
) -> tuple[jax.Array, StripState | None]:
    """One mono track, (1, time), up to its panning, (time,), and the state after it, if given."""
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


def master_bus_chain(
    x: jax.Array,
    params: MasterParams,
    config: ConsoleConfig,
    sample_rate: float,
    state: StripState | None,
) -> tuple[jax.Array, StripState | None]:
    """The sum of all tracks, (2, time), on its way out, and the state after it, if given."""
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

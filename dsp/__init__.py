"""Differentiable audio effects as pure JAX functions.

`effect(x, params, *, sample_rate, ...)`: audio first, settings second, everything static by
keyword. Audio is floating point, (channels, time), nominally in [-1, 1]; settings are NamedTuples
in physical units; tracks and batches are `jax.vmap`. Nothing is jitted inside and nothing is random
without a key. Importing `dsp` loads JAX and NumPy alone.
"""

from dsp.ballistics import smooth, time_constant
from dsp.biquad import biquad
from dsp.console import (
    ConsoleConfig,
    ConsoleOutput,
    ConsoleState,
    console_state,
    mix_console,
)
from dsp.console_settings import (
    FX_BUS_CONTROLS,
    MASTER_CONTROLS,
    TRACK_CONTROLS,
    ConsoleParams,
    FxBusParams,
    MasterParams,
    TrackParams,
    console_controls,
    console_params,
    console_ranges,
    neutral_console,
)
from dsp.dynamics import (
    CompressorParams,
    DynamicsState,
    ExpanderParams,
    GateParams,
    compressor,
    dynamics_state,
    expander,
    gate,
)
from dsp.equalizer import (
    EqualizerParams,
    equalizer_response,
    equalizer_state,
    parametric_eq,
)
from dsp.levels import gain, stereo_bus
from dsp.linear_filter import lfilter, sosfilt
from dsp.ranges import Range, denormalize, normalize
from dsp.stereo import mid_side, pan, stereo_widener

__all__ = [
    "FX_BUS_CONTROLS",
    "MASTER_CONTROLS",
    "TRACK_CONTROLS",
    "CompressorParams",
    "ConsoleConfig",
    "ConsoleOutput",
    "ConsoleParams",
    "ConsoleState",
    "DynamicsState",
    "EqualizerParams",
    "ExpanderParams",
    "FxBusParams",
    "GateParams",
    "MasterParams",
    "Range",
    "TrackParams",
    "biquad",
    "compressor",
    "console_controls",
    "console_params",
    "console_ranges",
    "console_state",
    "denormalize",
    "dynamics_state",
    "equalizer_response",
    "equalizer_state",
    "expander",
    "gain",
    "gate",
    "lfilter",
    "mid_side",
    "mix_console",
    "neutral_console",
    "normalize",
    "pan",
    "parametric_eq",
    "smooth",
    "sosfilt",
    "stereo_bus",
    "stereo_widener",
    "time_constant",
]

"""Differentiable audio effects as pure JAX functions.

`effect(x, params, *, sample_rate, ...)`: audio first, settings second, everything static by
keyword. Audio is float32 or float64, (channels, time), nominally in [-1, 1]; settings are
NamedTuples in physical units; tracks and batches are `jax.vmap`. Nothing is jitted inside and
nothing is random without a key. Importing `dsp` loads JAX and NumPy alone.
"""

from dsp.ballistics import smooth, time_constant
from dsp.biquad import biquad
from dsp.console import (
    BusesOutput,
    ConsoleOutput,
    StripsOutput,
    console_buses,
    console_room,
    console_strips,
    mix_console,
)
from dsp.console_config import ConsoleConfig
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
from dsp.console_state import BusState, ConsoleState, console_state
from dsp.console_strip import StripState
from dsp.convolution import convolve, convolve_state
from dsp.delay import DelayParams, delay, delay_state
from dsp.distortion import (
    ClipperParams,
    distortion,
    oversample,
    oversampling_latency,
    oversampling_state,
    soft_clipper,
)
from dsp.dynamics import (
    CompressorParams,
    DynamicsState,
    ExpanderParams,
    GateParams,
    compressor,
    compressor_gain,
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
from dsp.feedback_delay_network import (
    NetworkReverbParams,
    NetworkState,
    feedback_delay_network,
    network_state,
)
from dsp.graphic_equalizer import graphic_eq, graphic_eq_design, graphic_eq_frequencies
from dsp.levels import gain, stereo_bus
from dsp.limiter import LimiterParams, LimiterState, limiter, limiter_latency, limiter_state
from dsp.linear_filter import lfilter, sosfilt
from dsp.loudness import (
    integrated_loudness,
    loudness_range,
    momentary_loudness,
    short_term_loudness,
    true_peak,
)
from dsp.ranges import Range, denormalize, normalize
from dsp.resampling import downsample, upsample
from dsp.reverb import (
    ReverbParams,
    convolution_reverb,
    noise_impulse_response,
    noise_shaped_reverb,
    reverb_noise,
)
from dsp.spectral import bark_filterbank, magnitude, mel_filterbank, stft
from dsp.stereo import mid_side, pair_mean, pair_positions, pan, stereo_widener
from dsp.weighting import k_weighting, k_weighting_state

__all__ = [
    "FX_BUS_CONTROLS",
    "MASTER_CONTROLS",
    "TRACK_CONTROLS",
    "BusState",
    "BusesOutput",
    "ClipperParams",
    "CompressorParams",
    "ConsoleConfig",
    "ConsoleOutput",
    "ConsoleParams",
    "ConsoleState",
    "DelayParams",
    "DynamicsState",
    "EqualizerParams",
    "ExpanderParams",
    "FxBusParams",
    "GateParams",
    "LimiterParams",
    "LimiterState",
    "MasterParams",
    "NetworkReverbParams",
    "NetworkState",
    "Range",
    "ReverbParams",
    "StripState",
    "StripsOutput",
    "TrackParams",
    "bark_filterbank",
    "biquad",
    "compressor",
    "compressor_gain",
    "console_buses",
    "console_controls",
    "console_params",
    "console_ranges",
    "console_room",
    "console_state",
    "console_strips",
    "convolution_reverb",
    "convolve",
    "convolve_state",
    "delay",
    "delay_state",
    "denormalize",
    "distortion",
    "downsample",
    "dynamics_state",
    "equalizer_response",
    "equalizer_state",
    "expander",
    "feedback_delay_network",
    "gain",
    "gate",
    "graphic_eq",
    "graphic_eq_design",
    "graphic_eq_frequencies",
    "integrated_loudness",
    "k_weighting",
    "k_weighting_state",
    "lfilter",
    "limiter",
    "limiter_latency",
    "limiter_state",
    "loudness_range",
    "magnitude",
    "mel_filterbank",
    "mid_side",
    "mix_console",
    "momentary_loudness",
    "network_state",
    "neutral_console",
    "noise_impulse_response",
    "noise_shaped_reverb",
    "normalize",
    "oversample",
    "oversampling_latency",
    "oversampling_state",
    "pair_mean",
    "pair_positions",
    "pan",
    "parametric_eq",
    "reverb_noise",
    "short_term_loudness",
    "smooth",
    "soft_clipper",
    "sosfilt",
    "stereo_bus",
    "stereo_widener",
    "stft",
    "time_constant",
    "true_peak",
    "upsample",
]

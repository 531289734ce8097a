"""Reverberation by convolution with decaying, octave-band shaped noise.

The impulse response of each channel is the mean over bands of filtered white noise under an
exponential envelope (Steinmetz, Ithapu and Calamia, "Filtered noise shaping for time domain room
impulse response estimation from reverberant speech", 2021):

    h[n] = (1 / B) sum_b gain_b exp(-(1 + 10 decay_b) n / (N - 1)) (f_b * w_b)[n]

Designing the response (`noise_impulse_response`) and applying it are separate functions.
"""

import math
from typing import NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from dsp.checks import (
    check_audio,
    check_count,
    check_floating,
    check_kind,
    check_mono_or_stereo,
    check_numbers,
    check_sample_rate,
    check_shape,
)
from dsp.convolution import convolve, fast_length
from dsp.ranges import Range

# Octave bands, with what lies below the first and above the last as bands of their own.
OCTAVE_CENTRES_HZ = (31.5, 63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
LOWEST_BAND_BELOW_HZ = 12.0
HIGHEST_BAND_ABOVE_HZ = 18000.0
BANDS = len(OCTAVE_CENTRES_HZ) + 2
# Band edges end just below half the sample rate.
HIGHEST_EDGE = 0.999
# Envelope exponent over the length of the response: BASE + SPAN decay.
DECAY_BASE, DECAY_SPAN = 1.0, 10.0

# Length of the response (1.5 s at 44100 Hz) and of the band filters.
RESPONSE_SAMPLES = 65536
FILTER_TAPS = 1023


class ReverbParams(NamedTuple):
    """Settings of `noise_shaped_reverb`; neutral at `mix` 0.

    `band_gain` and `band_decay` go from the lowest band (below 12 Hz) over octaves around 31.5 Hz
    to 16 kHz to the highest (above 18 kHz).
    """

    band_gain: jax.Array  # (12,) linear, 0 to 1
    band_decay: jax.Array  # (12,) 0 to 1; the envelope falls by 8.7 (1 + 10 decay) dB in all
    mix: jax.Array  # (), 0 dry to 1 wet: (1 - mix) x + mix wet


REVERB_RANGES = ReverbParams._make([Range(0.0, 1.0), Range(0.0, 1.0), Range(0.0, 1.0)])


def octave_filterbank(*, sample_rate: float, taps: int = FILTER_TAPS) -> np.ndarray:
    """Linear-phase band filters that split noise into octaves, float64 `(12, taps)`.

    Ideal band limits times a symmetric Hamming window, each scaled to gain 1 at its centre (at
    0 Hz for the lowest band, at half the sample rate for the highest): the window method, equal to
    `scipy.signal.firwin`. The bands overlap: 1023 taps resolve 43 Hz at 44100 Hz, which is wider
    than the lowest three octaves.

    Raises:
        ValueError: if the sample rate does not exceed 36 kHz, where the highest band would be
            empty, or `taps` is not odd.
    """
    check_sample_rate(sample_rate)
    if sample_rate <= 2 * HIGHEST_BAND_ABOVE_HZ:
        raise ValueError(
            f"sample_rate is {sample_rate}; expected more than {2 * HIGHEST_BAND_ABOVE_HZ} Hz, "
            "for the highest band starts at half of that"
        )
    _check_taps(taps)
    nyquist = sample_rate / 2.0
    half_octave, top = math.sqrt(2.0), HIGHEST_EDGE * nyquist
    octaves = [(f / half_octave, min(f * half_octave, top)) for f in OCTAVE_CENTRES_HZ]
    edges = [(0.0, LOWEST_BAND_BELOW_HZ), *octaves, (HIGHEST_BAND_ABOVE_HZ, nyquist)]
    return np.stack([_window_filter(low / nyquist, high / nyquist, taps) for low, high in edges])


def _window_filter(low: float, high: float, taps: int) -> np.ndarray:
    """Band-pass by the window method; edges as fractions of half the sample rate."""
    n = np.arange(taps) - (taps - 1) / 2.0
    response = high * np.sinc(high * n) - low * np.sinc(low * n)
    response *= np.hamming(taps)
    reference = 0.0 if low == 0.0 else 1.0 if high == 1.0 else (low + high) / 2.0
    return response / np.sum(response * np.cos(np.pi * n * reference))


def reverb_noise(
    key: jax.Array,
    *,
    samples: int = RESPONSE_SAMPLES,
    taps: int = FILTER_TAPS,
    dtype: jnp.dtype | type = jnp.float32,
) -> jax.Array:
    """Draw the white noise that a response is shaped from, `(2, 12, samples + taps - 1)`."""
    check_count(samples, "samples", 2)
    _check_taps(taps)
    return jax.random.normal(key, (2, BANDS, samples + taps - 1), dtype)


def noise_impulse_response(
    noise: jax.Array, params: ReverbParams, *, sample_rate: float, taps: int = FILTER_TAPS
) -> jax.Array:
    """Shape noise into a stereo impulse response, `(2, samples)`.

    Args:
        noise: white noise, `(2, 12, samples + taps - 1)`; see `reverb_noise`.
        params: settings; `mix` plays no part.
        sample_rate: samples per second, above 36 kHz.
        taps: length of the band filters, odd.

    Raises:
        ValueError: if a shape does not fit or a static argument is out of its domain.
    """
    check_reverb(params)
    noise = check_floating(noise, "noise")
    filters = octave_filterbank(sample_rate=sample_rate, taps=taps)
    samples = (np.shape(noise) or (0,))[-1] - taps + 1
    if samples < 2:
        raise ValueError(
            f"noise has shape {noise.shape}; expected (2, {BANDS}, samples + {taps - 1}) with at "
            "least 2 samples"
        )
    check_shape(noise, (2, BANDS, samples + taps - 1), "noise")
    bands = _valid_convolution(noise, filters)
    time = jnp.linspace(0.0, 1.0, samples, dtype=noise.dtype)
    gain, decay = (jnp.asarray(p, noise.dtype) for p in (params.band_gain, params.band_decay))
    rate = DECAY_BASE + DECAY_SPAN * decay
    envelope = gain[:, None] * jnp.exp(-rate[:, None] * time[None, :])
    return jnp.mean(bands * envelope[None], axis=1)


def _valid_convolution(noise: jax.Array, filters: np.ndarray) -> jax.Array:
    """Filter each band's noise, keeping the outputs that see whole filters."""
    taps = filters.shape[-1]
    # The outputs below taps - 1 are discarded, so the circle may wrap into them.
    size = fast_length(noise.shape[-1])
    response = np.fft.rfft(filters, size)
    spectrum = jnp.fft.rfft(noise, size)
    spectrum = spectrum * jnp.asarray(response, spectrum.dtype)[None]
    return jnp.fft.irfft(spectrum, size)[..., taps - 1 : noise.shape[-1]]


@overload
def noise_shaped_reverb(
    key: jax.Array,
    x: jax.Array,
    params: ReverbParams,
    *,
    sample_rate: float,
    samples: int = ...,
    taps: int = ...,
    state: None = ...,
) -> jax.Array: ...
@overload
def noise_shaped_reverb(
    key: jax.Array,
    x: jax.Array,
    params: ReverbParams,
    *,
    sample_rate: float,
    samples: int = ...,
    taps: int = ...,
    state: jax.Array,
) -> tuple[jax.Array, jax.Array]: ...
def noise_shaped_reverb(
    key: jax.Array,
    x: jax.Array,
    params: ReverbParams,
    *,
    sample_rate: float,
    samples: int = RESPONSE_SAMPLES,
    taps: int = FILTER_TAPS,
    state: jax.Array | None = None,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Add noise-shaped reverberation: `(1 - mix) x + mix (h * x)`, stereo.

    The same key gives the same room. Exact up to rounding (FFT convolution). To stream, or to hear
    many signals in one room, make the response once (`noise_impulse_response`) and apply it with
    `convolution_reverb`, which is all that this function does.

    Args:
        key: source of the noise.
        x: `(1, time)` or `(2, time)`; mono goes to both channels.
        params: settings; identity at `mix` 0.
        sample_rate: samples per second, above 36 kHz.
        samples: length of the response.
        taps: length of the band filters, odd.
        state: `(2, samples - 1)`, zeros at the start or from the previous chunk.

    Returns:
        y `(2, time)`, without the tail beyond `time`; with `state`, the pair (y, state after the
        last sample).

    Raises:
        ValueError: if a shape or dtype does not fit or a static argument is out of its domain.
    """
    x = check_mono_or_stereo(x)
    noise = reverb_noise(key, samples=samples, taps=taps, dtype=x.dtype)
    response = noise_impulse_response(noise, params, sample_rate=sample_rate, taps=taps)
    if state is None:
        return convolution_reverb(x, response, params.mix)
    return convolution_reverb(x, response, params.mix, state=state)


@overload
def convolution_reverb(
    x: jax.Array, response: jax.Array, mix: ArrayLike, *, state: None = ...
) -> jax.Array: ...
@overload
def convolution_reverb(
    x: jax.Array, response: jax.Array, mix: ArrayLike, *, state: jax.Array
) -> tuple[jax.Array, jax.Array]: ...
def convolution_reverb(
    x: jax.Array, response: jax.Array, mix: ArrayLike, *, state: jax.Array | None = None
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Add the reverberation of a stereo impulse response: `(1 - mix) x + mix (response * x)`.

    Args:
        x: `(1, time)` or `(2, time)`; mono goes to both channels.
        response: `(2, samples)`.
        mix: scalar, 0 dry (identity) to 1 wet.
        state: `(2, samples - 1)`, zeros at the start or from the previous chunk.

    Returns:
        y `(2, time)`; with `state`, the pair (y, state after the last sample).

    Raises:
        ValueError: if a shape or dtype does not fit.
    """
    x = check_mono_or_stereo(x)
    response = check_audio(response, "response", channels=2)
    check_numbers(mix, (), "mix")
    mix = jnp.asarray(mix, x.dtype)
    stereo = jnp.broadcast_to(x, (2, x.shape[1]))
    if state is None:
        return (1 - mix) * stereo + mix * convolve(stereo, response)
    wet, state = convolve(stereo, response, state=state)
    return (1 - mix) * stereo + mix * wet, state


def _check_taps(taps: int) -> None:
    check_count(taps, "taps")
    if taps % 2 == 0:
        raise ValueError(f"taps is {taps}; expected an odd number")


def check_reverb(params: ReverbParams, name: str = "params") -> None:
    """Require settings of the shapes that `ReverbParams` names."""
    check_kind(params, ReverbParams, name)
    for field, shape in zip(params._fields, ((BANDS,), (BANDS,), ()), strict=True):
        check_numbers(getattr(params, field), shape, f"{name}.{field}")

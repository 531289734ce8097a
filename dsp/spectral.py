"""Short-time spectra and filter banks.

Windows and filter banks are NumPy constants: they depend on static values only and cost nothing
in a compiled function. Spectra follow the layout `(..., bins, frames)`, filter banks the layout
`(bins, bands)`, so that a band spectrum is `jnp.einsum("...bf,bk->...kf", magnitude(X), bank)`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dsp.checks import check_choice, check_count, check_floating, check_number, check_sample_rate

# Coefficients of the cosine-sum windows: w[n] = sum_k (-1)^k a[k] cos(2 pi k n / N).
WINDOWS: dict[str, tuple[float, ...]] = {
    "rectangular": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
}

# Traunmueller (1990): bark = SCALE f / (CORNER_HZ + f) - OFFSET, corrected at both ends.
BARK_SCALE, BARK_CORNER_HZ, BARK_OFFSET = 26.81, 1960.0, 0.53
BARK_LOW_END, BARK_LOW_SLOPE = 2.0, 0.15
BARK_HIGH_END, BARK_HIGH_SLOPE = 20.1, 0.22

MEL_SCALES = ("slaney", "htk")
# O'Shaughnessy (1987), the mel scale of HTK.
HTK_SCALE, HTK_CORNER_HZ = 2595.0, 700.0
# Slaney (1998), Auditory Toolbox: linear to 1 kHz (15 mel), then 27 mel per factor 6.4.
SLANEY_HZ_PER_MEL = 200.0 / 3.0
SLANEY_KNEE_HZ = 1000.0
SLANEY_KNEE_MEL = SLANEY_KNEE_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = float(np.log(6.4)) / 27.0


def window_values(name: str, length: int) -> np.ndarray:
    """Return the periodic window `name` (one of `WINDOWS`) as float64 `(length,)`.

    Periodic: equal to the symmetric window of `length + 1` without its last sample.

    Raises:
        ValueError: if `name` is unknown or `length` is not positive.
    """
    check_choice(name, WINDOWS, "window")
    check_count(length, "window_length")
    phase = 2.0 * np.pi * np.arange(length) / length
    terms = [(-1) ** k * a * np.cos(k * phase) for k, a in enumerate(WINDOWS[name])]
    return np.sum(terms, axis=0)


def stft(
    x: jax.Array,
    *,
    n_fft: int,
    hop: int,
    window: str = "hann",
    window_length: int | None = None,
    center: bool = True,
) -> jax.Array:
    """Short-time Fourier transform, equal to `torch.stft` and `librosa.stft`.

    `X[k, m] = sum_n w[n] x[m hop + n - c] exp(-2 pi i k n / n_fft)`, where `c = n_fft // 2` and
    the signal is continued by reflection if `center`, and `c = 0` without continuation if not.
    No normalisation.

    Args:
        x: real signal, `(..., time)`, at least `n_fft // 2 + 1` samples (`n_fft` without
            `center`).
        n_fft: transform length in samples.
        hop: step between frames in samples, at least 1.
        window: `"rectangular"`, `"hann"`, `"hamming"` or `"blackman"`, periodic.
        window_length: window length in samples, zero-padded on both sides to `n_fft`; None is
            `n_fft`.
        center: whether frame `m` is centred on sample `m hop`.

    Returns:
        Complex `(..., n_fft // 2 + 1, frames)`; `frames = 1 + time // hop` if `center`, else
        `1 + (time - n_fft) // hop`.

    Raises:
        ValueError: if `n_fft`, `hop`, the window or the length of `x` is out of its domain.
    """
    length = n_fft if window_length is None else window_length
    x = _check_stft(x, n_fft, hop, length, center)
    left = (n_fft - length) // 2
    weights = np.pad(window_values(window, length), (left, n_fft - length - left))
    if center:
        edges = [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)]
        x = jnp.pad(x, edges, mode="reflect")
    frames = frame(x, length=n_fft, hop=hop) * jnp.asarray(weights, x.dtype).reshape(
        (1,) * x.ndim + (n_fft,)
    )
    return jnp.swapaxes(jnp.fft.rfft(frames), -1, -2)


def _check_stft(x: jax.Array, n_fft: int, hop: int, window_length: int, center: bool) -> jax.Array:
    check_count(n_fft, "n_fft", 2)
    check_count(hop, "hop")
    check_count(window_length, "window_length", 1, n_fft)
    x = check_floating(x, "x")
    shortest = n_fft // 2 + 1 if center else n_fft
    if x.ndim < 1 or x.shape[-1] < shortest:
        raise ValueError(
            f"x has shape {x.shape}; expected (..., time) with time >= {shortest} for "
            f"n_fft = {n_fft}"
        )
    return x


def frame(x: jax.Array, *, length: int, hop: int) -> jax.Array:
    """Cut `(..., time)` into overlapping frames, `(..., frames, length)`.

    Frame `m` is `x[m hop : m hop + length]`; samples after the last whole frame are left out.

    Raises:
        ValueError: if `length` or `hop` is not positive or `x` is shorter than one frame.
    """
    check_count(length, "length")
    check_count(hop, "hop")
    time = x.shape[-1]
    if time < length:
        raise ValueError(f"x has shape {x.shape}; expected at least one frame of {length} samples")
    count = 1 + (time - length) // hop
    # Frames are runs of consecutive hops: shifted copies instead of an index array, because the
    # reverse of a slice is a pad and the reverse of a gather is a slow scatter.
    pieces = -(-length // hop)
    needed = (count + pieces - 1) * hop
    widths = [(0, 0)] * (x.ndim - 1) + [(0, max(0, needed - time))]
    blocks = jnp.pad(x, widths)[..., :needed].reshape(*x.shape[:-1], -1, hop)
    shifted = [blocks[..., piece : piece + count, :] for piece in range(pieces)]
    return jnp.concatenate(shifted, axis=-1)[..., :length]


def power(spectrum: jax.Array) -> jax.Array:
    """Squared magnitude of a complex array; differentiable everywhere."""
    return jnp.square(spectrum.real) + jnp.square(spectrum.imag)


def magnitude(spectrum: jax.Array) -> jax.Array:
    """Magnitude of a complex array, with gradient 0 where the magnitude is 0.

    The square root has an infinite slope at 0, which would make every gradient through a silent
    frame NaN.
    """
    if not jnp.issubdtype(jnp.result_type(spectrum), jnp.complexfloating):
        raise ValueError(f"spectrum has dtype {jnp.result_type(spectrum)}; expected complex")
    squared = power(spectrum)
    silent = squared == 0
    return jnp.where(silent, 0.0, jnp.sqrt(jnp.where(silent, 1.0, squared)))


def hz_to_bark(frequency_hz: np.ndarray | float) -> np.ndarray:
    """Critical-band rate of a frequency (Traunmueller 1990, with both end corrections)."""
    frequency = np.asarray(frequency_hz, np.float64)
    bark = BARK_SCALE * frequency / (BARK_CORNER_HZ + frequency) - BARK_OFFSET
    low = bark + BARK_LOW_SLOPE * (BARK_LOW_END - bark)
    high = bark + BARK_HIGH_SLOPE * (bark - BARK_HIGH_END)
    return np.where(bark < BARK_LOW_END, low, np.where(bark > BARK_HIGH_END, high, bark))


def bark_to_hz(bark: np.ndarray | float, *, high_correction: bool = True) -> np.ndarray:
    """Frequency of a critical-band rate, the inverse of `hz_to_bark`.

    Args:
        bark: critical-band rate.
        high_correction: whether the correction above 20.1 Bark is undone. torchaudio leaves it
            in, which `bark_filterbank` can follow.
    """
    bark = np.asarray(bark, np.float64)
    low = (bark - BARK_LOW_SLOPE * BARK_LOW_END) / (1.0 - BARK_LOW_SLOPE)
    high = (bark + BARK_HIGH_SLOPE * BARK_HIGH_END) / (1.0 + BARK_HIGH_SLOPE)
    bark = np.where(bark < BARK_LOW_END, low, bark)
    if high_correction:
        bark = np.where(bark > BARK_HIGH_END, high, bark)
    return BARK_CORNER_HZ * (bark + BARK_OFFSET) / (BARK_SCALE - BARK_OFFSET - bark)


def hz_to_mel(frequency_hz: np.ndarray | float, *, scale: str = "slaney") -> np.ndarray:
    """Mel value of a frequency on the `"slaney"` or the `"htk"` scale."""
    frequency = np.asarray(frequency_hz, np.float64)
    check_choice(scale, MEL_SCALES, "scale")
    if scale == "htk":
        return HTK_SCALE * np.log10(1.0 + frequency / HTK_CORNER_HZ)
    ratio = np.maximum(frequency, SLANEY_KNEE_HZ) / SLANEY_KNEE_HZ
    logarithmic = SLANEY_KNEE_MEL + np.log(ratio) / SLANEY_LOG_STEP
    return np.where(frequency < SLANEY_KNEE_HZ, frequency / SLANEY_HZ_PER_MEL, logarithmic)


def mel_to_hz(mel: np.ndarray | float, *, scale: str = "slaney") -> np.ndarray:
    """Frequency of a mel value, the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    check_choice(scale, MEL_SCALES, "scale")
    if scale == "htk":
        return HTK_CORNER_HZ * (10.0 ** (mel / HTK_SCALE) - 1.0)
    above = np.maximum(mel - SLANEY_KNEE_MEL, 0.0)
    logarithmic = SLANEY_KNEE_HZ * np.exp(SLANEY_LOG_STEP * above)
    return np.where(mel < SLANEY_KNEE_MEL, mel * SLANEY_HZ_PER_MEL, logarithmic)


def bark_filterbank(
    *,
    bands: int,
    n_fft: int,
    sample_rate: float,
    low_hz: float,
    high_hz: float,
    high_correction: bool = False,
) -> np.ndarray:
    """Triangular filters equally spaced on Traunmueller's Bark scale.

    Band `k` rises linearly in Hz from edge `k` to 1 at edge `k + 1` and falls to 0 at edge
    `k + 2`; the `bands + 2` edges are equally spaced in Bark.

    Args:
        bands: number of filters.
        n_fft: transform length, giving `n_fft // 2 + 1` bins from 0 Hz to half the sample rate.
        sample_rate: samples per second.
        low_hz: lowest edge.
        high_hz: highest edge.
        high_correction: whether edges above 20.1 Bark (about 6.5 kHz) are converted back to Hz by
            the exact inverse, so that the last edge is `high_hz`. The default follows torchaudio,
            whose inverse leaves that correction out: its upper bands lie higher and the last
            one reaches past `high_hz` (measured difference from torchaudio 2e-6, its rounding).

    Returns:
        float32 `(n_fft // 2 + 1, bands)`.

    Raises:
        ValueError: if a count, the sample rate or a frequency is out of its domain.
    """
    _check_bank(bands, n_fft, sample_rate, low_hz, high_hz)
    points = np.linspace(hz_to_bark(low_hz), hz_to_bark(high_hz), bands + 2)
    return _triangles(bark_to_hz(points, high_correction=high_correction), n_fft, sample_rate)


def mel_filterbank(
    *,
    bands: int,
    n_fft: int,
    sample_rate: float,
    low_hz: float,
    high_hz: float,
    scale: str = "slaney",
    equal_area: bool = True,
) -> np.ndarray:
    """Triangular filters equally spaced on a mel scale, equal to `librosa.filters.mel`.

    Args:
        bands: number of filters.
        n_fft: transform length, giving `n_fft // 2 + 1` bins from 0 Hz to half the sample rate.
        sample_rate: samples per second.
        low_hz: lowest edge.
        high_hz: highest edge.
        scale: `"slaney"` or `"htk"`.
        equal_area: whether each triangle has area 1 in Hz (librosa's `norm="slaney"`) instead of
            height 1.

    Returns:
        float32 `(n_fft // 2 + 1, bands)`.

    Raises:
        ValueError: if a count, the sample rate, a frequency or `scale` is out of its domain.
    """
    _check_bank(bands, n_fft, sample_rate, low_hz, high_hz)
    low, high = hz_to_mel(low_hz, scale=scale), hz_to_mel(high_hz, scale=scale)
    edges = mel_to_hz(np.linspace(low, high, bands + 2), scale=scale)
    bank = _triangles(edges, n_fft, sample_rate)
    if not equal_area:
        return bank
    return bank * (2.0 / (edges[2:] - edges[:-2])).astype(bank.dtype)


def _triangles(edges_hz: np.ndarray, n_fft: int, sample_rate: float) -> np.ndarray:
    """Triangular filters between `(bands + 2,)` edges as float32 `(bins, bands)`."""
    frequency = np.linspace(0.0, sample_rate / 2.0, n_fft // 2 + 1)[:, None]
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (frequency - low) / (centre - low)
    falling = (high - frequency) / (high - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _check_bank(bands: int, n_fft: int, sample_rate: float, low_hz: float, high_hz: float) -> None:
    check_count(bands, "bands")
    check_count(n_fft, "n_fft", 2)
    check_sample_rate(sample_rate)
    check_number(low_hz, "low_hz")
    check_number(high_hz, "high_hz")
    if not 0 <= low_hz < high_hz <= sample_rate / 2:
        raise ValueError(
            f"low_hz and high_hz are {low_hz} and {high_hz}; expected 0 <= low_hz < high_hz <= "
            f"{sample_rate / 2} (half the sample rate)"
        )

"""Style features of a stereo mix and the audio-feature loss between two mixes.

Every feature is a smooth statistic of one stereo signal `(2, time)`: level, crest factor, width,
left against right, and the long-term spectrum of mid and side on the Bark scale. The loss is the
weighted sum of mean squared differences (Diff-MST, section 3.3). Batches are `jax.vmap`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffmst_jax.setting_limits import NotNegative
from dsp.checks import check_number
from dsp.numerics import matmul
from dsp.spectral import bark_filterbank, magnitude, stft

BARK_BANDS = 24
BARK_LOW_HZ = 20.0
BARK_HIGH_HZ = 20000.0
BARK_N_FFT = 32768
BARK_HOP = 8192
BARK_FLOOR = 1e-8  # added to a band before its logarithm
POWER_FLOOR = 1e-12  # mean square below which a signal counts as silence: -120 dB
AMPLITUDE_FLOOR = 1e-6  # the same as an amplitude
# Side over mid, 130 dB: anti-phase signals are 2e12 at full scale. Squared and differentiated, it
# still fits float32 beside a mid at the floor.
WIDEST = 1e13
NARROWEST = 1e-3  # side over mid, -30 dB: what is narrower sounds mono


class StyleFeatures(NamedTuple):
    """What the audio-feature loss compares, of one stereo signal.

    Attributes:
        rms: root mean square of each channel, `(2,)`.
        crest_factor_db: peak over RMS of each channel in dB, `(2,)`; 0 at silence.
        stereo_width: energy of left minus right over energy of left plus right, scalar; 0 is mono,
            and what is far beyond full scale in anti-phase counts as 1e13.
        stereo_imbalance: (right - left) / (right + left) of the energies, scalar in [-1, 1].
        bark_spectrum: natural log of the mean magnitude in each Bark band, `(24, 2)`; column 0 is
            left plus right, column 1 is left minus right.
    """

    rms: Array
    crest_factor_db: Array
    stereo_width: Array
    stereo_imbalance: Array
    bark_spectrum: Array


@dataclass(frozen=True)
class AudioFeatureWeights:
    """Weight of each term of the audio-feature loss; the defaults are the paper's."""

    rms: NotNegative = 0.1
    crest_factor: NotNegative = 0.001
    stereo_width: NotNegative = 1.0
    stereo_imbalance: NotNegative = 1.0
    bark_spectrum: NotNegative = 0.1


class AudioFeatureLoss(NamedTuple):
    """The audio-feature loss and its weighted terms, scalars; `total` is the sum of the others."""

    total: Array
    rms: Array
    crest_factor: Array
    stereo_width: Array
    stereo_imbalance: Array
    bark_spectrum: Array


def style_features(mix: Array, *, sample_rate: int, bark_hop: int = BARK_HOP) -> StyleFeatures:
    """Measure the production style of one stereo signal.

    Silence, mono and anti-phase signals give finite values and finite gradients: powers are limited
    from below at -120 dB, where the gradient of the limited quantity is zero.

    Args:
        mix: stereo audio, `(2, time)`.
        sample_rate: samples per second of `mix`.
        bark_hop: samples from one spectrum to the next, see `bark_spectrum`.

    Returns:
        The features; see `StyleFeatures`.

    Raises:
        ValueError: `mix` is not `(2, time)` with at least one sample, or `sample_rate` is below
            40000: the Bark bands reach to 20 kHz.
    """
    _check_stereo(mix, "mix")
    mid_side = jnp.stack([mix[0] + mix[1], mix[0] - mix[1]])
    power = jnp.mean(jnp.square(mix), axis=-1)
    mid_power, side_power = jnp.mean(jnp.square(mid_side), axis=-1)
    rms = jnp.sqrt(jnp.maximum(power, POWER_FLOOR))
    return StyleFeatures(
        rms=rms,
        crest_factor_db=crest_factor_db(mix),
        stereo_width=jnp.minimum(side_power / jnp.maximum(mid_power, POWER_FLOOR), WIDEST),
        stereo_imbalance=(power[1] - power[0]) / jnp.maximum(power[0] + power[1], POWER_FLOOR),
        bark_spectrum=bark_spectrum(mid_side, sample_rate=sample_rate, hop=bark_hop).T,
    )


def _check_stereo(x: Array, name: str) -> None:
    if x.ndim != 2 or x.shape[0] != 2 or x.shape[1] == 0:
        raise ValueError(f"{name} has shape {x.shape}; expected (2, time), at least one sample")


def bark_spectrum(x: Array, *, sample_rate: int, hop: int = BARK_HOP) -> Array:
    """Log of the mean magnitude spectrum in 24 Bark bands.

    Args:
        x: audio, `(channels, time)`; what is shorter than half the analysis window (16385 samples)
            is padded with silence to that length.
        sample_rate: samples per second of `x`.
        hop: samples from one spectrum to the next. The default is that of the loss; half the window
            (16384), as long as it is also that of what is compared, takes half the time.

    Returns:
        Natural log of band magnitude, `(channels, 24)`; at silence it is log(1e-8).

    Raises:
        ValueError: `sample_rate` is below 40000.
    """
    check_number(sample_rate, "sample_rate", 2 * BARK_HIGH_HZ)
    missing = max(0, BARK_N_FFT // 2 + 1 - x.shape[-1])
    padded = jnp.pad(x, ((0, 0), (0, missing)))
    spectrum = magnitude(stft(padded, n_fft=BARK_N_FFT, hop=hop))
    bank = bark_filterbank(
        bands=BARK_BANDS,
        n_fft=BARK_N_FFT,
        sample_rate=sample_rate,
        low_hz=BARK_LOW_HZ,
        high_hz=BARK_HIGH_HZ,
    )
    return jnp.log(matmul(jnp.mean(spectrum, axis=-1), bank.astype(x.dtype)) + BARK_FLOOR)


def style_distance(
    predicted: StyleFeatures,
    reference: StyleFeatures,
    weights: AudioFeatureWeights = AudioFeatureWeights(),
) -> AudioFeatureLoss:
    """Weighted mean squared difference of two sets of style features, term by term."""
    terms = (
        weights.rms * mean_squared(predicted.rms, reference.rms),
        weights.crest_factor * mean_squared(predicted.crest_factor_db, reference.crest_factor_db),
        weights.stereo_width * mean_squared(predicted.stereo_width, reference.stereo_width),
        weights.stereo_imbalance
        * mean_squared(predicted.stereo_imbalance, reference.stereo_imbalance),
        weights.bark_spectrum * mean_squared(predicted.bark_spectrum, reference.bark_spectrum),
    )
    total = terms[0] + terms[1] + terms[2] + terms[3] + terms[4]
    return AudioFeatureLoss(total, *terms)


def audio_feature_loss(
    predicted: Array,
    reference: Array,
    weights: AudioFeatureWeights = AudioFeatureWeights(),
    *,
    sample_rate: int,
) -> AudioFeatureLoss:
    """Distance in style between two stereo signals.

    Args:
        predicted: stereo audio, `(2, time)`.
        reference: stereo audio, `(2, other time)`; the lengths may differ.
        weights: weight of each term.
        sample_rate: samples per second of both.

    Returns:
        The total and each weighted term; 0, with gradient 0, for identical signals.

    Raises:
        ValueError: as `style_features`.
    """
    _check_stereo(predicted, "predicted")
    _check_stereo(reference, "reference")
    return style_distance(
        style_features(predicted, sample_rate=sample_rate),
        style_features(reference, sample_rate=sample_rate),
        weights,
    )


def joined_features(parts: Sequence[StyleFeatures], lengths: Sequence[int]) -> StyleFeatures:
    """Features of signals put one after the other, from those of each.

    As `style_features` of all at once, but for frames of the spectrum that cross a joint.

    Args:
        parts: features of each.
        lengths: samples of each.
    """
    shares = np.asarray(lengths, np.float64) / np.sum(lengths)
    each = jax.tree.map(lambda *values: np.asarray(values, np.float64), *parts)
    powers = np.square(each.rms)
    power = shares @ powers
    peak_db = np.max(20.0 * np.log10(each.rms) + each.crest_factor_db, axis=0)
    # Mid and side are sum and difference, so together they have twice the energy of both channels.
    mid_powers = 2.0 * np.sum(powers, axis=1) / (1.0 + each.stereo_width)
    side_power = shares @ (mid_powers * each.stereo_width)
    joined = (
        np.sqrt(power),
        peak_db - 10.0 * np.log10(power),
        side_power / (shares @ mid_powers),
        (power[1] - power[0]) / np.sum(power),
        np.log(np.tensordot(shares, np.exp(each.bark_spectrum), 1)),
    )
    return StyleFeatures(*(jnp.asarray(value, jnp.float32) for value in joined))


def no_narrower(features: StyleFeatures) -> StyleFeatures:
    """Features that a mix can come near to: what sounds mono counts as `NARROWEST`.

    The side of a mono mix has no spectrum. Its logarithm is that of a floor, and a mix with any
    stereo recording in it comes nearer to that only by giving up its middle. So a mix that is
    narrower is described as if it had as much of its middle in its side as that takes; others are
    left as they are.

    Args:
        features: of any mix; leading axes are a batch.
    """
    mid, side = features.bark_spectrum[..., 0], features.bark_spectrum[..., 1]
    missing = jnp.maximum(NARROWEST - features.stereo_width, 0.0)[..., None]
    return features._replace(
        stereo_width=jnp.maximum(features.stereo_width, NARROWEST),
        bark_spectrum=jnp.stack(
            [mid, side + 0.5 * jnp.log1p(missing * jnp.exp(2.0 * (mid - side)))], axis=-1
        ),
    )


def mean_squared(a: Array, b: Array) -> Array:
    """Mean of the squared difference of two arrays of one shape."""
    return jnp.mean(jnp.square(a - b))


def crest_factor_db(x: Array) -> Array:
    """Peak over root mean square in dB, of each channel of `(channels, time)`; 0 at silence."""
    rms = jnp.sqrt(jnp.maximum(jnp.mean(jnp.square(x), axis=-1), POWER_FLOOR))
    peak = jnp.max(jnp.abs(x), axis=-1)
    return 20.0 * jnp.log10(jnp.maximum(peak, AMPLITUDE_FLOOR) / rms)

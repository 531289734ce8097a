"""Losses: pure functions on one example, elementwise then reduced; `jax.vmap` makes batches.

- audio features: `style_features`, `joined_features`, `no_narrower`, `style_distance`,
  `audio_feature_loss`
- spectrograms: `multi_resolution_stft_loss`, `sum_difference_stft_loss`
- controls: `parameter_loss`
- tracks in a mix: `audibility` of their `band_excitation`
- around any of them: `normalize_loudness`
"""

from diffmst_jax.losses.audibility import audibility, band_excitation, playing
from diffmst_jax.losses.audio_features import (
    NARROWEST,
    AudioFeatureLoss,
    AudioFeatureWeights,
    StyleFeatures,
    audio_feature_loss,
    joined_features,
    no_narrower,
    style_distance,
    style_features,
)
from diffmst_jax.losses.loudness import loudness_gain_db, normalize_loudness
from diffmst_jax.losses.parameters import ParameterLoss, parameter_loss
from diffmst_jax.losses.spectrogram import (
    MultiResolutionStft,
    StftResolution,
    multi_resolution_stft_loss,
    sum_difference_stft_loss,
)

__all__ = [
    "NARROWEST",
    "AudioFeatureLoss",
    "AudioFeatureWeights",
    "MultiResolutionStft",
    "ParameterLoss",
    "StftResolution",
    "StyleFeatures",
    "audibility",
    "audio_feature_loss",
    "band_excitation",
    "joined_features",
    "loudness_gain_db",
    "multi_resolution_stft_loss",
    "no_narrower",
    "normalize_loudness",
    "parameter_loss",
    "playing",
    "style_distance",
    "style_features",
    "sum_difference_stft_loss",
]

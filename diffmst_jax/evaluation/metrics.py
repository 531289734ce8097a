"""How a mix is judged against a reference."""

import math
from functools import partial

import jax
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import audio_feature_loss
from diffmst_jax.mixing.measure import decibels, factor, integrated_loudness, true_peak

TOTAL = "audio_features"
TERMS = ("rms", "crest_factor", "stereo_width", "stereo_imbalance", "bark_spectrum")
METRICS = (TOTAL, *TERMS, "loudness_lufs", "true_peak_dbtp")

_loss = jax.jit(partial(audio_feature_loss, sample_rate=SAMPLE_RATE))


def leveled(audio: np.ndarray, lufs: float) -> np.ndarray:
    """Bring (2, time) audio to a loudness by a gain; silence stays."""
    loudness = integrated_loudness(audio, sample_rate=SAMPLE_RATE)
    gain_db = lufs - loudness if math.isfinite(loudness) else 0.0
    return np.asarray(audio * np.float32(factor(gain_db)), np.float32)


def judge(
    mix: np.ndarray, reference: np.ndarray, *, mix_lufs: float, reference_lufs: float
) -> dict[str, float]:
    """Score a mix.

    Args:
      mix: (2, time), at any level.
      reference: (2, time), at any level.
      mix_lufs: loudness at which the mix is judged.
      reference_lufs: loudness of the reference it is judged against.

    Returns:
      By name, see `METRICS`: the audio-feature loss, its weighted terms, the loudness that the mix
      had before it was brought to `mix_lufs`, and its true peak after.
    """
    judged = leveled(mix, mix_lufs)
    loss = _loss(judged, leveled(reference, reference_lufs))
    scores = {name: float(getattr(loss, name)) for name in TERMS}
    return {
        TOTAL: float(loss.total),
        **scores,
        "loudness_lufs": integrated_loudness(mix, sample_rate=SAMPLE_RATE),
        "true_peak_dbtp": decibels(true_peak(judged)),
    }

"""How a mix is judged against a reference: pure JAX on one mix, `jax.vmap` makes batches.

`measure` takes a signal in, `compare` two measured signals, `judge` both at once for NumPy audio.
`CATALOGUE` says of each metric what it is, in which unit, and which way is better.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.controls import Controls
from diffmst_jax.losses import (
    AudioFeatureWeights,
    StyleFeatures,
    audibility,
    band_excitation,
    multi_resolution_stft_loss,
    normalize_loudness,
    parameter_loss,
    playing,
    style_distance,
    style_features,
)
from diffmst_jax.losses.audio_features import BARK_BANDS, POWER_FLOOR
from dsp.loudness import SHORT_TERM_S

TOTAL = "audio_features"
TERMS = ("rms", "crest_factor", "stereo_width", "stereo_imbalance", "bark_spectrum")
UNWEIGHTED = AudioFeatureWeights(1.0, 1.0, 1.0, 1.0, 1.0)
BANDS = tuple(f"bark_db_{band + 1:02d}" for band in range(BARK_BANDS))
DB_PER_NEPER = 20.0 / float(np.log(10.0))
MEAN_AUDIBILITY, LEAST_AUDIBILITY = "audibility_mean", "audibility_least"
TRACK_AUDIBILITY = "audibility: "
"""Prefix of the metric that says how well one track is heard; its name follows."""


class Metric(NamedTuple):
    """What a metric is.

    Attributes:
      label: what people call it.
      unit: of the value; empty for a ratio or a distance.
      better: which way is better, or "" where there is no better.
      meaning: a sentence that the report shows where its label is pointed at.
    """

    label: str
    unit: str
    better: Literal["lower", "higher", ""]
    meaning: str


_TERM_NAMES = {
    "rms": ("RMS", "level of left and right"),
    "crest_factor": ("Crest factor", "peak over RMS of left and right, in dB"),
    "stereo_width": ("Stereo width", "energy of side against mid"),
    "stereo_imbalance": ("Stereo imbalance", "energy right against left"),
    "bark_spectrum": ("Bark spectrum", "log spectrum of mid and side in 24 Bark bands"),
}

PAPER = (TOTAL, *TERMS)
"""What the tables of the Diff-MST paper hold."""

CATALOGUE: dict[str, Metric] = {
    TOTAL: Metric("AF loss", "", "lower", "Audio-feature loss, the weighted sum of its terms."),
    **{
        term: Metric(label, "", "lower", f"Weighted squared difference: {what}.")
        for term, (label, what) in _TERM_NAMES.items()
    },
    **{
        f"{term}_raw": Metric(f"{label}, raw", "", "lower", f"Squared difference: {what}.")
        for term, (label, what) in _TERM_NAMES.items()
    },
    "bark_mid_db": Metric("Tone, mid", "dB", "lower", "Mean distance per Bark band, mid."),
    "bark_side_db": Metric("Tone, side", "dB", "lower", "Mean distance per Bark band, side."),
    **{
        name: Metric(f"Bark band {i + 1}", "dB", "lower", "Distance in one band, mid and side.")
        for i, name in enumerate(BANDS)
    },
    "loudness_lufs": Metric("Loudness", "LUFS", "", "Integrated loudness before levelling."),
    "loudness_range_lu": Metric("Loudness range", "LU", "", "EBU Tech 3342."),
    "loudness_range_error_lu": Metric(
        "Loudness range error", "LU", "lower", "Distance of loudness ranges, mix and reference."
    ),
    "true_peak_dbtp": Metric("True peak", "dBTP", "", "At the loudness it is judged at."),
    "stereo_correlation": Metric("Correlation", "", "", "Of left and right; 1 is mono."),
    "stereo_correlation_error": Metric(
        "Correlation error", "", "lower", "Distance of correlations, mix and reference."
    ),
    MEAN_AUDIBILITY: Metric(
        "Audibility, mean", "", "higher", "Share of their loudness that tracks keep."
    ),
    LEAST_AUDIBILITY: Metric(
        "Audibility, least", "", "higher", "The same of the track heard least."
    ),
    "mrstft": Metric("MRSTFT", "", "lower", "Multi-resolution STFT loss against the true mix."),
    "controls_rmse": Metric("Controls error", "", "lower", "RMS distance to the true controls."),
    "controls_rmse_track": Metric("Controls error, tracks", "", "lower", "The tracks' alone."),
    "controls_rmse_master": Metric("Controls error, master", "", "lower", "The master bus's."),
}


class Measured(NamedTuple):
    """One signal, measured at the loudness it is judged at; see `measure`.

    Attributes:
      features: what the audio-feature loss compares.
      loudness_lufs: integrated loudness before it was brought to its level; -70 for silence.
      loudness_range_lu: EBU Tech 3342; 0 for signals under 3 s.
      true_peak_dbtp: after it was brought to its level.
      stereo_correlation: of left and right, -1 to 1; 0 where a channel is silent.
    """

    features: StyleFeatures
    loudness_lufs: Array
    loudness_range_lu: Array
    true_peak_dbtp: Array
    stereo_correlation: Array


def measure(audio: Array, lufs: float) -> Measured:
    """Bring (2, time) audio to a loudness and measure it; silence stays silence."""
    level = normalize_loudness(audio, lufs, sample_rate=SAMPLE_RATE)
    long_enough = audio.shape[-1] >= SHORT_TERM_S * SAMPLE_RATE
    return Measured(
        features=style_features(level, sample_rate=SAMPLE_RATE),
        loudness_lufs=dsp.integrated_loudness(audio, sample_rate=SAMPLE_RATE),
        loudness_range_lu=dsp.loudness_range(level, sample_rate=SAMPLE_RATE)
        if long_enough
        else jnp.zeros(()),
        true_peak_dbtp=dsp.true_peak(level, sample_rate=SAMPLE_RATE),
        stereo_correlation=stereo_correlation(level),
    )


def stereo_correlation(audio: Array) -> Array:
    """Pearson's correlation of left and right of (2, time); 0 where a channel is silent."""
    centred = audio - jnp.mean(audio, axis=-1, keepdims=True)
    power = jnp.mean(jnp.square(centred), axis=-1)
    product = jnp.mean(centred[0] * centred[1])
    heard = jnp.min(power) > POWER_FLOOR
    return jnp.where(heard, product / jnp.sqrt(jnp.where(heard, power[0] * power[1], 1.0)), 0.0)


def compare(mix: Measured, reference: Measured) -> dict[str, Array]:
    """Scores of a measured mix against a measured reference, by name, see `CATALOGUE`."""
    weighted = style_distance(mix.features, reference.features)
    raw = style_distance(mix.features, reference.features, UNWEIGHTED)
    apart = jnp.abs(mix.features.bark_spectrum - reference.features.bark_spectrum) * DB_PER_NEPER
    middle, side = jnp.mean(apart, axis=0)
    bands = jnp.mean(apart, axis=1)
    return {
        TOTAL: weighted.total,
        **{term: getattr(weighted, term) for term in TERMS},
        **{f"{term}_raw": getattr(raw, term) for term in TERMS},
        "bark_mid_db": middle,
        "bark_side_db": side,
        **{name: bands[i] for i, name in enumerate(BANDS)},
        "loudness_lufs": mix.loudness_lufs,
        "loudness_range_lu": mix.loudness_range_lu,
        "loudness_range_error_lu": jnp.abs(mix.loudness_range_lu - reference.loudness_range_lu),
        "true_peak_dbtp": mix.true_peak_dbtp,
        "stereo_correlation": mix.stereo_correlation,
        "stereo_correlation_error": jnp.abs(mix.stereo_correlation - reference.stereo_correlation),
    }


def spectral_truth(mix: Array, truth: Array, lufs: float) -> dict[str, Array]:
    """Distance of a (2, time) mix from the mix it should have been, both at one loudness."""
    mix, truth = (normalize_loudness(x, lufs, sample_rate=SAMPLE_RATE) for x in (mix, truth))
    return {"mrstft": multi_resolution_stft_loss(mix, truth)}


def controls_error(predicted: Controls, truth: Controls) -> dict[str, float]:
    """RMS distance of controls in [0, 1] to the ones that made the reference.

    All controls count alike; those of the effects bus are left out, which no console need have.
    """
    mask = jnp.ones(len(predicted.track), bool)
    loss = parameter_loss(predicted, truth, mask)
    counts = np.array([np.size(predicted.track), np.size(predicted.master)])
    track, master = float(loss.track), float(loss.master)
    both = float(counts @ np.array([track, master]) / counts.sum())
    return {
        "controls_rmse": both**0.5,
        "controls_rmse_track": track**0.5,
        "controls_rmse_master": master**0.5,
    }


def strip_audibility(tracks: Array, recorded: Array, strip_of_track: Array, strips: int) -> Array:
    """How well each strip is heard.

    Args:
      tracks: what each console track adds to the mix, (tracks, 2, time).
      recorded: what it is made from, (tracks, time); a track that a mix turns off is not heard,
        one that does not play there is not missed.
      strip_of_track: strip that each belongs to, (tracks,); padding may belong to any.
      strips: how many strips there are.

    Returns:
      (strips,), see `diffmst_jax.losses.audibility`; 1 for strips without sound.
    """
    summed = jax.ops.segment_sum(tracks, strip_of_track, num_segments=strips)
    powers = jnp.mean(jnp.square(recorded), axis=1)
    plays = playing(jax.ops.segment_sum(powers, strip_of_track, num_segments=strips))
    return audibility(band_excitation(summed, sample_rate=SAMPLE_RATE), plays)


def audibility_scores(heard: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """Audibility of every track by its name, their mean, and the least."""
    return {
        MEAN_AUDIBILITY: float(np.mean(heard)),
        LEAST_AUDIBILITY: float(np.min(heard)),
        **{TRACK_AUDIBILITY + name: float(value) for name, value in zip(names, heard, strict=True)},
    }


def judge(
    mix: np.ndarray, reference: np.ndarray, *, mix_lufs: float, reference_lufs: float
) -> dict[str, float]:
    """Score one mix of any level against a reference of any level, both (2, any time).

    Args:
      mix: what is judged.
      reference: what it should be like.
      mix_lufs: loudness at which the mix is judged.
      reference_lufs: loudness of the reference it is judged against.

    Returns:
      By name, see `compare`.
    """
    scores = _compare(measured(mix, mix_lufs), measured(reference, reference_lufs))
    return {name: float(value) for name, value in scores.items()}


def measured(audio: np.ndarray, lufs: float) -> Measured:
    """`measure` compiled, for one signal."""
    return jax.device_get(_measure(np.asarray(audio, np.float32), float(lufs)))


_measure = jax.jit(measure)
_compare = jax.jit(compare)

"""From tracks and a reference to settings: what the model says, per strip, in physical units."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.controls import Controls, logistic_mean
from diffmst_jax.losses import StyleFeatures
from diffmst_jax.mixing.console.settings import DECIMALS, MixSettings, Provenance, rounded
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.sources.reference import Reference, blended
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.models import TRACK_LUFS, Model
from diffmst_jax.models.given import sounds_mono
from dsp.stereo import CENTRE


def predicted_settings(
    model: Model,
    multitrack: Multitrack,
    reference: np.ndarray | Sequence[Reference],
    *,
    target: OutputTarget,
    provenance: Provenance,
    centring: np.ndarray | None = None,
) -> MixSettings:
    """Ask the model for a mix of these tracks in the style of the reference.

    The model hears every channel as a track of its own and is told which are pairs. The channels
    of a pair share the mean of their settings and their level, and are panned as a pair, so that
    the recording keeps its image.

    Args:
        model: what predicts.
        multitrack: the tracks, whole.
        reference: `(2, time)`, whole; or several, whose styles are averaged by their weights, or
            the answers to each of a model that aims at no style.
        target: loudness and ceiling to note in the settings.
        provenance: origin to note in the settings.
        centring: what it costs each strip to leave the middle, `(strips,)`, as for
            `Model.controls`; the middle of stereo ones is as they are recorded. Beside a mono
            reference no mono one leaves it.
    """
    centring = np.zeros(len(multitrack.strips)) if centring is None else centring
    controls = _controls(model, multitrack, reference, centring)
    track = mean_per_strip(np.asarray(controls.track), multitrack)
    params = _console_params(track, controls.fx_bus, controls.master)
    # Whether the model knows how to or not; one that knows no prices cannot be asked for less.
    centred = np.isinf(centring) if model.aims_at_style else centring > 0
    if _is_mono(reference):
        centred = centred | ~np.array([strip.is_pair for strip in multitrack.strips])
    pan = np.where(centred, CENTRE, params.tracks.pan)
    params = params._replace(tracks=params.tracks._replace(pan=pan))
    return MixSettings(
        strips=multitrack.strips,
        muted=np.zeros(len(multitrack.strips), bool),
        source_gain_db=np.round(TRACK_LUFS - multitrack.loudness_lufs, DECIMALS),
        params=rounded(params),
        config=model.console,
        target=target,
        provenance=provenance,
        left_out=multitrack.left_out,
    )


def _is_mono(reference: np.ndarray | Sequence[Reference]) -> bool:
    """Whether a reference, or each of several, has one place for everything."""
    if isinstance(reference, np.ndarray):
        return sounds_mono(reference)
    return all(item.is_mono for item in reference)


def _controls(
    model: Model,
    multitrack: Multitrack,
    reference: np.ndarray | Sequence[Reference],
    centring: np.ndarray,
) -> Controls:
    """Controls of every console track.

    A mix is compared with the mean style of several references, so a model aims at that if it can.
    The mean of answers is no such mix: a track that one answer has at the left and another at the
    right goes where the more extreme one wants it, and nothing makes up for that.
    """

    def answer(audio: np.ndarray, style: StyleFeatures | None = None) -> Controls:
        return model.controls(
            multitrack.audio,
            audio,
            sample_rate=SAMPLE_RATE,
            side=multitrack.side_of_track,
            loudness_lufs=multitrack.loudness_lufs[multitrack.strip_of_track],
            centring=centring[multitrack.strip_of_track],
            style=style,
        )

    if isinstance(reference, np.ndarray):
        return answer(reference)
    if len(reference) == 1:
        return answer(reference[0].audio)
    if model.aims_at_style:
        each = [replace(item, features=model.style(item.audio)) for item in reference]
        heaviest = max(reference, key=lambda item: item.weight)
        return answer(heaviest.audio, blended(each))
    answers = [answer(item.audio) for item in reference]
    weights = [item.weight for item in reference]
    return Controls(*(logistic_mean(part, weights) for part in zip(*answers, strict=True)))


_console_params = jax.jit(partial(dsp.console_params, sample_rate=SAMPLE_RATE))


def mean_per_strip(controls: np.ndarray, multitrack: Multitrack) -> np.ndarray:
    """Average control vectors `(console tracks, controls)` over the channels of each strip."""
    counts = np.bincount(multitrack.strip_of_track)
    return (multitrack.sum_per_strip(controls) / counts[:, np.newaxis]).astype(np.float32)


def neutral_settings(multitrack: Multitrack, *, target: OutputTarget) -> MixSettings:
    """Settings that sum the tracks equally loud and leave them as they are."""
    params = dsp.neutral_console(len(multitrack.strips), sample_rate=SAMPLE_RATE)
    return MixSettings(
        strips=multitrack.strips,
        muted=np.zeros(len(multitrack.strips), bool),
        source_gain_db=np.round(TRACK_LUFS - multitrack.loudness_lufs, DECIMALS),
        params=rounded(jax.tree.map(np.asarray, params)),
        config=dsp.ConsoleConfig(),
        target=target,
        left_out=multitrack.left_out,
    )

"""Closer still: gradient descent on the settings of a mix, from the prediction, for one song.

Medleys of short pieces from all over the song are mixed in turn and compared with the reference's
average over its sections, step by step (Adam). Two stretches of the song are held back. As much of
the way is gone as makes it no worse on the first, nor the song as a whole; the second, on which
nothing depends, says what that is worth. What lasts only seconds is heard whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

import dsp
from diffmst_jax.losses import AudioFeatureLoss, StyleFeatures, style_distance
from diffmst_jax.mixing.compare import song_style
from diffmst_jax.mixing.compiling import loop_jit
from diffmst_jax.mixing.console_stream import latency_samples
from diffmst_jax.mixing.passages import (
    STRETCH,
    Medley,
    Passages,
    choose_passages,
    cut,
    pieces_from,
)
from diffmst_jax.mixing.refine_objective import Judgement, Problem, moved, objective
from diffmst_jax.mixing.render import render, source_gains
from diffmst_jax.mixing.settings import MixSettings, RefinementNote, rounded
from diffmst_jax.mixing.tracks import Multitrack, pair_sides
from diffmst_jax.models.controls import Controls
from diffmst_jax.models.given import padded_count

STEP_SIZE = 0.6
"""Largest step in units of `head_scales`, 3.6 dB of a fader; falls to 0 along a half cosine."""

WARMING = 20
"""Steps until they are that large. Adam's first ones go equally far in all directions, past where
most should end, and the slopes out there weigh on its memory for long: 12 s of two development
songs came to 0.0041 and 0.0028 with ten steps of warming, without to 0.0067 and 0.0037. Twenty
steps up to three times the size: three hard ones came to 0.0145 on average, and with two and four
and a half times the size to 0.0164 and 0.0175."""

SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""How much of the way to the best step is kept: the first of these that makes nothing worse."""

NOTE_DECIMALS = 6

TellStep = Callable[[int, float], None]
"""Told how many steps are done and the style distance on what is seen, over all medleys."""


class BeforeAfter(NamedTuple):
    """Style distance before and after."""

    before: AudioFeatureLoss
    after: AudioFeatureLoss


@dataclass(frozen=True)
class Refinement:
    """What refining did.

    Attributes:
        settings: the refined mix.
        steps: how many steps were taken.
        share: how much of the way to the best step is kept, one of `SHARES`.
        distances: style distance at each step, the mean over the latest of every medley.
        seen: on the medleys that were listened to, taken together.
        checked: on the stretch that `share` was chosen by; None in a song that was heard whole.
        unseen: on a stretch on which nothing depended; None likewise.
    """

    settings: MixSettings
    steps: int
    share: float
    distances: tuple[float, ...]
    seen: BeforeAfter
    checked: BeforeAfter | None
    unseen: BeforeAfter | None


def refine(
    settings: MixSettings,
    multitrack: Multitrack,
    target: StyleFeatures,
    *,
    steps: int,
    whole: StyleFeatures | None = None,
    free: dsp.ConsoleParams | None = None,
    finish: Callable[[MixSettings], MixSettings] | None = None,
    progress: TellStep | None = None,
) -> Refinement:
    """Move the settings of a mix towards a reference.

    The best step on the medleys, prior included, is kept as far as neither the first held-back
    stretch nor the song without the second comes further from the reference. Pieces start from
    silence, so the few milliseconds in which filters and compressors settle are faded.

    Args:
        settings: where to start.
        multitrack: the tracks.
        target: style features of the reference, `blended` for as much as is heard together.
        steps: how many to take.
        whole: style features of the reference as a whole, for a song that is heard in medleys;
            without it the stretch alone decides.
        free: which settings may move, bool in the tree of `settings.params`; all by default.
        finish: what will be done to the settings afterwards, to be part of what is judged before
            and after; it may change `params` alone.
        progress: called before each step.

    Raises:
        ValueError: `steps` is negative.
    """
    if steps < 0:
        raise ValueError(f"steps is {steps}; expected at least 0")
    count = padded_count(len(multitrack.audio))
    problem = _problem(settings, multitrack, target, free, count)
    passages = choose_passages(multitrack.audio, source_gains(settings))
    seen = [_cut(settings, multitrack, starts, count) for starts in passages.seen]
    still = Controls(*(jnp.zeros(shape) for shape in _shapes(count)))
    best, path = _descend(still, problem, seen, settings.config, steps, progress)

    def reached(share: float) -> MixSettings:
        params = _of_strips(_moved(_part(best.steps, share), problem), len(multitrack.strips))
        on_the_way = replace(settings, params=rounded(params))
        return on_the_way if finish is None else finish(on_the_way)

    def judged(share: float, medleys: Sequence[Medley]) -> AudioFeatureLoss:
        start = _padded(reached(share).params, count)
        return _judge(still, medleys, problem._replace(start=start), settings.config)

    def held_back(start: int | None) -> list[Medley]:
        starts = () if start is None else (pieces_from(start),)
        return [_cut(settings, multitrack, pieces, count) for pieces in starts]

    checked, unseen = held_back(passages.checked), held_back(passages.unseen)
    # What was judged to decide is what is said.
    on_checked = cache(partial(judged, medleys=checked))
    judges = [lambda share: float(on_checked(share).total)] if checked else []
    if checked and whole is not None:
        judges.append(lambda share: _song_distance(reached(share), multitrack, passages, whole))
    share = _kept_share(judges)

    def pair(judge: Callable[[float], AudioFeatureLoss]) -> BeforeAfter:
        return BeforeAfter(judge(SHARES[-1]), judge(share))

    return Refinement(
        settings=reached(share),
        steps=len(path) - 1,
        share=share,
        distances=tuple(path),
        seen=pair(partial(judged, medleys=seen)),
        checked=pair(on_checked) if checked else None,
        unseen=pair(partial(judged, medleys=unseen)) if unseen else None,
    )


def _kept_share(judges: Sequence[Callable[[float], float]]) -> float:
    """Find how much of the way can be kept without coming further from the reference anywhere."""
    before = [judge(SHARES[-1]) for judge in judges]

    def is_no_worse(share: float) -> bool:
        return all(judge(share) <= least for judge, least in zip(judges, before, strict=True))

    return next((share for share in SHARES[:-1] if is_no_worse(share)), SHARES[-1])


def _song_distance(
    settings: MixSettings, multitrack: Multitrack, passages: Passages, whole: StyleFeatures
) -> float:
    """Style distance of the song, but for the stretch on which nothing is to depend."""
    assert passages.unseen is not None
    unseen = np.s_[passages.unseen : passages.unseen + STRETCH]
    heard = np.delete(render(settings, multitrack).mix, unseen, axis=1)
    return float(_style_distance(song_style(heard), whole).total)


def _part(steps: Controls, share: float) -> Controls:
    return jax.tree.map(lambda leaf: np.float32(share) * leaf, steps)


def refinement_note(refinement: Refinement) -> RefinementNote:
    """Say in numbers what refining did, for the console file."""
    pairs = (refinement.seen, refinement.checked, refinement.unseen)
    numbers = [
        None if distance is None else _rounded(distance)
        for pair in pairs
        for distance in (pair or (None, None))
    ]
    return RefinementNote(refinement.steps, *numbers)  # type: ignore[arg-type]


def _rounded(distance: AudioFeatureLoss) -> float:
    return round(float(distance.total), NOTE_DECIMALS)


class _Best(NamedTuple):
    value: float
    steps: Controls


def _descend(
    place: Controls,
    problem: Problem,
    medleys: Sequence[Medley],
    config: dsp.ConsoleConfig,
    steps: int,
    progress: TellStep | None,
) -> tuple[_Best, list[float]]:
    """Adam with a falling step size, a medley per step in turn.

    All steps are taken: while they are large they may lead away, and the small ones come nearest.

    Returns:
        The best place, as the latest judgement of every medley says, and the distances.
    """
    state = _ADAM.init(place)
    best = _Best(np.inf, place)
    values: list[float] = []
    heard: list[float] = []
    path: list[float] = []
    for number in range(steps + 1):
        warm = min(1.0, (number + 1) / WARMING)
        rate = np.float32(STEP_SIZE * warm * (0.5 + 0.5 * np.cos(np.pi * number / max(steps, 1))))
        medley = medleys[number % len(medleys)]
        following, state, value, judgement = _step(place, state, problem, medley, rate, config)
        values.append(float(value))
        heard.append(float(judgement.distance.total))
        path.append(float(np.mean(heard[-len(medleys) :])))
        if progress is not None:
            progress(number, path[-1])
        recent = float(np.mean(values[-len(medleys) :]))
        if len(values) >= min(len(medleys), steps + 1) and recent < best.value:
            best = _Best(recent, place)
        place = following
    return best, path


def _mean(several: Sequence[StyleFeatures]) -> StyleFeatures:
    return jax.tree.map(
        lambda *values: np.mean(np.asarray(values), axis=0, dtype=np.float32), *several
    )


_ADAM = optax.scale_by_adam()


@partial(loop_jit, static=("config",))
def _step(
    place: Controls,
    state: optax.OptState,
    problem: Problem,
    medley: Medley,
    rate: Array,
    config: dsp.ConsoleConfig,
) -> tuple[Controls, optax.OptState, Array, Judgement]:
    """Judge a place and go on from it. Judging alone uses this too, rather than compile twice."""
    judged = jax.value_and_grad(objective, has_aux=True)(place, problem, medley, config)
    (value, judgement), slope = judged
    direction, state = _ADAM.update(slope, state)
    following = jax.tree.map(lambda here, way: here - rate * way, place, direction)
    return following, state, value, judgement


def _judge(
    place: Controls,
    medleys: Sequence[Medley],
    problem: Problem,
    config: dsp.ConsoleConfig,
) -> AudioFeatureLoss:
    """Style distance of the mean over medleys at a place."""
    rest = _ADAM.init(place)
    features = [
        _step(place, rest, problem, medley, np.float32(0), config)[3].features for medley in medleys
    ]
    return jax.tree.map(float, _style_distance(_mean(features), problem.target))


_style_distance = jax.jit(style_distance)
_moved = loop_jit(moved)


def _shapes(count: int) -> tuple[tuple[int, ...], ...]:
    return (count, dsp.TRACK_CONTROLS), (dsp.FX_BUS_CONTROLS,), (dsp.MASTER_CONTROLS,)


def _cut(
    settings: MixSettings, multitrack: Multitrack, starts: tuple[int, ...], count: int
) -> Medley:
    medley = cut(multitrack.audio, starts, latency=latency_samples(settings.config))
    audio = medley.audio * source_gains(settings)
    missing = count - audio.shape[1]
    return medley._replace(audio=np.pad(audio, ((0, 0), (0, missing), (0, 0))))


def _problem(
    settings: MixSettings,
    multitrack: Multitrack,
    target: StyleFeatures,
    free: dsp.ConsoleParams | None,
    count: int,
) -> Problem:
    """Pad everything to `count` tracks and as many strips."""
    tracks = len(multitrack.audio)
    if free is None:
        free = jax.tree.map(lambda leaf: np.ones(np.shape(leaf), bool), settings.params)

    rest, side = np.full(count - tracks, count - 1), pair_sides(multitrack.strips)
    return Problem(
        start=_padded(settings.params, count),
        free=_padded(free, count, bool),
        strip_of_track=jnp.asarray(np.concatenate([multitrack.strip_of_track, rest]), jnp.int32),
        side_of_track=None if side is None else jnp.pad(side, (0, count - tracks)),
        mask=jnp.arange(count) < tracks,
        target=jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), target),
    )


def _padded(
    params: dsp.ConsoleParams, count: int, dtype: type[np.generic] | type = np.float32
) -> dsp.ConsoleParams:
    """Settings of `count` strips, the last one again and again, and of the buses."""

    def padded(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([leaf, np.repeat(leaf[-1:], count - len(leaf), axis=0)])

    typed = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), params)
    return typed._replace(tracks=jax.tree.map(padded, typed.tracks))


def _of_strips(params: dsp.ConsoleParams, strips: int) -> dsp.ConsoleParams:
    return params._replace(tracks=jax.tree.map(lambda leaf: leaf[:strips], params.tracks))

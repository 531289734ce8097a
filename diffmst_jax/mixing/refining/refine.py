"""Closer still: gradient descent on the settings of a mix, from the prediction, for one song.

Medleys of short pieces from all over the song are mixed in turn, step by step (Adam). A medley
differs from the song that it stands for, in its peaks above all. So it is compared with the style
of the reference and what it differs by, which is measured anew after each part of the way. What is
kept of the way is best for the song as it will be heard, its price included. A stretch of it is
held back from all of that, and says what that is worth. What lasts only seconds is heard whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

import dsp
from diffmst_jax.controls import Controls
from diffmst_jax.losses import AudioFeatureLoss, StyleFeatures, style_distance
from diffmst_jax.mixing.console.settings import MixSettings, RefinementNote, rounded
from diffmst_jax.mixing.refining.objective import Judgement, Problem, moved, objective, problem_of
from diffmst_jax.mixing.refining.passages import Medley, Passages, choose_passages, cut
from diffmst_jax.mixing.rendering.compiling import loop_jit
from diffmst_jax.mixing.rendering.console_stream import latency_samples
from diffmst_jax.mixing.rendering.render import render, source_gains
from diffmst_jax.mixing.sources.style import song_style
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.models.given import padded_count

STEP_SIZE = 0.6
"""Largest step in units of `head_scales`, 3.6 dB of a fader; falls to 0 along a half cosine."""

WARMING = 20
"""Steps until they are that large. Adam's first ones go equally far in all directions, past where
most should end, and the slopes out there weigh on its memory for long: 12 s of two development
songs came to 0.0041 and 0.0028 with ten steps of warming, without to 0.0067 and 0.0037. Twenty
steps up to three times the size: three hard ones came to 0.0145 on average, and with two and four
and a half times the size to 0.0164 and 0.0175."""

ROUNDS = 3
"""How often it is measured what a medley differs from the song by. That changes with the settings:
measured at the start alone, four of eight songs came nearest on part of the way; then, one did."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of the way may be kept: of these what is best by distance and price."""

NOTE_DECIMALS = 6

TellDistance = Callable[[float, float], None]
"""Told how much of the work is done, 0 to 1, and the style distance of the song."""

Deliver = Callable[[np.ndarray], np.ndarray]
"""Makes of a mix, float32 `(2, time)`, what will be heard."""


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
        share: how much of the way is kept, one of `SHARES`.
        distances: style distance of the song at each step, as the latest of every medley say.
        seen: style distance of the song as it will be heard, but for what is held back.
        unseen: the same, had the song changed as the stretch did that is held back; None in a song
            that was heard whole.
    """

    settings: MixSettings
    steps: int
    share: float
    distances: tuple[float, ...]
    seen: BeforeAfter
    unseen: BeforeAfter | None


def refine(
    settings: MixSettings,
    multitrack: Multitrack,
    target: StyleFeatures,
    *,
    steps: int,
    free: dsp.ConsoleParams | None = None,
    finish: Callable[[MixSettings], MixSettings] | None = None,
    deliver: Deliver | None = None,
    progress: TellDistance | None = None,
) -> Refinement:
    """Move the settings of a mix towards a reference.

    As much of the way is kept as is best for the song as it will be heard, but for the stretch that
    is held back: by its distance, and the price of the way and of faint tracks. It comes further
    away only where a faint track is heard more. Pieces start from silence, so the few milliseconds
    in which filters and compressors settle are faded.

    Args:
        settings: where to start.
        multitrack: the tracks.
        target: style features of the reference as a whole.
        steps: how many to take.
        free: which settings may move, bool in the tree of `settings.params`; all by default.
        finish: what will be done to the settings afterwards, to be part of what is judged before
            and after; it may change `params` alone.
        deliver: what will be done to the mix afterwards: likewise.
        progress: called after each step, and before each part of the way is judged.

    Raises:
        ValueError: `steps` is negative.
    """
    if steps < 0:
        raise ValueError(f"steps is {steps}; expected at least 0")

    def tell(number: int, distance: float) -> None:
        if progress is not None:
            progress(number / (steps + len(SHARES)), distance)

    work = _begin(settings, multitrack, target, free)
    reached, path = _descend(work, steps, tell)
    places = [_part(reached, share) for share in SHARES]
    kept = [work.at(place) for place in places]
    if finish is not None:
        kept = [finish(on_the_way) for on_the_way in kept]
    styles, prices = [], []
    for number, (place, on_the_way) in enumerate(zip(places, kept, strict=True)):
        tell(steps + number, path[-1])
        styles.append(work.styles(on_the_way, deliver))
        prices.append(work.price(place, on_the_way))
    start = styles[0]
    aims = [_beside(part, start[0], target) for part in start]
    distances = [list(map(_distance, parts, aims)) for parts in styles]
    costs = [float(song.total) + price for (song, *_), price in zip(distances, prices, strict=True)]
    best = min(range(len(SHARES)), key=costs.__getitem__)
    seen, *unseen = map(BeforeAfter, distances[0], distances[best])
    return Refinement(
        settings=kept[best],
        steps=steps,
        share=SHARES[best],
        distances=tuple(path),
        seen=seen,
        unseen=unseen[0] if unseen else None,
    )


@dataclass(frozen=True)
class _Work:
    """A song while it is refined."""

    settings: MixSettings
    multitrack: Multitrack
    problem: Problem
    passages: Passages
    medleys: list[Medley]

    def at(self, place: Controls) -> MixSettings:
        """Settings after steps."""
        params = _of_strips(_moved(place, self.problem), len(self.multitrack.strips))
        return replace(self.settings, params=rounded(params))

    def styles(self, settings: MixSettings, deliver: Deliver | None = None) -> list[StyleFeatures]:
        """Of the song, but for the stretch that is held back, and of that if there is one."""
        mix = render(settings, self.multitrack).mix
        heard = mix if deliver is None else deliver(mix)
        return [song_style(part) for part in self.passages.parts(heard)]

    def judge(self, place: Controls, problem: Problem) -> list[Judgement]:
        """Judge a place on each medley as `_step` does."""
        state, still, config = _ADAM.init(place), np.float32(0), self.settings.config
        return [_step(place, state, problem, medley, still, config)[2] for medley in self.medleys]

    def price(self, place: Controls, settings: MixSettings) -> float:
        """What a way costs, and faint tracks where it ends, on average over the medleys.

        Args:
            place: the way.
            settings: what will be heard of it; with nothing free, that is what is judged.
        """
        count, target = len(self.problem.mask), self.problem.target
        held = problem_of(settings, self.multitrack, target, None, count)
        held = held._replace(free=jax.tree.map(np.zeros_like, held.free))
        return float(np.mean([judgement.prior for judgement in self.judge(place, held)]))

    def calibrated(self, place: Controls) -> list[Problem]:
        """Aim each medley at the reference and what it differs from the song by."""
        song, target = self.styles(self.at(place))[0], self.problem.target
        heard = [judgement.features for judgement in self.judge(place, self.problem)]
        return [self.problem._replace(target=_beside(part, song, target)) for part in heard]


def _begin(
    settings: MixSettings,
    multitrack: Multitrack,
    target: StyleFeatures,
    free: dsp.ConsoleParams | None,
) -> _Work:
    count = padded_count(len(multitrack.audio))
    passages = choose_passages(multitrack.audio, source_gains(settings))
    problem = problem_of(settings, multitrack, target, free, count)
    medleys = [_cut(settings, multitrack, starts, count) for starts in passages.seen]
    return _Work(settings, multitrack, problem, passages, medleys)


def _beside(part: StyleFeatures, song: StyleFeatures, target: StyleFeatures) -> StyleFeatures:
    """What a part of a song is to measure for the song to measure as the reference does.

    As much as it differs from the song it may go on to differ.

    Args:
        part: what it measures now.
        song: what the song measures now.
        target: what the reference measures.
    """
    return jax.tree.map(lambda p, s, t: np.asarray(p + (t - s), np.float32), part, song, target)


def _part(steps: Controls, share: float) -> Controls:
    return jax.tree.map(lambda leaf: np.float32(share) * leaf, steps)


def refinement_note(refinement: Refinement) -> RefinementNote:
    """Say in numbers what refining did, for the console file."""
    distances = (*refinement.seen, *(refinement.unseen or ()))
    numbers = [round(float(distance.total), NOTE_DECIMALS) for distance in distances]
    return RefinementNote(refinement.steps, *numbers)


def _descend(
    work: _Work, steps: int, tell: Callable[[int, float], None]
) -> tuple[Controls, list[float]]:
    """Adam with a falling step size, a medley per step in turn.

    All steps are taken: while they are large they may lead away, and the small ones come nearest.

    Args:
        work: the song.
        steps: how many to take.
        tell: told how many are done, and the distance there.

    Returns:
        Where they end, and the distance at each.
    """
    medleys, config = work.medleys, work.settings.config
    place = Controls(*map(jnp.zeros, _shapes(len(work.problem.mask))))
    state = _ADAM.init(place)
    heard: list[float] = []
    path: list[float] = []
    rounds = {steps * number // ROUNDS for number in range(ROUNDS)}
    for number in range(steps + 1):
        if number in rounds:
            problems = work.calibrated(place)
        turn, rate = number % len(medleys), _rate(number, steps)
        place, state, judgement = _step(place, state, problems[turn], medleys[turn], rate, config)
        heard.append(float(judgement.distance.total))
        path.append(float(np.mean(heard[-len(medleys) :])))
        tell(number, path[-1])
    return place, path


def _rate(number: int, steps: int) -> np.float32:
    """Size of a step; the last place is only judged."""
    if number == steps:
        return np.float32(0)
    warm = min(1.0, (number + 1) / WARMING)
    return np.float32(STEP_SIZE * warm * (0.5 + 0.5 * np.cos(np.pi * number / steps)))


_ADAM = optax.scale_by_adam()


@partial(loop_jit, static=("config",))
def _step(
    place: Controls,
    state: optax.OptState,
    problem: Problem,
    medley: Medley,
    rate: Array,
    config: dsp.ConsoleConfig,
) -> tuple[Controls, optax.OptState, Judgement]:
    """Judge a place and go on from it. Judging alone uses this too, rather than compile twice."""
    slope, judgement = jax.grad(objective, has_aux=True)(place, problem, medley, config)
    direction, state = _ADAM.update(slope, state)
    following = jax.tree.map(lambda here, way: here - rate * way, place, direction)
    return following, state, judgement


def _distance(features: StyleFeatures, target: StyleFeatures) -> AudioFeatureLoss:
    return jax.tree.map(float, _style_distance(features, target))


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


def _of_strips(params: dsp.ConsoleParams, strips: int) -> dsp.ConsoleParams:
    return params._replace(tracks=jax.tree.map(lambda leaf: leaf[:strips], params.tracks))

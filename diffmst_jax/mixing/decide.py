"""From what a model says to what is rendered: locks, refinement, amounts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import dsp
from diffmst_jax.mixing.console.amount import (
    Amounts,
    apply_amounts,
    free_settings,
    recorded_level_db,
    with_room,
)
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing import output
from diffmst_jax.mixing.refining.refine import Refinement, refine, refinement_note
from diffmst_jax.mixing.sources.finding import Patterns
from diffmst_jax.mixing.sources.reference import Reference, blended
from diffmst_jax.mixing.sources.sounding import sounding_part
from diffmst_jax.mixing.sources.strips import strips_named
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.progress import Tell

REFINED_FROM, REFINED_TO = 0.3, 0.65
"""Where refinement starts and ends in the progress of a whole job."""


class Choices(NamedTuple):
    """What a user asks for besides tracks and references.

    Attributes:
        amounts: how much of each group to apply.
        steps: how many of refinement; 0 for none.
        lock: patterns of tracks to leave as recorded.
        centre: as for `prices_of_leaving`: tracks that stay where they are predicted.
    """

    amounts: Amounts = Amounts()
    steps: int = 0
    lock: Patterns = ()
    centre: Patterns | None = None


class Decided(NamedTuple):
    """Settings to render, and how refinement got there if it was asked for."""

    settings: MixSettings
    refinement: Refinement | None


def decide(
    settings: MixSettings,
    multitrack: Multitrack,
    references: Sequence[Reference],
    choices: Choices,
    tell: Tell,
) -> Decided:
    """Apply locks, refine, and apply amounts.

    Refinement keeps locked tracks, and groups of which nothing is wanted, at neutral, so that the
    rest makes up for them. Amounts in between scale what came out, and what is said of it.

    Args:
        settings: as predicted.
        multitrack: the tracks.
        references: what to refine towards.
        choices: what is asked for.
        tell: told about progress.

    Raises:
        InputError: a pattern of `choices` that matches no track.
    """
    amounts, steps = choices.amounts, choices.steps
    locked = strips_named(settings.strips, choices.lock, option="--lock")
    if steps == 0:
        return Decided(apply_amounts(settings, amounts, locked), None)
    # Now, for what is recorded and what is refined must stand at one level in the end.
    settings = with_room(settings, amounts, locked)
    recorded_db = recorded_level_db(settings)

    def finish(whole: MixSettings) -> MixSettings:
        return apply_amounts(whole, amounts, locked, recorded_db)

    off = Amounts(*(float(amount > 0) for amount in amounts))
    start = apply_amounts(settings, off, locked, recorded_db)
    free = free_settings(start, amounts, locked, settings.centred)
    return refined(start, multitrack, references, steps, tell, free=free, finish=finish)


def refined(
    start: MixSettings,
    multitrack: Multitrack,
    references: Sequence[Reference],
    steps: int,
    tell: Tell,
    *,
    free: dsp.ConsoleParams,
    finish: Callable[[MixSettings], MixSettings] | None = None,
) -> Decided:
    """Refine settings towards references, and note in them what that did.

    Args:
        start: where to start.
        multitrack: the tracks.
        references: what to refine towards.
        steps: how many to take.
        tell: told about progress.
        free: which settings may move, as for `refine`.
        finish: what will be done to the settings afterwards, as for `refine`.
    """
    refinement = refine(
        start,
        sounding_part(multitrack),
        blended(references),
        steps=steps,
        free=free,
        finish=finish,
        deliver=lambda mix: output.finish(mix, start.target).audio,
        progress=lambda done, distance: tell(
            f"Refining {distance:.4f}", REFINED_FROM + (REFINED_TO - REFINED_FROM) * done
        ),
    )
    provenance = start.provenance._replace(refinement=refinement_note(refinement))
    return Decided(replace(refinement.settings, provenance=provenance), refinement)

"""The whole job from Python: tracks and a reference in, a mix, its settings and a report out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.analyse import predicted_settings
from diffmst_jax.mixing.comparing.baselines import equal_loudness_mix, plain_sum
from diffmst_jax.mixing.comparing.compare import Comparison, compare
from diffmst_jax.mixing.console.amount import parse_amount
from diffmst_jax.mixing.console.file import load_console
from diffmst_jax.mixing.console.settings import MixSettings, Provenance
from diffmst_jax.mixing.decide import REFINED_FROM, REFINED_TO, Choices, Decided, decide
from diffmst_jax.mixing.finishing.limits import (
    DEFAULT_CEILING_DBTP,
    DEFAULT_LOUDNESS_LUFS,
    DEFAULT_MODEL,
)
from diffmst_jax.mixing.finishing.output import (
    Finished,
    OutputTarget,
    finish,
    finish_recorded,
    record,
)
from diffmst_jax.mixing.rendering.render import render as render_multitrack
from diffmst_jax.mixing.rendering.song import record_song
from diffmst_jax.mixing.report.content import MixFacts
from diffmst_jax.mixing.report.words import refinement_words
from diffmst_jax.mixing.sources.central import prices_of_leaving
from diffmst_jax.mixing.sources.finding import Patterns, pattern_list
from diffmst_jax.mixing.sources.inputs import (
    NamedTracks,
    References,
    Tracks,
    check_lengths,
    check_sample_rate,
    check_wishes,
    gather_inputs,
    gather_references,
    gather_tracks,
    reference_files,
    song_name,
    track_files,
    with_names,
)
from diffmst_jax.mixing.sources.reference import Reference, named
from diffmst_jax.mixing.sources.sounding import sounding_part
from diffmst_jax.mixing.sources.strips import strips_named
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.models import Model, load_model
from diffmst_jax.progress import Tell, tell_nobody
from diffmst_jax.result import MixReport, MixResult

READ = 0.15
"""Where reading ends in the progress of a whole job."""


def mix(  # noqa: PLR0913 - choices of the user, by keyword
    tracks: Tracks,
    reference: References,
    *,
    model: str | Path | Model = DEFAULT_MODEL,
    amount: str | float = 1.0,
    refine: int = 0,
    section: str | None = None,
    loudness_lufs: float = DEFAULT_LOUDNESS_LUFS,
    ceiling_dbtp: float = DEFAULT_CEILING_DBTP,
    lock: Patterns = (),
    centre: Patterns | None = None,
    exclude: Patterns = (),
    sample_rate: int = SAMPLE_RATE,
    progress: Tell | None = None,
) -> MixResult:
    """Mix the tracks of a song in the style of a finished mix.

    Args:
        tracks: folder or files of one song's raw tracks, a mapping from names to audio `(time,)`
            or `(channels, time)`, a list of such audio without names, or mono tracks,
            `(tracks, time)`.
        reference: a finished mix or a saved style, as a file or as audio `(channels, time)`; or
            several, with equal weights in a sequence, with their own in a mapping.
        model: name of a packaged model, a model folder, or a loaded model.
        amount: how much of the prediction to apply, 0 to 1, or per group: `"eq=0.5,pan=0"`.
        refine: steps of gradient descent from the prediction, 0 to 1000, none by default.
        section: which part of the reference to follow, `"0:30-1:10"`.
        loudness_lufs: integrated loudness of the result, -60 to -5.
        ceiling_dbtp: highest true peak of the result, -20 to 0.
        lock: a pattern (`"Vox*"`) of tracks to leave as they are, or several; `"*"` leaves only the
            master bus to do something.
        centre: a pattern of tracks to leave in the middle, or several; stereo ones as recorded. By
            default those whose names say kick, snare, bass or lead voice, which leave it where the
            reference cannot be reached otherwise (`prices_of_leaving`); `()` for none.
        exclude: a pattern of tracks to leave out, or several.
        sample_rate: samples per second of audio that is given as arrays.
        progress: called with the stage and the fraction done.

    Returns:
        The mix with its settings and its report; in a notebook it shows itself as the report.

    Raises:
        InputError: something given cannot be used; says what and why (`diffmst_jax.errors`, a
            `ValueError`).
    """
    check_wishes(loudness_lufs, ceiling_dbtp, refine, sample_rate)
    tell, tracks = progress or tell_nobody, with_names(tracks)
    choices = Choices(parse_amount(str(amount)), int(refine), lock, centre)
    predicted = predict(
        tracks,
        reference,
        model=model,
        target=OutputTarget(float(loudness_lufs), float(ceiling_dbtp)),
        choices=choices,
        amount=str(amount),
        section=section,
        exclude=exclude,
        sample_rate=sample_rate,
        tell=tell,
    )
    name, multitrack, references, settings = predicted
    decided = decide(settings, multitrack, references, choices, tell)
    facts = carry_out(name, decided, multitrack, references, tell)
    tell("Done", 1.0)
    files = *track_files(tracks), *reference_files(reference)
    return MixResult(
        facts.finished.audio,
        facts.settings,
        MixReport(facts),
        references,
        files,
        folder=Path(tracks) if isinstance(tracks, str | Path) else None,
    )


class Predicted(NamedTuple):
    """A song that a model has listened to; nothing is rendered yet.

    Attributes:
        name: what the song is called.
        multitrack: its tracks.
        references: what it is to be mixed after, the heaviest first.
        settings: what the model says.
    """

    name: str
    multitrack: Multitrack
    references: tuple[Reference, ...]
    settings: MixSettings


def predict(
    tracks: NamedTracks,
    reference: References,
    *,
    model: str | Path | Model,
    target: OutputTarget,
    choices: Choices,
    tell: Tell,
    amount: str = "1",
    section: str | None = None,
    exclude: Patterns = (),
    sample_rate: int = SAMPLE_RATE,
) -> Predicted:
    """The first step of `mix`: read everything and ask the model; `decide` and `carry_out` follow.

    Args:
        tracks: as for `mix`.
        reference: as for `mix`.
        model: as for `mix`.
        target: loudness and ceiling to note in the settings.
        choices: for `decide`; tracks to centre are so from here on.
        tell: told about progress.
        amount: how much of the prediction will be applied, to be noted.
        section: as for `mix`.
        exclude: as for `mix`.
        sample_rate: as for `mix`.

    Raises:
        InputError: something given cannot be used; says what and why.
    """
    tell("Reading", 0.0)
    name = song_name(tracks)
    references = gather_references(reference, section=section, sample_rate=sample_rate)
    loaded = model if isinstance(model, Model) else load_model(model)
    check_lengths(references, loaded.shortest_samples)
    multitrack = gather_tracks(
        tracks,
        references=reference_files(reference),
        exclude=exclude,
        sample_rate=sample_rate,
        progress=lambda done: tell("Reading", READ * done),
    )
    # Before the work, for a slip in a pattern.
    strips_named(multitrack.strips, choices.lock, option="--lock")
    centring = prices_of_leaving(multitrack.strips, choices.centre, references)
    tell("Listening", READ)
    settings = predicted_settings(
        loaded,
        sounding_part(multitrack),
        references,
        target=target,
        provenance=Provenance(
            model=loaded.name,
            reference=named(references),
            amount=amount,
            locked=pattern_list(choices.lock),
            centred=tuple(strip.file for strip in compress(multitrack.strips, centring > 0)),
        ),
        centring=centring,
    )
    return Predicted(name, multitrack, references, settings)


def carry_out(
    name: str,
    decided: Decided,
    multitrack: Multitrack,
    references: Sequence[Reference],
    tell: Tell,
) -> MixFacts:
    """Render settings and compare the result with its baselines and the references."""
    settings = decided.settings
    first = REFINED_TO if decided.refinement else REFINED_FROM
    tell("Mixing", first)
    rendered = render_multitrack(
        settings, multitrack, lambda done: tell("Mixing", (1 - done) * first + 0.85 * done)
    )
    finished = finish(rendered.mix, settings.target)
    tell("Comparing", 0.85)
    views = compare(_compared(multitrack, finished.audio), references)
    about = _about(settings, multitrack, finished)
    return MixFacts(
        song=name,
        multitrack=multitrack,
        settings=settings,
        rendered=rendered,
        finished=finished,
        views=Comparison(*views),
        about=about,
        refinement=decided.refinement,
        mono_references=tuple(item.name for item in references if item.is_mono),
        offset_references={item.name: item.offset for item in references if item.offset},
        is_saved_style=references[0].is_saved,
    )


def _compared(multitrack: Multitrack, mix: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    yield "Plain sum", "before", plain_sum(multitrack)
    yield "Equal loudness", "equal", equal_loudness_mix(multitrack)
    yield "Mix", "mix", mix


def render(
    tracks: Tracks,
    console: str | Path | MixSettings,
    *,
    sample_rate: int = SAMPLE_RATE,
    progress: Tell | None = None,
) -> Finished:
    """Render a console; unedited, it gives the mix that it came with, sample by sample.

    Args:
        tracks: of the song that was mixed, as for `mix`; others than the console's are ignored.
        console: a `console.json`, or settings.
        sample_rate: samples per second of audio that is given as arrays.
        progress: called with the stage and the fraction done.

    Raises:
        InputError: something given cannot be used; says what and why.
    """
    check_sample_rate(sample_rate)
    tell, tracks = progress or tell_nobody, with_names(tracks)
    if not isinstance(console, str | Path | MixSettings):
        problem = f"is of {type(console).__name__}"
        raise InputError("console", problem, "give a console.json, or the `console` of a result")
    settings = console if isinstance(console, MixSettings) else load_console(console)

    def mixing(done: float) -> None:
        tell("Mixing", 0.9 * done)

    tell("Reading", 0.0)
    if isinstance(tracks, Mapping):
        multitrack = gather_inputs(tracks, settings.strips, sample_rate=sample_rate)
        mix = render_multitrack(settings, multitrack, mixing).mix
        recorded = record([mix], [])
    else:
        recorded = record_song(tracks, settings, [], mixing)
    finished = finish_recorded(recorded, settings.target)
    tell("Done", 1.0)
    return finished


def _about(
    settings: MixSettings, multitrack: Multitrack, finished: Finished
) -> list[tuple[str, str]]:
    refined = refinement_words(settings.provenance.refinement)
    kept = {"Locked": settings.provenance.locked, "Centred": settings.provenance.centred}
    minutes, seconds = divmod(round(multitrack.duration_s), 60)
    return [
        ("Reference", settings.provenance.reference),
        ("Model", settings.provenance.model or "not named"),
        ("Amount", settings.provenance.amount),
        *([("Refinement", refined)] if refined else []),
        *((name, ", ".join(given)) for name, given in kept.items() if given),
        ("Length", f"{minutes}:{seconds:02d}"),
        ("Limiter", f"peaks turned down by {finished.level.limiting_db:.1f} dB at most"),
        ("Mix again", "diffmst render TRACKS console.json --out mix.wav"),
    ]

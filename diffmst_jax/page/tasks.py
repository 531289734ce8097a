"""The long work behind the page: open a song, mix it, render it, report on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diffmst_jax.api import carry_out, predict
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.files import write_text
from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.comparing.baselines import plain_sum
from diffmst_jax.mixing.console.amount import Amounts, amount_text, apply_amounts
from diffmst_jax.mixing.console.file import (
    console_document,
    settings_from_document,
)
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.decide import Choices, Decided
from diffmst_jax.mixing.finishing.limits import SUBTYPES
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.report.content import MixFacts
from diffmst_jax.mixing.sources.inputs import gather_references
from diffmst_jax.mixing.sources.reference import read_reference
from diffmst_jax.mixing.sources.tracks import Multitrack, load_tracks, read_strips
from diffmst_jax.models import Model
from diffmst_jax.page import decoded
from diffmst_jax.page.jobs import KEEPING
from diffmst_jax.page.locks import keep_locked, merge_strips, refine_around, strip_key
from diffmst_jax.page.overview import Heard, heard, output_document
from diffmst_jax.page.rendering import render_console
from diffmst_jax.page.session import (
    Document,
    Session,
    changed_session,
    checked_document,
    load_document,
    load_session,
    save_document,
)
from diffmst_jax.page.workspace import Song
from diffmst_jax.progress import Tell
from diffmst_jax.result import REPORT_FILE_NAME, MixReport

OVERVIEW_FILE_NAME = "overview.json"
REFINING = "tick Refine and mix again"


@dataclass(frozen=True)
class Desk:
    """The work that can be done on songs.

    Attributes:
        model: what mixes.
    """

    model: Model

    def open(self, song: Song, tell: Tell) -> None:
        """Decode tracks and reference for listening, and set up the console.

        Tracks that are new to a console join it as recorded, those that are gone leave it.

        Raises:
            InputError: a file cannot be used.
        """
        tell("Reading the tracks", 0.05)
        files = decoded.song_files(song)
        before, facts = load_document(song), decoded.kept(song, decoded.SONG, files)
        if before is not None and facts is not None and facts["about"] == strips_of(before):
            tell("Reading the reference", 0.5)
            _save_overview(song, {**_known(song), **open_reference(song)})
            return
        multitrack = load_tracks(
            song.folder, progress=lambda done: tell("Reading the tracks", 0.05 + 0.55 * done)
        )
        tell("Preparing to play", 0.6)
        neutral = as_recorded(multitrack)
        raw = heard(plain_sum(multitrack))
        known = {"raw": raw._asdict(), "mix": raw._asdict()} if before is None else _known(song)
        tell("Reading the reference", 0.8)
        known = {**known, "raw": raw._asdict(), **open_reference(song)}
        tell(KEEPING, 1.0)  # audio and console go together
        _keep_tracks(song, multitrack, files)
        with changed_session(song) as session:
            before = load_document(song)  # another page may have changed it meanwhile
            document = neutral if before is None else merge_strips(neutral, before)
            save_document(song, document)
            if before is not None and keys_of(before) != keys_of(document):
                _forget_prediction(session)
        _save_overview(song, known)

    def mix(self, song: Song, target: OutputTarget, steps: int, tell: Tell) -> None:
        """Mix the tracks in the style of the reference; locked tracks stay.

        Args:
            song: whose tracks.
            target: loudness and ceiling of the mix.
            steps: how many of refinement; 0 for none.
            tell: told about progress.

        Raises:
            InputError: a file cannot be used, or there is no reference.
        """
        reference = _wanted_reference(song)
        self.open(song, lambda stage, _: tell(stage, 0.0))  # at once where it is open already
        before, locked = load_document(song), load_session(song).locked
        found = predict(
            song.folder, reference, model=self.model, target=target, choices=Choices(), tell=tell
        )
        about = found.multitrack, found.references
        predicted = console_document(found.settings)
        assert before is not None  # opening made one
        start = keep_locked(predicted, before, locked)
        decided = refine_around(start, locked, *about, steps, tell)
        document = console_document(decided.settings)
        if steps:  # what refinement moved is predicted too
            predicted = keep_locked(document, predicted, locked)
        facts = carry_out(song.name, decided, *about, tell)
        with _reported(song, facts, document, tell) as session:
            save_document(song, document)
            session.predicted = session.base = predicted  # on which what is locked is by hand
            session.amounts = dict(Amounts()._asdict())

    def render(self, song: Song, name: str, bits: str, tell: Tell) -> str:
        """Render the console as `diffmst render` does.

        Args:
            song: whose console.
            name: file in the song's hidden folder to write; its ending is the format.
            bits: sample format, by the names of `SUBTYPES`.
            tell: told about progress.

        Returns:
            `name`.

        Raises:
            InputError: a file cannot be used.
        """
        document = load_document(song)
        out = song.own(name) if name else None
        level, mixed = render_console(song, checked_document(document), out, SUBTYPES[bits], tell)
        with changed_session(song) as session:
            session.output = {**output_document(level), "of": document}
        _save_overview(song, {**_known(song), "mix": mixed._asdict()})
        return name

    def report(self, song: Song, tell: Tell) -> str:
        """Write the report of the console as it is now.

        Raises:
            InputError: a file cannot be used, or there is no reference.
        """
        reference = _wanted_reference(song)
        tell("Reading", 0.0)
        document = load_document(song)
        settings = compared(checked_document(document), reference.name)
        multitrack = read_strips(song.folder, settings.strips)
        references = gather_references(reference, section=None, sample_rate=SAMPLE_RATE)
        facts = carry_out(song.name, Decided(settings, None), multitrack, references, tell)
        with _reported(song, facts, document, tell):
            return REPORT_FILE_NAME


def _wanted_reference(song: Song) -> Path:
    reference = song.reference()
    if reference is None:
        raise InputError(song.name, "has no reference yet", "drop a finished mix on the page")
    return reference


@contextmanager
def _reported(
    song: Song, facts: MixFacts, document: Document | None, tell: Tell
) -> Iterator[Session]:
    """Keep the report of a console with what else the page says of it, once all of it is known."""
    tell("Reporting", 0.95)
    report = MixReport(facts._replace(refining=REFINING))
    html, mixed = report.html, heard(facts.finished.audio)._asdict()
    tell(KEEPING, 1.0)
    with changed_session(song) as session:
        yield session
        session.output = {**output_document(facts.finished.level), "of": document}
        session.closeness, session.judged = report.distances, document
        session.notes = report.warnings
    write_text(song.own(REPORT_FILE_NAME), html)
    _save_overview(song, {**_known(song), "mix": mixed})


def as_recorded(multitrack: Multitrack) -> Document:
    """A console that sums the tracks as they were recorded."""
    neutral = console_document(neutral_settings(multitrack, target=OutputTarget()))
    tracks = [{**track, "source_gain_db": 0.0} for track in neutral["tracks"]]
    return {**neutral, "tracks": tracks}


def keys_of(console: Document) -> list[tuple[str, tuple[int, ...]]]:
    """What the strips of a console are known by, in order."""
    return [strip_key(track) for track in console["tracks"]]


def strips_of(console: Document) -> list[list[Any]]:
    """What decoded audio says of its strips, of a console."""
    return [[track["file"], track["channels"]] for track in console["tracks"]]


def scaled(song: Song, predicted: Document | None, amounts: object) -> Document:
    """A prediction at other amounts: the page's, which undo may have taken back to one of before.

    Raises:
        InputError: there is no prediction yet, it is no console, or the amounts are none.
    """
    if predicted is None:
        raise InputError(song.name, "is not mixed yet", "mix it first")
    taken = checked_amounts(amounts)
    is_known = predicted == load_session(song).predicted
    settings = settings_from_document(predicted) if is_known else checked_document(predicted)
    provenance = settings.provenance._replace(amount=amount_text(taken))
    return console_document(apply_amounts(replace(settings, provenance=provenance), taken))


def checked_amounts(amounts: object) -> Amounts:
    """How much of a prediction the page asks for, part by part.

    Raises:
        InputError: a part is missing, unknown, or not from 0 to 1.
    """
    remedy = f"give {', '.join(Amounts._fields)} from 0 to 1"
    if not isinstance(amounts, dict) or set(amounts) != set(Amounts._fields):
        raise InputError("amounts", "are not complete", remedy)
    if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in amounts.values()):
        raise InputError("amounts", "are not all from 0 to 1", remedy)
    return Amounts(**{name: float(value) for name, value in amounts.items()})


def compared(settings: MixSettings, reference: str) -> MixSettings:
    """Say of settings which reference a report holds them against, if they are not made for it."""
    made_for = settings.provenance.reference
    if made_for not in ("", reference):
        reference = f"{made_for}, compared with {reference}"
    return replace(settings, provenance=settings.provenance._replace(reference=reference))


def open_reference(song: Song) -> Document:
    """Decode the reference if there is one; returns what the page draws of it.

    Raises:
        InputError: it cannot be used.
    """
    path = song.reference()
    if path is None:
        decoded.forget(song, decoded.REFERENCE)
        return {"reference": None}
    facts = decoded.kept(song, decoded.REFERENCE, [path])
    if facts is None:
        audio = read_reference(path)
        about = heard(audio)._asdict()
        decoded.keep(song, decoded.REFERENCE, audio, [path], about)
        return {"reference": about}
    return {"reference": facts["about"]}


def load_overview(song: Song) -> Document:
    """What the page draws: outlines, loudness and peaks of `mix`, `raw` and `reference`."""
    nothing = Heard([], None, 0.0)._asdict()
    return {"mix": nothing, "raw": nothing, "reference": None, **_known(song)}


def forget_closeness(song: Song) -> None:
    """What was said of a mix was said beside the reference before."""
    song.own(REPORT_FILE_NAME).unlink(missing_ok=True)
    with changed_session(song) as session:
        session.closeness, session.judged = {}, None


def _forget_prediction(session: Session) -> None:
    """A prediction for other tracks cannot be scaled any more."""
    session.predicted = session.base = None
    session.amounts = dict(Amounts()._asdict())


def _known(song: Song) -> Document:
    path = song.own(OVERVIEW_FILE_NAME)
    try:
        known: Document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known


def _save_overview(song: Song, overview: Document) -> None:
    write_text(song.own(OVERVIEW_FILE_NAME), json.dumps(overview))


def _keep_tracks(song: Song, multitrack: Multitrack, files: list[Path]) -> None:
    """Keep the decoded tracks, unless they are there already."""
    strips = [[strip.file, list(strip.channels)] for strip in multitrack.strips]
    facts = decoded.kept(song, decoded.SONG, files)
    if facts is None or facts["about"] != strips:
        decoded.keep(song, decoded.SONG, multitrack.audio, files, strips)

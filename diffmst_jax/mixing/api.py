"""The whole job from Python: tracks and a reference in, a mix, its settings and a report out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.files import folder_written_beside, written_beside
from diffmst_jax.mixing.amount import locked_strips, parse_amount
from diffmst_jax.mixing.analyse import predicted_settings
from diffmst_jax.mixing.baselines import equal_loudness_mix, plain_sum
from diffmst_jax.mixing.compare import View, compare
from diffmst_jax.mixing.console_file import console_text, load_console
from diffmst_jax.mixing.decide import REFINED_FROM, REFINED_TO, Decided, decide
from diffmst_jax.mixing.dither import write_pieces
from diffmst_jax.mixing.inputs import (
    References,
    Tracks,
    check_lengths,
    gather_references,
    gather_tracks,
    reference_files,
    song_name,
    track_files,
)
from diffmst_jax.mixing.limits import (
    DEFAULT_BITS,
    DEFAULT_CEILING_DBTP,
    DEFAULT_LOUDNESS_LUFS,
    DEFAULT_MODEL,
    SUBTYPES,
)
from diffmst_jax.mixing.notebook import framed
from diffmst_jax.mixing.output import (
    Finished,
    OutputTarget,
    finish,
    finish_recorded,
)
from diffmst_jax.mixing.overwriting import ANOTHER_FOLDER, check_apart
from diffmst_jax.mixing.reference import Reference, named, read_reference
from diffmst_jax.mixing.render import render
from diffmst_jax.mixing.report import report_html
from diffmst_jax.mixing.report_content import MixFacts, report_content, warnings
from diffmst_jax.mixing.settings import MixSettings, Provenance
from diffmst_jax.mixing.song import record_song
from diffmst_jax.mixing.style_file import style_text
from diffmst_jax.mixing.tracks import CONSOLE_FILE_NAME, Multitrack, Patterns
from diffmst_jax.mixing.words import refinement_words
from diffmst_jax.models import Model, load_model

__all__ = [
    "REPORT_FILE_NAME",
    "MixReport",
    "MixResult",
    "carry_out",
    "mix",
    "read_reference",
    "render_file",
    "song_name",
    "write_mix",
]

REPORT_FILE_NAME = "report.html"

Progress = Callable[[str, float], None]
"""Told which stage is under way and which fraction of the whole job is done."""


@dataclass(frozen=True)
class MixReport:
    """What a mix did and how close it is.

    Attributes:
        facts: everything measured.
    """

    facts: MixFacts

    @property
    def views(self) -> Sequence[View]:
        """Plain sum, equal loudness, the mix and the reference, measured at one loudness."""
        return self.facts.views

    @property
    def distances(self) -> dict[str, dict[str, float]]:
        """Style distance to the reference, term by term, of each mix by name."""
        return {
            view.name: {name: float(value) for name, value in view.distance._asdict().items()}
            for view in self.views
            if view.distance is not None
        }

    @property
    def warnings(self) -> list[str]:
        """Sentences on what may not have been expected."""
        return warnings(self.facts)

    @cached_property
    def html(self) -> str:
        """The report as one self-contained page."""
        return report_html(report_content(self.facts))


@dataclass(frozen=True)
class MixResult:
    """A mix.

    Attributes:
        audio: float32 `(2, time)` at `diffmst_jax.audio.SAMPLE_RATE`.
        console: the settings that it was rendered from.
        report: what was done, and how close it is.
        references: what it was mixed after, the heaviest first.
        files: what was read: tracks and references, as far as they were files.
    """

    audio: np.ndarray
    console: MixSettings
    report: MixReport
    references: tuple[Reference, ...]
    files: tuple[Path, ...] = ()

    def _repr_html_(self) -> str:
        """Show the mix in a notebook: players, charts and what was done to each track."""
        return framed(self.report.html)

    def save_preset(self, path: str | Path) -> None:
        """Write the style of the references, to mix other songs with: `mix(tracks, path)`.

        Raises:
            InputError: the place cannot be written to.
        """
        with written_beside(path) as temporary:
            self._write_preset(temporary)

    def _write_preset(self, path: Path) -> None:
        path.write_text(style_text(self.references), encoding="utf-8")

    def export(
        self, tracks: str | Path | Sequence[str | Path], out: str | Path, *, link: bool = False
    ) -> list[str]:
        """Write the mix as a session of a workstation.

        Args:
            tracks: folder or files that were mixed; a session is made of files.
            out: `.dawproject`, or `.rpp` for REAPER.
            link: refer to recordings where they lie instead of copying them.

        Returns:
            Sentences on what the session carries another way than the console does it.

        Raises:
            InputError: a file is missing, or the place cannot be written to.
        """
        # The export needs this module; it is imported when it is wanted.
        from diffmst_jax.export import export_session  # noqa: PLC0415

        return export_session(tracks, self.console, out, link=link).notes

    def write(
        self,
        folder: str | Path,
        *,
        file_format: str = "wav",
        subtype: str = SUBTYPES[DEFAULT_BITS],
        preset: str | Path | None = None,
    ) -> None:
        """Write `mix.wav`, `console.json` and `report.html`, and a preset if one is asked for.

        All of them or none.

        Raises:
            InputError: the place cannot be written to, or one of them would take the place of a
                track or a reference.
        """
        written = result_files(folder, file_format=file_format, preset=preset)
        check_apart(written, self.files, remedy=ANOTHER_FOLDER)
        with ExitStack() as all_or_none:
            if preset is not None:
                self._write_preset(all_or_none.enter_context(written_beside(preset)))
            beside = all_or_none.enter_context(folder_written_beside(folder))
            write_mix(beside / mix_file_name(file_format), self.audio, subtype=subtype)
            text = console_text(self.console)
            (beside / CONSOLE_FILE_NAME).write_text(text, encoding="utf-8")
            (beside / REPORT_FILE_NAME).write_text(self.report.html, encoding="utf-8")


def mix_file_name(file_format: str) -> str:
    """Name the file of a mix."""
    return f"mix.{file_format}"


def result_files(
    folder: str | Path, *, file_format: str, preset: str | Path | None = None
) -> list[Path]:
    """Name the files that `MixResult.write` writes."""
    names = mix_file_name(file_format), CONSOLE_FILE_NAME, REPORT_FILE_NAME
    return [*(Path(folder) / name for name in names), *([] if preset is None else [Path(preset)])]


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
    exclude: Patterns = (),
    sample_rate: int = SAMPLE_RATE,
    progress: Progress | None = None,
) -> MixResult:
    """Mix the tracks of a song in the style of a finished mix.

    Args:
        tracks: folder or files of one song's raw tracks, or a mapping from names to audio
            `(time,)` or `(channels, time)`.
        reference: a finished mix or a saved style, as a file or as audio `(channels, time)`; or
            several, with equal weights in a sequence, with their own in a mapping.
        model: name of a packaged model, a model folder, or a loaded model.
        amount: how much of the prediction to apply, 0 to 1, or per group: `"eq=0.5,pan=0"`.
        refine: most steps of gradient descent from the prediction, none by default.
        section: which part of the reference to follow, `"0:30-1:10"`.
        loudness_lufs: integrated loudness of the result.
        ceiling_dbtp: highest true peak of the result.
        lock: a pattern (`"Vox*"`) of tracks to leave as they are, or several; `"*"` leaves only the
            master bus to do something.
        exclude: a pattern of tracks to leave out, or several.
        sample_rate: samples per second of audio that is given as arrays.
        progress: called with the stage and the fraction done.

    Raises:
        InputError: something given cannot be used; says what and why.
    """
    tell = progress or _ignore
    amounts = parse_amount(str(amount))
    target = OutputTarget(loudness_lufs, ceiling_dbtp)
    tell("Reading", 0.0)
    name = song_name(tracks)
    references = gather_references(reference, section=section, sample_rate=sample_rate)
    loaded = model if isinstance(model, Model) else load_model(model)
    check_lengths(references, loaded.shortest_samples)
    multitrack = gather_tracks(
        tracks, references=reference_files(reference), exclude=exclude, sample_rate=sample_rate
    )
    tell("Listening", 0.15)
    model_name = "" if isinstance(model, Model) else Path(model).name
    origin = Provenance(model_name, named(references), str(amount))
    settings = predicted_settings(loaded, multitrack, references, target=target, provenance=origin)
    locked = locked_strips(settings, lock)
    decided = decide(settings, multitrack, references, amounts, locked, refine, tell)
    facts = carry_out(name, decided, multitrack, references, tell)
    files = *track_files(tracks), *reference_files(reference)
    return MixResult(facts.finished.audio, facts.settings, MixReport(facts), references, files)


def carry_out(
    name: str,
    decided: Decided,
    multitrack: Multitrack,
    references: Sequence[Reference],
    tell: Progress,
) -> MixFacts:
    """Render settings and compare the result with its baselines and the references."""
    settings = decided.settings
    first = REFINED_TO if decided.refinement else REFINED_FROM
    tell("Mixing", first)
    rendered = render(
        settings, multitrack, lambda done: tell("Mixing", first + (0.85 - first) * done)
    )
    finished = finish(rendered.mix, settings.target, sample_rate=SAMPLE_RATE)
    tell("Comparing", 0.85)
    views = compare(
        _compared(multitrack, finished.audio),
        [(reference.audio, reference.weight) for reference in references],
    )
    about = _about(settings, multitrack, finished)
    tell("Done", 1.0)
    return MixFacts(
        song=name,
        multitrack=multitrack,
        settings=settings,
        rendered=rendered,
        finished=finished,
        views=views,
        about=about,
        refinement=decided.refinement,
        mono_references=tuple(item.name for item in references if item.is_mono),
    )


def _compared(multitrack: Multitrack, mix: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    yield "Plain sum", "before", plain_sum(multitrack)
    yield "Equal loudness", "equal", equal_loudness_mix(multitrack)
    yield "Mix", "mix", mix


def write_mix(path: str | Path, audio: np.ndarray, *, subtype: str) -> None:
    """Write a finished mix, dithered where the sample format is coarse enough to need it.

    Raises:
        InputError: the place cannot be written to.
    """
    write_pieces(path, [audio], subtype=subtype, channels=len(audio))


def render_file(
    tracks: str | Path | Sequence[str | Path],
    console: str | Path,
    *,
    progress: Progress | None = None,
) -> Finished:
    """Render a console file; unedited, it gives the mix that it came with, sample by sample.

    Args:
        tracks: folder or files of the song that was mixed.
        console: a `console.json`.
        progress: called with the stage and the fraction done.

    Raises:
        InputError: something given cannot be used; says what and why.
    """
    tell = progress or _ignore
    settings = load_console(console)
    tell("Reading", 0.0)
    recorded = record_song(tracks, settings, [], lambda done: tell("Mixing", 0.9 * done))
    finished = finish_recorded(recorded, settings.target)
    tell("Done", 1.0)
    return finished


def _ignore(stage: str, done: float) -> None:
    del stage, done


def _about(
    settings: MixSettings, multitrack: Multitrack, finished: Finished
) -> list[tuple[str, str]]:
    minutes, seconds = divmod(round(multitrack.duration_s), 60)
    return [
        ("Reference", settings.provenance.reference),
        ("Model", settings.provenance.model or "given from Python"),
        ("Amount", settings.provenance.amount),
        *[("Refinement", text) for text in refinement_words(settings.provenance.refinement)],
        ("Length", f"{minutes}:{seconds:02d}"),
        ("Limiter", f"peaks turned down by {finished.limiting_db:.1f} dB at most"),
        ("Mix again", "diffmst render TRACKS console.json --out mix.wav"),
    ]

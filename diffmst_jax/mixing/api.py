"""The whole job from Python: tracks and a reference in, a mix, its settings and a report out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, read_audio, write_audio
from diffmst_jax.errors import InputError
from diffmst_jax.files import folder_written_beside
from diffmst_jax.mixing.amount import apply_amounts, locked_strips, parse_amount
from diffmst_jax.mixing.analyse import predicted_settings
from diffmst_jax.mixing.baselines import equal_loudness_mix, plain_sum
from diffmst_jax.mixing.compare import View, compare
from diffmst_jax.mixing.console_file import console_text, load_console
from diffmst_jax.mixing.limits import (
    DEFAULT_BITS,
    DEFAULT_CEILING_DBTP,
    DEFAULT_LOUDNESS_LUFS,
    DEFAULT_MODEL,
    SUBTYPES,
)
from diffmst_jax.mixing.output import Finished, OutputTarget, dithered, finish
from diffmst_jax.mixing.render import render
from diffmst_jax.mixing.report import report_html
from diffmst_jax.mixing.report_content import MixFacts, report_content, warnings
from diffmst_jax.mixing.settings import MixSettings, Provenance
from diffmst_jax.mixing.tracks import (
    CONSOLE_FILE_NAME,
    Multitrack,
    find_tracks,
    is_all_silent,
    load_tracks,
    read_strips,
)
from diffmst_jax.models import Model, load_model

REPORT_FILE_NAME = "report.html"

DITHERED_BITS = {"PCM_16": 16}
"""Sample formats with steps that can be heard, and their depth; 24 bits are finer than hearing."""

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
        return warnings(self.facts.settings, self.facts.finished)

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
    """

    audio: np.ndarray
    console: MixSettings
    report: MixReport

    def write(
        self, folder: str | Path, *, file_format: str = "wav", subtype: str = SUBTYPES[DEFAULT_BITS]
    ) -> None:
        """Write `mix.wav`, `console.json` and `report.html`: all of them or none.

        Raises:
            InputError: the place cannot be written to.
        """
        with folder_written_beside(folder) as beside:
            write_mix(beside / f"mix.{file_format}", self.audio, subtype=subtype)
            text = console_text(self.console)
            (beside / CONSOLE_FILE_NAME).write_text(text, encoding="utf-8")
            (beside / REPORT_FILE_NAME).write_text(self.report.html, encoding="utf-8")


def mix(
    tracks: str | Path | Sequence[str | Path],
    reference: str | Path,
    *,
    model: str | Path | Model = DEFAULT_MODEL,
    amount: str | float = 1.0,
    loudness_lufs: float = DEFAULT_LOUDNESS_LUFS,
    ceiling_dbtp: float = DEFAULT_CEILING_DBTP,
    lock: Sequence[str] = (),
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
) -> MixResult:
    """Mix the tracks of a song in the style of a finished mix.

    Args:
        tracks: folder or files of one song's raw tracks.
        reference: a finished mix.
        model: name of a packaged model, a model folder, or a loaded model.
        amount: how much of the prediction to apply, 0 to 1, or per group: `"eq=0.5,pan=0"`.
        loudness_lufs: integrated loudness of the result.
        ceiling_dbtp: highest true peak of the result.
        lock: patterns (`"Vox*"`) of tracks to leave as they are.
        exclude: patterns of tracks to leave out.
        progress: called with the stage and the fraction done.

    Raises:
        InputError: something given cannot be used; says what and why.
    """
    tell = progress or _ignore
    amounts = parse_amount(str(amount))
    target = OutputTarget(loudness_lufs, ceiling_dbtp)
    tell("Reading", 0.0)
    find_tracks(tracks)
    reference_audio = read_reference(reference)
    loaded = model if isinstance(model, Model) else load_model(model)
    multitrack = load_tracks(tracks, reference=reference, exclude=exclude)
    tell("Listening", 0.2)
    name = "" if isinstance(model, Model) else Path(model).name
    origin = Provenance(name, Path(reference).name, str(amount))
    settings = predicted_settings(
        loaded, multitrack, reference_audio, target=target, provenance=origin
    )
    settings = apply_amounts(settings, amounts, locked_strips(settings, lock))
    tell("Mixing", 0.4)
    rendered = render(settings, multitrack, lambda done: tell("Mixing", 0.4 + 0.4 * done))
    finished = finish(rendered.mix, target, sample_rate=SAMPLE_RATE)
    tell("Comparing", 0.8)
    views = compare(
        {
            "Plain sum": ("before", plain_sum(multitrack)),
            "Equal loudness": ("equal", equal_loudness_mix(multitrack)),
            "Mix": ("mix", finished.audio),
        },
        reference_audio,
    )
    about = _about(settings, multitrack, finished)
    song = song_name(tracks)
    facts = MixFacts(song, multitrack, settings, rendered, finished, views, about)
    tell("Done", 1.0)
    return MixResult(finished.audio, settings, MixReport(facts))


def write_mix(path: str | Path, audio: np.ndarray, *, subtype: str) -> None:
    """Write a finished mix, dithered where the sample format is coarse enough to need it.

    Raises:
        InputError: the place cannot be written to.
    """
    if subtype in DITHERED_BITS:
        audio = dithered(audio, DITHERED_BITS[subtype])
    write_audio(path, audio, sample_rate=SAMPLE_RATE, subtype=subtype)


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
    multitrack = read_strips(tracks, settings.strips)
    tell("Mixing", 0.2)
    rendered = render(settings, multitrack, lambda done: tell("Mixing", 0.2 + 0.7 * done))
    finished = finish(rendered.mix, settings.target, sample_rate=SAMPLE_RATE)
    tell("Done", 1.0)
    return finished


def read_reference(path: str | Path) -> np.ndarray:
    """Read a finished mix as `(2, time)`; mono counts as both channels.

    Raises:
        InputError: it cannot be read, has more than two channels, or is silent.
    """
    audio = read_audio(path)
    if len(audio) > 2:
        raise InputError(path, f"has {len(audio)} channels", "give a stereo mix as the reference")
    if is_all_silent(audio):
        raise InputError(path, "is silent", "give a mix with sound in it as the reference")
    return audio if len(audio) == 2 else np.repeat(audio, 2, axis=0)


def song_name(tracks: str | Path | Sequence[str | Path]) -> str:
    """Name a song after its folder."""
    base, _ = find_tracks(tracks)
    return base.resolve().name or "Mix"


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
        ("Length", f"{minutes}:{seconds:02d}"),
        ("Limiter", f"peaks turned down by {finished.limiting_db:.1f} dB at most"),
        ("Mix again", "diffmst render TRACKS console.json --out mix.wav"),
    ]

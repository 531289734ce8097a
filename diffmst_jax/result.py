"""A mix as it comes back: audio, settings and report, and their files."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, container_and_subtype
from diffmst_jax.errors import InputError
from diffmst_jax.files import folder_written_beside, written_beside
from diffmst_jax.mixing.comparing.compare import Comparison
from diffmst_jax.mixing.console.file import console_text
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing.dither import write_pieces
from diffmst_jax.mixing.finishing.limits import DEFAULT_BITS, SUBTYPES
from diffmst_jax.mixing.report.content import MixFacts, report_content
from diffmst_jax.mixing.report.notebook import framed
from diffmst_jax.mixing.report.page import ReportContent, report_html
from diffmst_jax.mixing.report.words import significant
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME, Source
from diffmst_jax.mixing.sources.overwriting import (
    ANOTHER_FOLDER,
    check_apart,
    check_not_among_tracks,
)
from diffmst_jax.mixing.sources.reference import Reference
from diffmst_jax.mixing.sources.style_file import style_text

REPORT_FILE_NAME = "report.html"


@dataclass(frozen=True, eq=False, repr=False)
class MixReport:
    """What a mix did and how close it is.

    Attributes:
        facts: everything measured.
    """

    facts: MixFacts

    @property
    def views(self) -> Comparison:
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
        """Sentences on what may not have been expected, tracks that are hardly heard too."""
        return list(self._content.warnings)

    @cached_property
    def html(self) -> str:
        """The report as one self-contained page."""
        return report_html(self._content)

    @cached_property
    def _content(self) -> ReportContent:
        return report_content(self.facts)


@dataclass(frozen=True, eq=False, repr=False)
class MixResult:
    """A mix; equal to itself alone.

    Attributes:
        audio: float32 `(2, time)` at `diffmst_jax.audio.SAMPLE_RATE`.
        console: the settings that it was rendered from.
        report: what was done, and how close it is.
        references: what it was mixed after, the heaviest first.
        files: what was read: tracks and references, as far as they were files.
        folder: where the tracks were found, if a folder of them was given.
    """

    audio: np.ndarray
    console: MixSettings
    report: MixReport
    references: tuple[Reference, ...]
    files: tuple[Path, ...] = ()
    folder: Path | None = None

    def __repr__(self) -> str:
        song, strips = self.report.facts.song, len(self.console.strips)
        seconds = self.audio.shape[1] / SAMPLE_RATE
        distance = significant(self.report.distances[self.report.views.mix.name]["total"])
        return f"<MixResult: {song}, {strips} strips, {seconds:.1f} s, style distance {distance}>"

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

    def export(self, tracks: Source, out: str | Path, *, link: bool = False) -> list[str]:
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

        Args:
            folder: where to; made if missing.
            file_format: of the mix, an ending that `write_audio` knows.
            subtype: sample format in libsndfile's names, `PCM_16`, `PCM_24` or `FLOAT`; a format
                that has no such samples (MP3) takes its own for the default.
            preset: where to write the style of the references, if anywhere.

        Raises:
            InputError: a sample format that the file format does not have; the place cannot be
                written to, or one of them would take the place of a track or a reference, or be
                taken for a track when the song is mixed again.
        """
        _check_subtype(file_format, subtype)
        written = result_files(folder, file_format=file_format, preset=preset)
        check_apart(written, self.files, remedy=ANOTHER_FOLDER)
        if self.folder is not None:
            check_not_among_tracks(written, self.folder)
        with ExitStack() as all_or_none:
            if preset is not None:
                self._write_preset(all_or_none.enter_context(written_beside(preset)))
            beside = all_or_none.enter_context(folder_written_beside(folder))
            write_mix(beside / mix_file_name(file_format), self.audio, subtype=subtype)
            text = console_text(self.console)
            (beside / CONSOLE_FILE_NAME).write_text(text, encoding="utf-8")
            (beside / REPORT_FILE_NAME).write_text(self.report.html, encoding="utf-8")


def _check_subtype(file_format: str, subtype: str) -> None:
    """Refuse a slip in a sample format, in whose place the file format's own would be taken."""
    _, written = container_and_subtype(Path(mix_file_name(file_format)), subtype)
    if subtype not in (written, SUBTYPES[DEFAULT_BITS]):
        problem = f"is {subtype!r}, which {file_format} files do not have"
        raise InputError("subtype", problem, f"give one of {', '.join(SUBTYPES.values())}")


def mix_file_name(file_format: str) -> str:
    """Name the file of a mix, of a format with or without a dot."""
    return f"mix.{file_format.removeprefix('.')}"


def result_files(folder: str | Path, *, file_format: str, preset: str | Path | None) -> list[Path]:
    """Name the files that `MixResult.write` writes."""
    names = mix_file_name(file_format), CONSOLE_FILE_NAME, REPORT_FILE_NAME
    return [*(Path(folder) / name for name in names), *([] if preset is None else [Path(preset)])]


def write_mix(path: str | Path, audio: np.ndarray, *, subtype: str) -> None:
    """Write a finished mix, dithered where the sample format is coarse enough to need it.

    Raises:
        InputError: the place cannot be written to.
    """
    write_pieces(path, [audio], subtype=subtype, channels=len(audio))

"""`diffmst mix` and `diffmst render`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from diffmst_jax.commands.terminal import output, progress, say
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder
from diffmst_jax.mixing.api import REPORT_FILE_NAME, MixReport, Progress, mix
from diffmst_jax.mixing.console_file import load_console
from diffmst_jax.mixing.difference import differences
from diffmst_jax.mixing.limits import FORMATS, SUBTYPES
from diffmst_jax.mixing.report import DISTANCE_ROWS
from diffmst_jax.mixing.settings import MixSettings
from diffmst_jax.mixing.song import STEMS_FOLDER, write_song, write_stems
from diffmst_jax.mixing.style_file import is_style_file
from diffmst_jax.mixing.tracks import CONSOLE_FILE_NAME
from diffmst_jax.mixing.words import refinement_words, significant


def run_mix(options: argparse.Namespace) -> int:
    """Mix, write, and show how close the result is."""
    subtype = _subtype(options.bits, options.format)
    check_folder(options.out)
    if options.out.resolve() in [path.resolve() for path in options.tracks]:
        raise InputError(options.out, "is the folder of the tracks", "give --out another folder")
    if options.save_preset is not None:
        check_preset(options.save_preset)
    with progress() as tell:
        result = mix(
            _one_or_many(options.tracks),
            [options.reference, *options.more_references],
            model=options.model,
            amount=options.amount,
            refine=options.refine,
            section=options.section,
            loudness_lufs=options.loudness,
            ceiling_dbtp=options.ceiling,
            lock=["*"] if options.solo_master else options.lock,
            exclude=options.exclude,
            progress=tell,
        )
        result.write(
            options.out, file_format=options.format, subtype=subtype, preset=options.save_preset
        )
        stems = _stems(options.stems, options.tracks, result.console, options.out, tell)
    output().print(distance_table(result.report))
    for text in refinement_words(result.console.provenance.refinement):
        say(text)
    for text in result.report.warnings:
        say(f"Note: {text}")
    finished = result.report.facts.finished
    level = f"{finished.loudness_lufs:.1f} LUFS, {finished.true_peak_dbtp:.1f} dBTP"
    say(f"{options.out / f'mix.{options.format}'}  {level}")
    say(f"{options.out / CONSOLE_FILE_NAME}  every setting; edit it and run diffmst render")
    say(f"{options.out / REPORT_FILE_NAME}  what was done, to see and hear")
    if options.save_preset is not None:
        say(f"{options.save_preset}  the style; give it as a reference")
    _say_stems(stems)
    return 0


def run_render(options: argparse.Namespace) -> int:
    """From a console file to audio."""
    file_format = options.out.suffix.lower().removeprefix(".")
    if file_format not in FORMATS:
        raise InputError(options.out, "is no .wav or .flac", "give --out a name that ends in one")
    subtype = _subtype(options.bits, file_format)
    check_folder(options.out.parent)
    settings = load_console(options.console)
    with progress() as tell:
        tell("Mixing", 0.0)
        level = write_song(
            _one_or_many(options.tracks), settings, options.out, subtype=subtype,
            progress=lambda done: tell("Mixing", 0.9 * done),
        )  # fmt: skip
        stems = _stems(options.stems, options.tracks, settings, options.out.parent, tell)
        tell("Done", 1.0)
    say(f"{options.out}  {level.loudness_lufs:.1f} LUFS, {level.true_peak_dbtp:.1f} dBTP")
    _say_stems(stems)
    return 0


def _stems(
    wanted: bool, tracks: Sequence[Path], settings: MixSettings, folder: Path, tell: Progress
) -> list[Path]:
    """Write the stems into a folder of their own, if they are wanted."""
    if not wanted:
        return []
    tell("Writing stems", 0.0)
    return write_stems(
        _one_or_many(tracks),
        settings,
        folder / STEMS_FOLDER,
        lambda done: tell("Writing stems", done),
    )


def _say_stems(stems: Sequence[Path]) -> None:
    if stems:
        say(f"{stems[0].parent}  {len(stems)} stems; their sum is what enters the master bus")


def run_diff(options: argparse.Namespace) -> int:
    """Say what changed between two console files."""
    lines = differences(load_console(options.before), load_console(options.after))
    shown = [line for line in lines if options.all or line.is_heard]
    for line in shown:
        say(line.text)
    hidden = len(lines) - len(shown)
    if not lines:
        say("Nothing changed.")
    elif hidden:
        say(f"{hidden} more that can hardly be heard; --all lists them.")
    return 0


def check_preset(path: Path) -> None:
    """See before the work that a preset can be written."""
    if not is_style_file(path):
        raise InputError(path, "does not end in .json", "give --save-preset a name that does")
    check_folder(path.parent)


def distance_table(report: MixReport) -> Table:
    """Style distance of the baselines and the mix, term by term."""
    distances = report.distances
    table = Table(title="Style distance to the reference (lower is closer)", title_justify="left")
    table.add_column("term")
    for name in distances:
        table.add_column(name.lower(), justify="right")
    for term, name, _ in DISTANCE_ROWS:
        is_total = term == "total"
        if is_total:
            table.add_section()
        cells = [significant(terms[term]) for terms in distances.values()]
        table.add_row(name.lower(), *cells, style="bold" if is_total else None)
    return table


def _one_or_many(tracks: Sequence[Path]) -> Path | Sequence[Path]:
    """A single folder stands for its files; several things must be files."""
    if len(tracks) == 1:
        return tracks[0]
    for path in tracks:
        if path.is_dir():
            raise InputError(path, "is a folder among files", "give one folder, or files only")
    return tracks


def _subtype(bits: str, file_format: str) -> str:
    if file_format == "flac" and bits == "float":
        raise InputError("--bits float", "is not possible in FLAC", "use 24, or write WAV")
    return SUBTYPES[bits]

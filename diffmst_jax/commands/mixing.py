"""`diffmst mix` and `diffmst render`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from diffmst_jax.commands.terminal import output, progress, say
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder
from diffmst_jax.mixing.api import REPORT_FILE_NAME, MixReport, mix, render_file, write_mix
from diffmst_jax.mixing.limits import FORMATS, SUBTYPES
from diffmst_jax.mixing.report import DISTANCE_ROWS, significant
from diffmst_jax.mixing.tracks import CONSOLE_FILE_NAME


def run_mix(options: argparse.Namespace) -> int:
    """Mix, write, and show how close the result is."""
    subtype = _subtype(options.bits, options.format)
    check_folder(options.out)
    if options.out.resolve() in [path.resolve() for path in options.tracks]:
        raise InputError(options.out, "is the folder of the tracks", "give --out another folder")
    with progress() as tell:
        result = mix(
            _one_or_many(options.tracks),
            options.reference,
            model=options.model,
            amount=options.amount,
            loudness_lufs=options.loudness,
            ceiling_dbtp=options.ceiling,
            lock=options.lock,
            exclude=options.exclude,
            progress=tell,
        )
        result.write(options.out, file_format=options.format, subtype=subtype)
    output().print(distance_table(result.report))
    for text in result.report.warnings:
        say(f"Note: {text}")
    finished = result.report.facts.finished
    level = f"{finished.loudness_lufs:.1f} LUFS, {finished.true_peak_dbtp:.1f} dBTP"
    say(f"{options.out / f'mix.{options.format}'}  {level}")
    say(f"{options.out / CONSOLE_FILE_NAME}  every setting; edit it and run diffmst render")
    say(f"{options.out / REPORT_FILE_NAME}  what was done, to see and hear")
    return 0


def run_render(options: argparse.Namespace) -> int:
    """From a console file to audio."""
    file_format = options.out.suffix.lower().removeprefix(".")
    if file_format not in FORMATS:
        raise InputError(options.out, "is no .wav or .flac", "give --out a name that ends in one")
    subtype = _subtype(options.bits, file_format)
    check_folder(options.out.parent)
    with progress() as tell:
        finished = render_file(_one_or_many(options.tracks), options.console, progress=tell)
        write_mix(options.out, finished.audio, subtype=subtype)
    say(f"{options.out}  {finished.loudness_lufs:.1f} LUFS, {finished.true_peak_dbtp:.1f} dBTP")
    return 0


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

"""`diffmst mix`."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.table import Table

from diffmst_jax.api import mix
from diffmst_jax.audio import AUDIO_SUFFIXES
from diffmst_jax.commands.mix_options import NO_TRACK
from diffmst_jax.commands.rendering import (
    check_stems_apart,
    level_words,
    one_or_many,
    say_stems,
    stems_beside,
    subtype_of,
)
from diffmst_jax.commands.terminal import progress, say, show
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder
from diffmst_jax.mixing.report.verdict import DISTANCE_ROWS, YARDSTICK
from diffmst_jax.mixing.report.words import refinement_words, significant
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME
from diffmst_jax.mixing.sources.inputs import reference_files, track_files
from diffmst_jax.mixing.sources.overwriting import (
    ANOTHER_FOLDER,
    check_apart,
    check_not_among_tracks,
)
from diffmst_jax.mixing.sources.style_file import is_style_file
from diffmst_jax.progress import Tell
from diffmst_jax.reaching import is_there
from diffmst_jax.result import REPORT_FILE_NAME, MixReport, mix_file_name, result_files

MIXED, PARTED = 0.8, 0.9
"""Where the mix and its stems are there in the progress of the command; the report comes last."""


def run_mix(options: argparse.Namespace) -> int:
    """Mix, write, and show how close the result is."""
    subtype = subtype_of(options.bits, options.format)
    tracks = one_or_many(options.tracks)
    references = [options.reference, *options.more_references]
    check_places(options, [*track_files(tracks), *reference_files(references)])
    with progress() as tell, ExitStack() as all_or_none:
        result = mix(
            tracks,
            references,
            model=options.model,
            amount=options.amount,
            refine=options.refine,
            section=options.section,
            loudness_lufs=options.loudness,
            ceiling_dbtp=options.ceiling,
            lock=[*options.lock, *(["*"] if options.solo_master else [])],
            centre=[] if options.centre == [NO_TRACK] else options.centre,
            exclude=options.exclude,
            progress=_between(tell, 0.0, MIXED),
        )
        stems = []
        if options.stems:
            parting = _between(tell, MIXED, PARTED)
            stems = all_or_none.enter_context(
                stems_beside(tracks, result.console, options.out, parting)
            )
        tell("Reporting", PARTED)
        result.write(
            options.out, file_format=options.format, subtype=subtype, preset=options.save_preset
        )
    show(distance_table(result.report))
    if refined := refinement_words(result.console.provenance.refinement):
        say(refined)
    for text in result.report.warnings:
        say(f"Note: {text}")
    level = level_words(result.report.facts.finished.level)
    say(f"{options.out / mix_file_name(options.format)}  {level}")
    say(f"{options.out / CONSOLE_FILE_NAME}  every setting; edit it and run diffmst render")
    say(f"{options.out / REPORT_FILE_NAME}  what was done, to see and hear")
    if options.save_preset is not None:
        say(f"{options.save_preset}  the style; give it as a reference")
    say_stems(stems)
    return 0


def _between(tell: Tell, first: float, last: float) -> Tell:
    """Tell what a part of the work has done as a part of the whole, from `first` to `last`."""
    return lambda stage, done: tell(stage, first + (last - first) * done)


def check_places(options: argparse.Namespace, read: Sequence[Path]) -> None:
    """See before the work that everything can be written, and over nothing that is read."""
    if options.out.suffix.lower() in AUDIO_SUFFIXES and not is_there(options.out):
        folder = options.out.with_suffix("")
        remedy = f"--out {folder} writes {folder / mix_file_name(options.format)}"
        raise InputError(options.out, "is the name of a file, but a folder is written", remedy)
    check_folder(options.out)
    preset = options.save_preset
    if preset is not None:
        if not is_style_file(preset):
            raise InputError(preset, "does not end in .json", "give --save-preset a name that does")
        check_folder(preset.parent)
    written = result_files(options.out, file_format=options.format, preset=preset)
    check_apart(written, read, remedy=ANOTHER_FOLDER)
    check_not_among_tracks(written, one_or_many(options.tracks))
    if options.stems:
        check_stems_apart(options.out, read)


def distance_table(report: MixReport) -> Table:
    """Style distance of the baselines and the mix, term by term."""
    distances = report.distances
    table = Table(
        title="Style distance to the reference (lower is closer)",
        title_justify="left",
        caption=YARDSTICK,
        caption_justify="left",
    )
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

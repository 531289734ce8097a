"""`diffmst render`: it starts in a second, for it imports nothing that learns or predicts."""

import argparse
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from diffmst_jax.commands.terminal import progress, say
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder
from diffmst_jax.mixing.console.file import load_console
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing.limits import FORMATS, SUBTYPES
from diffmst_jax.mixing.finishing.output import Level, shortfall_words
from diffmst_jax.mixing.rendering.song import unlisted_words, write_song
from diffmst_jax.mixing.rendering.stems import (
    STEMS_FOLDER,
    check_stems_folder,
    stems_written_beside,
)
from diffmst_jax.mixing.sources.finding import Source, find_tracks
from diffmst_jax.mixing.sources.overwriting import (
    ANOTHER_FOLDER,
    check_apart,
    check_not_among_tracks,
)
from diffmst_jax.progress import Tell
from diffmst_jax.reaching import is_folder


def run_render(options: argparse.Namespace) -> int:
    """From a console file to audio."""
    file_format = options.out.suffix.lower().removeprefix(".")
    if file_format not in FORMATS:
        raise InputError(options.out, "is no .wav or .flac", "give --out a name that ends in one")
    subtype = subtype_of(options.bits, file_format)
    tracks = one_or_many(options.tracks)
    check_folder(options.out.parent)
    read = [*find_tracks(tracks)[1], options.console]
    check_apart([options.out], read, remedy="give --out another name")
    check_not_among_tracks([options.out], tracks)
    if options.stems:
        check_stems_apart(options.out.parent, read)
    settings = load_console(options.console)
    with progress() as tell, ExitStack() as all_or_none:
        tell("Mixing", 0.0)
        stems = []
        if options.stems:
            stems = all_or_none.enter_context(
                stems_beside(tracks, settings, options.out.parent, tell)
            )
        level = write_song(
            tracks, settings, options.out, subtype=subtype,
            progress=lambda done: tell("Mixing", 0.9 * done),
        )  # fmt: skip
        tell("Done", 1.0)
    for text in shortfall_words(level, settings.target) + unlisted_words(tracks, settings):
        say(f"Note: {text}")
    say(f"{options.out}  {level_words(level)}")
    say_stems(stems)
    return 0


def level_words(level: Level) -> str:
    """Say how loud a mix became."""
    if math.isinf(level.loudness_lufs):
        return "silent"
    return f"{level.loudness_lufs:.1f} LUFS, {level.true_peak_dbtp:.1f} dBTP"


def stems_beside(
    tracks: Source, settings: MixSettings, folder: Path, tell: Tell
) -> AbstractContextManager[list[Path]]:
    """Write stems that take their place beside a mix when all of it is written."""
    tell("Writing stems", 0.0)
    return stems_written_beside(
        tracks, settings, folder / STEMS_FOLDER, lambda done: tell("Writing stems", done)
    )


def check_stems_apart(folder: Path, read: Sequence[Path]) -> None:
    """See before the work that stems can go beside a mix, and are not what is read."""
    stems = folder / STEMS_FOLDER
    check_stems_folder(stems)
    for path in read:
        if stems.resolve() in path.resolve().parents:
            problem = "is read here, and stems would take the place of its folder"
            raise InputError(path, problem, ANOTHER_FOLDER)


def say_stems(stems: Sequence[Path]) -> None:
    """Say where stems are, if there are any."""
    if stems:
        say(f"{stems[0].parent}  {len(stems)} stems; their sum is what enters the master bus")


def one_or_many(tracks: Sequence[Path]) -> Source:
    """A single folder stands for its files; several things must be files."""
    if len(tracks) == 1:
        return tracks[0]
    for path in tracks:
        if is_folder(path):
            raise InputError(path, "is a folder among files", "give one folder, or files only")
    return tracks


def subtype_of(bits: str, file_format: str) -> str:
    """Name a sample format as libsndfile does; refuse what the file format does not have."""
    if bits not in FORMATS[file_format]:
        problem = f"is not possible in {file_format.upper()}"
        raise InputError(f"--bits {bits}", problem, "use 24, or write WAV")
    return SUBTYPES[bits]

"""`diffmst render`: it starts in a second, for it imports nothing that learns or predicts."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from diffmst_jax.commands.terminal import Tell, progress, say
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder
from diffmst_jax.mixing.console_file import load_console
from diffmst_jax.mixing.limits import FORMATS, SUBTYPES
from diffmst_jax.mixing.settings import MixSettings
from diffmst_jax.mixing.song import STEMS_FOLDER, write_song, write_stems


def run_render(options: argparse.Namespace) -> int:
    """From a console file to audio."""
    file_format = options.out.suffix.lower().removeprefix(".")
    if file_format not in FORMATS:
        raise InputError(options.out, "is no .wav or .flac", "give --out a name that ends in one")
    subtype = subtype_of(options.bits, file_format)
    check_folder(options.out.parent)
    settings = load_console(options.console)
    with progress() as tell:
        tell("Mixing", 0.0)
        level = write_song(
            one_or_many(options.tracks), settings, options.out, subtype=subtype,
            progress=lambda done: tell("Mixing", 0.9 * done),
        )  # fmt: skip
        stems = stems_if_wanted(options.stems, options.tracks, settings, options.out.parent, tell)
        tell("Done", 1.0)
    say(f"{options.out}  {level.loudness_lufs:.1f} LUFS, {level.true_peak_dbtp:.1f} dBTP")
    say_stems(stems)
    return 0


def stems_if_wanted(
    wanted: bool, tracks: Sequence[Path], settings: MixSettings, folder: Path, tell: Tell
) -> list[Path]:
    """Write the stems into a folder of their own, if they are wanted."""
    if not wanted:
        return []
    tell("Writing stems", 0.0)
    return write_stems(
        one_or_many(tracks),
        settings,
        folder / STEMS_FOLDER,
        lambda done: tell("Writing stems", done),
    )


def say_stems(stems: Sequence[Path]) -> None:
    """Say where stems are, if there are any."""
    if stems:
        say(f"{stems[0].parent}  {len(stems)} stems; their sum is what enters the master bus")


def one_or_many(tracks: Sequence[Path]) -> Path | Sequence[Path]:
    """A single folder stands for its files; several things must be files."""
    if len(tracks) == 1:
        return tracks[0]
    for path in tracks:
        if path.is_dir():
            raise InputError(path, "is a folder among files", "give one folder, or files only")
    return tracks


def subtype_of(bits: str, file_format: str) -> str:
    """Name a sample format as libsndfile does; refuse what the file format does not have."""
    if file_format == "flac" and bits == "float":
        raise InputError("--bits float", "is not possible in FLAC", "use 24, or write WAV")
    return SUBTYPES[bits]

"""The arguments of `diffmst mix`, apart from what runs it, so that `--help` answers at once."""

import argparse
from pathlib import Path

from diffmst_jax.commands.numbers import number, whole_number
from diffmst_jax.mixing.finishing.limits import (
    CEILING_RANGE,
    DEFAULT_BITS,
    DEFAULT_CEILING_DBTP,
    DEFAULT_FORMAT,
    DEFAULT_LOUDNESS_LUFS,
    DEFAULT_MODEL,
    ENOUGH_STEPS,
    FORMATS,
    LOUDNESS_RANGE,
    MOST_STEPS,
    SUBTYPES,
)

NO_TRACK = "none"
"""In place of a pattern for `--centre`."""

SUMMARY = "mix tracks in the style of a reference"

HELP = """\
TRACKS is a folder of one song's raw tracks (WAV, FLAC, MP3, OGG or AIFF; any sample rate, mono or
stereo, all starting together; a subfolder per group if you like), or several files. REFERENCE is a
finished mix of another song, or a style saved earlier, and comes last. Written are

  mix.wav        the mix, at the loudness asked for, never clipped
  console.json   every setting of the mixing console in physical units, to read, edit and render
  report.html    what was done and how close it is, with players to compare

examples:
  diffmst mix my_song/ reference.mp3 --out mixed/
  diffmst mix kick.wav bass.wav vox.wav reference.flac --out mixed/

closer to the reference, by 60 steps of descent from the prediction:
  diffmst mix my_song/ reference.mp3 --out mixed/ --refine 60

less of it; by part of the console; tracks left as they are, in the middle, or out; only the
master bus:
  diffmst mix my_song/ reference.mp3 --out mixed/ --amount 0.5
  diffmst mix my_song/ reference.mp3 --out mixed/ --amount eq=0.5,pan=0
  diffmst mix my_song/ reference.mp3 --out mixed/ --lock "Vox*" --exclude "*click*"
  diffmst mix my_song/ reference.mp3 --out mixed/ --centre "*vox*" --centre "*kick*"
  diffmst mix my_song/ reference.mp3 --out mixed/ --centre none
  diffmst mix my_song/ my_old_mix.wav --out mixed/ --solo-master

a section of the reference; several references, one of them counting three times as much:
  diffmst mix my_song/ reference.mp3 --out mixed/ --section 0:30-1:10
  diffmst mix my_song/ a.mp3=3 --reference b.mp3=1 --out mixed/
  diffmst mix my_song/ a.mp3@0:30-1:10 --reference b.mp3@2:00-2:40=0.5 --out mixed/

keep the style and use it again without the reference:
  diffmst mix my_song/ reference.mp3 --out mixed/ --save-preset warm.json
  diffmst mix my_other_song/ warm.json --out mixed_2/
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("tracks", nargs="+", type=Path, metavar="TRACKS", help="folder, or files")
    parser.add_argument(
        "reference", metavar="REFERENCE", help="a finished mix or a style: FILE[@FROM-TO][=WEIGHT]"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    add_model(parser)
    _add_references(parser)
    _add_choices(parser)
    _add_output(parser)
    parser.set_defaults(run="mixing.run_mix")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare `--model`."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|FOLDER",
        help="packaged model or model folder (default: %(default)s)",
    )


def add_bits(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Declare `--bits`."""
    parser.add_argument(
        "--bits",
        choices=SUBTYPES,
        default=DEFAULT_BITS,
        help="sample format (default: %(default)s)",
    )


def _add_references(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reference")
    group.add_argument(
        "--reference",
        dest="more_references",
        action="append",
        default=[],
        metavar="FILE[@FROM-TO][=WEIGHT]",
        help="another reference; weights count beside each other, 1 if not given",
    )
    group.add_argument(
        "--section",
        metavar="FROM-TO",
        help="follow this part of the reference only: 0:30-1:10, or 0-1:10, or 1:10- to its end",
    )
    group.add_argument(
        "--save-preset",
        type=Path,
        metavar="FILE.json",
        help="keep the style of the reference in a file that can stand for it",
    )


def _add_choices(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is done")
    group.add_argument(
        "--refine",
        type=whole_number(0, MOST_STEPS),
        default=0,
        metavar="STEPS",
        help="come closer to the reference by so many steps of gradient descent; "
        f"{ENOUGH_STEPS} are enough",
    )
    group.add_argument(
        "--amount",
        default="1",
        metavar="AMOUNT",
        help="how much of it, 0 to 1, or per part: "
        "level, eq, dynamics, pan, effects, master (default: %(default)s)",
    )
    group.add_argument(
        "--lock",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave these tracks as they are; may be given again",
    )
    group.add_argument(
        "--centre",
        "--center",
        action="append",
        metavar="PATTERN",
        help="leave these tracks in the middle (stereo ones as recorded) and make the style of the "
        f"others; may be given again; {NO_TRACK} leaves none (default: those that are called "
        "like a kick, a snare, a bass or the lead voice, there or near it)",
    )
    group.add_argument(
        "--solo-master",
        action="store_true",
        help="leave all tracks as they are and change the master bus alone",
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave these tracks out; may be given again",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--loudness",
        type=number(*LOUDNESS_RANGE),
        default=DEFAULT_LOUDNESS_LUFS,
        metavar="LUFS",
        help="integrated loudness of the mix (default: %(default)s)",
    )
    group.add_argument(
        "--ceiling",
        type=number(*CEILING_RANGE),
        default=DEFAULT_CEILING_DBTP,
        metavar="DBTP",
        help="highest true peak of the mix (default: %(default)s)",
    )
    group.add_argument(
        "--format",
        choices=FORMATS,
        default=DEFAULT_FORMAT,
        help="of the mix (default: %(default)s)",
    )
    add_bits(group)
    add_stems(group)


def add_stems(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the choice to write every track by itself too."""
    parser.add_argument(
        "--stems",
        action="store_true",
        help="also write what every track adds to the mix before the master bus, as float WAV, to "
        "a folder stems beside the mix",
    )

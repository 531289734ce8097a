"""The command line: `diffmst mix`, `render`, `export`, `serve`, `convert` and `data`.

Whatever is wrong with the input ends in exit status 2 and one line on standard error; Ctrl-C ends
in status 130. Neither leaves a file behind. What takes long to import is imported by the command
that needs it, so `--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from diffmst_jax import __version__
from diffmst_jax.commands import export_options, serve_options
from diffmst_jax.commands.process import EXIT_INTERRUPTED, STOPPED, as_program
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.limits import (
    CEILING_RANGE,
    DEFAULT_BITS,
    DEFAULT_CEILING_DBTP,
    DEFAULT_LOUDNESS_LUFS,
    DEFAULT_MODEL,
    FORMATS,
    LOUDNESS_RANGE,
    SUBTYPES,
)

EXIT_WRONG_INPUT = 2

DESCRIPTION = "Mix raw tracks in the style of a finished mix that you like."
OVERVIEW = """\
start here:
  diffmst mix my_song/ reference.mp3 --out mixed/

then listen to mixed/mix.wav, open mixed/report.html, change numbers in mixed/console.json, and
  diffmst render my_song/ mixed/console.json --out mix_2.wav
"""

MIX_HELP = """\
TRACKS is a folder of one song's raw tracks (WAV, FLAC, MP3, OGG or AIFF; any sample rate, mono or
stereo, all starting together), or several files; REFERENCE is a finished mix of another song, and
comes last. Written are

  mix.wav        the mix, at the loudness asked for, never clipped
  console.json   every setting of the mixing console in physical units, to read, edit and render
  report.html    what was done and how close it is, with players to compare

examples:
  diffmst mix my_song/ reference.mp3 --out mixed/
  diffmst mix kick.wav bass.wav vox.wav reference.flac --out mixed/
  diffmst mix my_song/ reference.mp3 --out mixed/ --amount 0.5 --loudness -16 --format flac
  diffmst mix my_song/ reference.mp3 --out mixed/ --amount eq=0.5,pan=0
  diffmst mix my_song/ reference.mp3 --out mixed/ --lock "Vox*" --exclude "*click*"
"""

RENDER_HELP = """\
Without edits this gives the same samples as the mix that console.json came with. In it, set a
track's input_gain_db, pan, equalizer or compressor, or "muted": true, and render again.

example:
  diffmst render my_song/ mixed/console.json --out mix_2.wav
"""

CONVERT_HELP = """\
Turns a Diff-MST checkpoint (.ckpt, which needs PyTorch: pip install 'diffmst-jax[torch]'; or its
state dict as .safetensors or .npz) into a model folder for --model.

example:
  diffmst convert checkpoint.ckpt my_model/
"""

SYNTHESIZE_HELP = """\
Writes multitrack songs that the program composes and plays itself, and a finished mix of each, in
the layout of real data: OUT/songs/<song>/<track>.flac and OUT/references/<song>.flac. The same
seed gives the same songs.

example:
  diffmst data synthesize corpus/ --songs 20 --seed 0
"""

CHECK_HELP = """\
Looks through a folder with one subfolder per song for what would hurt training or mixing: files
that cannot be read, clipping, silence, duplicates, lengths and sample rates that differ.

example:
  diffmst data check corpus/
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        options.parser.print_help()
        return EXIT_WRONG_INPUT
    with as_program() as stderr:
        try:
            status: int = _function(options.run)(options)
        except InputError as error:
            stderr.write(f"diffmst: {error}\n")
            return EXIT_WRONG_INPUT
        except KeyboardInterrupt:
            stderr.write(STOPPED)
            return EXIT_INTERRUPTED
        except BrokenPipeError:  # the reader of our output went away, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
    return status


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = argparse.ArgumentParser(
        "diffmst", description=DESCRIPTION, epilog=OVERVIEW, formatter_class=_Formatter
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(parser=parser)
    commands_of = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_mix(commands_of)
    _add_render(commands_of)
    export_options.add_options(
        _command(commands_of, "export", export_options.SUMMARY, export_options.HELP)
    )
    serve_options.add_options(
        _command(commands_of, "serve", serve_options.SUMMARY, serve_options.HELP)
    )
    _add_convert(commands_of)
    data = commands_of.add_parser("data", help="make and check multitrack songs")
    data.set_defaults(parser=data)
    data_commands = data.add_subparsers(title="commands", metavar="COMMAND")
    _add_data_check(data_commands)
    _add_data_synthesize(data_commands)
    return parser


def _function(name: str) -> Callable[[argparse.Namespace], int]:
    """Import what runs a command: `module.function` below `diffmst_jax.commands`."""
    module, _, function = name.rpartition(".")
    found: Callable[[argparse.Namespace], int]
    found = getattr(import_module(f"diffmst_jax.commands.{module}"), function)
    return found


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as they are written and gives the options room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(parsers: Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    return parsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=text,
        formatter_class=_Formatter,
    )


def _add_mix(parsers: Commands) -> None:
    parser = _command(parsers, "mix", "mix tracks in the style of a reference", MIX_HELP)
    parser.add_argument("tracks", nargs="+", type=Path, metavar="TRACKS", help="folder, or files")
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="a finished mix")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|FOLDER",
        help="packaged model or model folder (default: %(default)s)",
    )
    parser.add_argument(
        "--amount",
        default="1",
        metavar="AMOUNT",
        help="how much of it, 0 to 1, or per part: "
        "level, eq, dynamics, pan, effects, master (default: %(default)s)",
    )
    parser.add_argument(
        "--lock",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave these tracks as they are; may be given again",
    )
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave these tracks out; may be given again",
    )
    parser.add_argument(
        "--loudness",
        type=_number_in(LOUDNESS_RANGE),
        default=DEFAULT_LOUDNESS_LUFS,
        metavar="LUFS",
        help="integrated loudness of the mix (default: %(default)s)",
    )
    parser.add_argument(
        "--ceiling",
        type=_number_in(CEILING_RANGE),
        default=DEFAULT_CEILING_DBTP,
        metavar="DBTP",
        help="highest true peak of the mix (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="of the mix (default: %(default)s)",
    )
    _add_bits(parser)
    parser.set_defaults(run="mixing.run_mix")


def _add_render(parsers: Commands) -> None:
    parser = _command(parsers, "render", "render a console.json again, edited or not", RENDER_HELP)
    parser.add_argument("tracks", nargs="+", type=Path, metavar="TRACKS", help="folder, or files")
    parser.add_argument("console", type=Path, metavar="CONSOLE", help="a console.json")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="audio file to write, .wav or .flac"
    )
    _add_bits(parser)
    parser.set_defaults(run="mixing.run_render")


def _add_convert(parsers: Commands) -> None:
    parser = _command(parsers, "convert", "turn a Diff-MST checkpoint into a model", CONVERT_HELP)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="the checkpoint's file")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write the model to")
    parser.set_defaults(run="models.run_convert")


def _add_data_check(parsers: Commands) -> None:
    parser = _command(parsers, "check", "look through songs for faults", CHECK_HELP)
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder of song folders")
    parser.set_defaults(run="data.run_check")


def _add_data_synthesize(parsers: Commands) -> None:
    parser = _command(parsers, "synthesize", "make songs to train with", SYNTHESIZE_HELP)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    parser.add_argument("--songs", type=int, required=True, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="(default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, metavar="T", help="length of each song (default: the generator's)"
    )
    parser.set_defaults(run="data.run_synthesize")


def _add_bits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bits",
        choices=SUBTYPES,
        default=DEFAULT_BITS,
        help="sample format (default: %(default)s)",
    )


def _number_in(limits: tuple[float, float]) -> Callable[[str], float]:
    low, high = limits

    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low:g} to {high:g}")
        return value

    return number

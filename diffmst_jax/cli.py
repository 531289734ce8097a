"""The command line: the commands of `diffmst`; arguments of the larger ones are in `commands`.

Whatever is wrong with the input ends in exit status 2 and one line on standard error; Ctrl-C,
SIGTERM and SIGHUP end in status 130, 143 and 129. Neither leaves a file behind. What takes long to
import is imported by the command that needs it, so `--help` answers at once.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from diffmst_jax import __version__
from diffmst_jax.commands import diff_options, export_options, mix_options, serve_options
from diffmst_jax.commands.numbers import number, whole_number
from diffmst_jax.errors import InputError
from diffmst_jax.process import (
    EXIT_INTERRUPTED,
    EXIT_WRONG_INPUT,
    STOPPED,
    STOPPED_ON_THE_WAY,
    as_program,
    open_streams,
)

MOST_PREPARED = 256  # tracks

DESCRIPTION = "Mix raw tracks in the style of a finished mix that you like."
OVERVIEW = """\
start here:
  diffmst mix my_song/ reference.mp3 --out mixed/

then listen to mixed/mix.wav, open mixed/report.html, change numbers in mixed/console.json, and
  diffmst render my_song/ mixed/console.json --out mix_2.wav
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

PREPARE_HELP = """\
The first mix of a song with more tracks than any before compiles the model for that many, once for
all songs: half a minute or more. This does it beforehand, for songs of up to 8, 16, 24 and 32
tracks (both channels of a stereo file count; 48 and 64 come next). What is compiled is kept in
~/.cache/diffmst. --refine and songs under 24 s compile more when they come.

examples:
  diffmst prepare
  diffmst prepare --tracks 48 --model my_model/
"""

SYNTHESIZE_HELP = """\
Writes multitrack songs that the program composes and plays itself, and a finished mix of each, in
the layout of real data: OUT/songs/<song>/<track>.flac and OUT/references/<song>.flac, and what they
are in OUT/manifest.json. Songs are of eight styles. Song i has seed S + i and is the same however
many are made; run it again after a stop, or with more songs, and it goes on. About a second for
each 14 s of song. Training can also make songs without a folder: data=stream.

examples:
  diffmst data synthesize corpus/ --songs 20
  diffmst data synthesize more/ --songs 500 --seed 1000 --seconds 14 --tracks 5 12
  diffmst mix corpus/songs/song_00000 corpus/references/song_00001.flac --out mix/
"""

CHECK_HELP = """\
Looks through a corpus for what would hurt training or mixing: files that cannot be read, clipping,
DC offset, silence, lengths and sample rates that differ, tracks that are shifted against the
others, folders of several songs that are taken as one, and the same audio under two names, in a
song with inverted polarity and at another level too. The exit status is 0 if all is well, 1 if
something was found, 2 if ROOT cannot be used.

examples:
  diffmst data check corpus/
  diffmst data check MedleyDB/ --layout medleydb --json > faults.json
"""

INDEX_HELP = """\
Measures once where each file has sound, so that training opens at once and reads only windows that
sound. What is measured already is kept: run it again after a stop or after adding files. The exit
status is 1 if files could not be read.

examples:
  diffmst data index mtg-jamendo/
  diffmst data index mtg-jamendo/ --decoded /fast/disk/decoded
"""

SPLIT_HELP = """\
Writes which songs to learn from and which to hold out, all songs of an artist together, as YAML:
{train|val|test: {song folder: {file name: instrument}}}. The same seed gives the same split.

example:
  diffmst data split MedleyDB/ --out split.yaml --seed 0
"""


def program() -> NoReturn:
    """Run the program as its process: what was read and compiled is left to the system to clear."""
    # Imports and compiling make a million objects that stay; looking through them costs 0.4 s.
    gc.set_threshold(100_000)
    open_streams()
    status = main()
    with suppress(OSError):  # what commands say was flushed, or answered for
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        options.parser.print_help(sys.stderr)
        return EXIT_WRONG_INPUT
    with as_program(options.stopped) as stderr:
        try:
            status: int = _function(options.run)(options)
        except InputError as error:
            stderr.write(f"diffmst: {error}\n")
            return EXIT_WRONG_INPUT
        except KeyboardInterrupt:
            stderr.write(options.stopped)
            return EXIT_INTERRUPTED
        except BrokenPipeError:  # the reader of our output went away, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
    return status


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = _Parser(
        "diffmst", description=DESCRIPTION, epilog=OVERVIEW, formatter_class=_Formatter
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(parser=parser, stopped=STOPPED)
    commands_of = parser.add_subparsers(title="commands", metavar="COMMAND")
    mix_options.add_options(_command(commands_of, "mix", mix_options.SUMMARY, mix_options.HELP))
    _add_render(commands_of)
    diff_options.add_options(_command(commands_of, "diff", diff_options.SUMMARY, diff_options.HELP))
    export_options.add_options(
        _command(commands_of, "export", export_options.SUMMARY, export_options.HELP)
    )
    serve_options.add_options(
        _command(commands_of, "serve", serve_options.SUMMARY, serve_options.HELP)
    )
    _add_prepare(commands_of)
    _add_convert(commands_of)
    data = commands_of.add_parser(
        "data",
        help="make and check multitrack songs",
        description="Make and check multitrack songs.",
    )
    data.set_defaults(parser=data)
    data_commands = data.add_subparsers(title="commands", metavar="COMMAND")
    _add_data_check(data_commands)
    _add_data_index(data_commands)
    _add_data_split(data_commands)
    _add_data_synthesize(data_commands)
    return parser


def _function(name: str) -> Callable[[argparse.Namespace], int]:
    """Import what runs a command: `module.function` below `diffmst_jax.commands`."""
    module, _, function = name.rpartition(".")
    found: Callable[[argparse.Namespace], int]
    found = getattr(import_module(f"diffmst_jax.commands.{module}"), function)
    return found


class _Parser(argparse.ArgumentParser):
    """Answers wrong arguments as all wrong input is answered, in one line."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register("type", Path, _path)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is left over here: the command that it was given to can say what it takes."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_WRONG_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def _path(text: str) -> Path:
    """A file or folder. Nothing is neither, and to `Path` the folder one stands in."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; give the name of a file or folder")
    return Path(text)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as they are written and gives the options room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"


def _command(parsers: Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    return parsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=text,
        formatter_class=_Formatter,
    )


def _add_render(parsers: Commands) -> None:
    parser = _command(parsers, "render", "render a console.json again, edited or not", RENDER_HELP)
    parser.add_argument("tracks", nargs="+", type=Path, metavar="TRACKS", help="folder, or files")
    parser.add_argument("console", type=Path, metavar="CONSOLE", help="a console.json")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="audio file to write, .wav or .flac"
    )
    mix_options.add_bits(parser)
    mix_options.add_stems(parser)
    parser.set_defaults(run="rendering.run_render")


def _add_prepare(parsers: Commands) -> None:
    parser = _command(parsers, "prepare", "compile beforehand what mixing needs", PREPARE_HELP)
    parser.add_argument(
        "--tracks",
        type=whole_number(1, MOST_PREPARED),
        nargs="+",
        default=(8, 16, 24, 32),
        metavar="N",
        help="of the songs to come (default: 8 16 24 32)",
    )
    mix_options.add_model(parser)
    parser.set_defaults(run="preparing.run_prepare", stopped=STOPPED_ON_THE_WAY)


def _add_convert(parsers: Commands) -> None:
    parser = _command(parsers, "convert", "turn a Diff-MST checkpoint into a model", CONVERT_HELP)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="the checkpoint's file")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write the model to")
    parser.set_defaults(run="models.run_convert")


def _add_data_check(parsers: Commands) -> None:
    parser = _command(parsers, "check", "look through songs for faults", CHECK_HELP)
    _add_corpus(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _add_processes(parser)
    parser.set_defaults(run="data.run_check")


def _add_data_index(parsers: Commands) -> None:
    parser = _command(parsers, "index", "measure where each file has sound", INDEX_HELP)
    _add_corpus(parser)
    parser.add_argument(
        "--decoded", type=Path, metavar="DIR", help="also keep decoded audio there, to train faster"
    )
    _add_processes(parser)
    parser.set_defaults(run="data.run_index", stopped=STOPPED_ON_THE_WAY)


def _add_data_split(parsers: Commands) -> None:
    parser = _command(parsers, "split", "divide songs by artist", SPLIT_HELP)
    _add_corpus(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--seed", type=whole_number(), default=0, metavar="S", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--shares",
        type=number(0),
        nargs=3,
        default=(0.8, 0.1, 0.1),
        metavar=("TRAIN", "VAL", "TEST"),
        help="of the songs (default: 0.8 0.1 0.1)",
    )
    parser.set_defaults(run="data.run_split")


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder of the corpus")
    parser.add_argument(
        "--layout",
        default="auto",
        metavar="NAME",
        help="medleydb, cambridge, musdb18, jamendo, slakh, moisesdb, synthetic or folders "
        "(default: told from the folder)",
    )


def _add_processes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes",
        type=whole_number(1),
        metavar="N",
        help="at once (default: one per processor)",
    )


def _add_data_synthesize(parsers: Commands) -> None:
    parser = _command(parsers, "synthesize", "make songs to train with", SYNTHESIZE_HELP)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    parser.add_argument(
        "--songs", type=whole_number(1), required=True, metavar="N", help="how many"
    )
    parser.add_argument(
        "--seed", type=whole_number(), default=0, metavar="S", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--seconds",
        type=number(0),
        metavar="T",
        help="length of each song (default: 30)",
    )
    parser.add_argument(
        "--tracks",
        type=whole_number(),
        nargs=2,
        metavar=("FEWEST", "MOST"),
        help="files of each song (default: 4 24)",
    )
    _add_processes(parser)
    parser.set_defaults(run="data.run_synthesize", stopped=STOPPED_ON_THE_WAY)

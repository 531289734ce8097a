"""The arguments of `diffmst serve`, apart from what runs it, so that `--help` answers at once."""

import argparse
from pathlib import Path

from diffmst_jax.commands.mix_options import add_model
from diffmst_jax.commands.numbers import number, whole_number
from diffmst_jax.page.limits import DEFAULT_PORT, DEFAULT_UPLOAD_MB, UPLOAD_MB_RANGE

SUMMARY = "mix in the browser"

HELP = """\
Opens a mixing desk in the browser: drop tracks and a reference, mix, and change what you hear.
Everything stays on this computer; only it can reach the page. FOLDER keeps songs, one subfolder
each, as the other commands take them; without it they are gone when the server ends.

examples:
  diffmst serve
  diffmst serve my_songs/ --port 9000 --no-browser
"""

HIGHEST_PORT = 65535


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="folder of songs")
    parser.add_argument(
        "--port",
        type=whole_number(0, HIGHEST_PORT),
        default=DEFAULT_PORT,
        metavar="N",
        help="0 takes any that is free (default: %(default)s)",
    )
    add_model(parser)
    parser.add_argument(
        "--max-upload-mb",
        type=number(*UPLOAD_MB_RANGE),
        default=DEFAULT_UPLOAD_MB,
        metavar="MB",
        help="largest audio file taken (default: %(default)s)",
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.set_defaults(run="serve.run_serve")

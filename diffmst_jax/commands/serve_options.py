"""The arguments of `diffmst serve`, apart from what runs it, so that `--help` answers at once."""

import argparse
from pathlib import Path

from diffmst_jax.mixing.limits import DEFAULT_MODEL
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
        type=_port,
        default=DEFAULT_PORT,
        metavar="N",
        help="0 takes any that is free (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|FOLDER",
        help="packaged model or model folder (default: %(default)s)",
    )
    parser.add_argument(
        "--max-upload-mb",
        type=_megabytes,
        default=DEFAULT_UPLOAD_MB,
        metavar="MB",
        help="largest audio file taken (default: %(default)s)",
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.set_defaults(run="serve.run_serve")


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {HIGHEST_PORT}")
    return port


def _megabytes(text: str) -> float:
    low, high = UPLOAD_MB_RANGE
    size = float(text)
    if not low <= size <= high:
        raise argparse.ArgumentTypeError(f"{text} is not from {low:g} to {high:g}")
    return size

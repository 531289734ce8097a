"""The arguments of `diffmst export`, apart from what runs it, so that `--help` answers at once."""

import argparse
from pathlib import Path

from diffmst_jax.mixing.finishing.limits import SESSION_FORMATS

SUMMARY = "turn a mix into a session of a workstation"

HELP = """\
TRACKS and CONSOLE are those of a mix. Written is, by the ending of --out or by --format,

  dawproject   a .dawproject for Bitwig Studio, Studio One, Cubase and others: the audio, a track
               for each recording with equalizer, compressor, volume and pan, and the master
  reaper       a .rpp project for REAPER with the audio and the console's own effects beside it,
               which sounds as the mix does

and what the format cannot say is listed. REAPER needs the effects installed once: --install.

A workstation that leaves devices out still gets their sound with --print-effects.

examples:
  diffmst export my_song/ mixed/console.json --out my_song.dawproject
  diffmst export my_song/ mixed/console.json --out session/my_song.rpp --install
"""

DEFAULT_FOLDER = Path()
"""Stands for the folder that REAPER makes by default."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("tracks", nargs="+", type=Path, metavar="TRACKS", help="folder, or files")
    parser.add_argument("console", type=Path, metavar="CONSOLE", help="a console.json")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="to write: .dawproject or .rpp"
    )
    parser.add_argument(
        "--format",
        choices=SESSION_FORMATS,
        help="of the session (default: by the ending of --out)",
    )
    parser.add_argument(
        "--link",
        action="store_true",
        help="refer to recordings where they lie instead of copying them",
    )
    parser.add_argument(
        "--print-effects",
        action="store_true",
        help="put equalizer and compressor of each track into its audio",
    )
    parser.add_argument(
        "--install",
        nargs="?",
        type=Path,
        const=DEFAULT_FOLDER,
        metavar="FOLDER",
        help="also put the effects where REAPER finds them (default: its resource path)",
    )
    parser.set_defaults(run="export.run_export")

"""The arguments of `diffmst diff`, apart from what runs it, so that `--help` answers at once."""

import argparse
from pathlib import Path

SUMMARY = "say what changed between two console files"

HELP = """\
Says in words what B does differently from A, what is heard most first. Tracks are matched by file
name, so their order does not matter. The exit status is 0, whether or not they differ.

examples:
  diffmst diff mixed/console.json edited.json
  diffmst diff monday/console.json tuesday/console.json --all
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("before", type=Path, metavar="A", help="a console.json")
    parser.add_argument("after", type=Path, metavar="B", help="another one")
    parser.add_argument(
        "--all", action="store_true", help="list what is too small to be heard, too"
    )
    parser.set_defaults(run="differing.run_diff")

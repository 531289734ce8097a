"""`diffmst diff`."""

import argparse

from diffmst_jax.commands.terminal import say
from diffmst_jax.mixing.console.file import load_console
from diffmst_jax.mixing.report.difference import differences


def run_diff(options: argparse.Namespace) -> int:
    """Say what changed between two console files."""
    lines = differences(load_console(options.before), load_console(options.after))
    shown = [line for line in lines if options.all or line.is_heard]
    for line in shown:
        say(line.text)
    hidden = len(lines) - len(shown)
    if not lines:
        say("Nothing changed.")
    elif hidden:
        more = " more" if shown else ""
        say(f"{hidden}{more} that can hardly be heard; --all lists them.")
    return 0

"""`diffmst export`."""

import argparse

from diffmst_jax.commands.export_options import DEFAULT_FOLDER
from diffmst_jax.commands.rendering import one_or_many
from diffmst_jax.commands.terminal import progress, say
from diffmst_jax.export import check_format, export_session
from diffmst_jax.export.install import install_effects, resource_folder
from diffmst_jax.files import check_folder


def run_export(options: argparse.Namespace) -> int:
    """Write a session and list what it says another way."""
    check_format(options.out, options.format)
    check_folder(options.out.parent)
    target = None
    if options.install is not None:
        target = resource_folder(None if options.install == DEFAULT_FOLDER else options.install)
    with progress() as tell:
        exported = export_session(
            one_or_many(options.tracks),
            options.console,
            options.out,
            file_format=options.format,
            link=options.link,
            print_effects=options.print_effects,
            progress=tell,
        )
    say(f"{exported.path}  {exported.tracks} tracks")
    for note in exported.notes:
        say(f"- {note}")
    if target is not None:
        say(f"{install_effects(target)}  effects installed")
    return 0

"""`diffmst serve`."""

import argparse
from pathlib import Path

from diffmst_jax.commands.terminal import say
from diffmst_jax.page.limits import UploadLimits
from diffmst_jax.page.server import serve

MEGABYTE = 1_000_000


def run_serve(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""

    def announce(address: str, folder: Path) -> None:
        kept = f"Songs are kept in {folder}"
        gone = "Songs are deleted when it ends; `diffmst serve FOLDER` keeps them"
        say(f"diffmst is at {address} (Ctrl-C ends it)")
        say(gone if options.folder is None else kept)

    serve(
        options.folder,
        port=options.port,
        model=options.model,
        limits=UploadLimits(file_bytes=round(options.max_upload_mb * MEGABYTE)),
        announce=announce,
        browser=not options.no_browser,
    )
    return 0

"""The user's home and this program's cache folder, also for users who have no home."""

import os
from pathlib import Path


def home_folder() -> Path | None:
    """Return the user's home; None for one that has none, as services and containers may run by."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def cache_folder() -> Path | None:
    """Return where this program keeps what it can make again, below `XDG_CACHE_HOME` or home."""
    said, home = os.environ.get("XDG_CACHE_HOME"), home_folder()
    root = Path(said) if said else home and home / ".cache"
    return root and root / "diffmst"

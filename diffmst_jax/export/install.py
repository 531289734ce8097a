"""Puts the effects where REAPER finds them, for every project."""

import os
import sys
from pathlib import Path

from diffmst_jax.errors import InputError
from diffmst_jax.export.jsfx_settings import effect_files
from diffmst_jax.export.reaper import EFFECTS_FOLDER
from diffmst_jax.files import check_folder, folder_written_beside
from diffmst_jax.places import home_folder


def resource_folder(folder: str | Path | None = None) -> Path:
    """Find REAPER's resource path.

    Args:
        folder: the resource path; None looks where REAPER makes it by default.

    Raises:
        InputError: it is not there, or cannot be written to.
    """
    remedy = "name the folder that REAPER's Options > Show REAPER resource path shows"
    found = _default_folder() if folder is None else Path(folder)
    if found is None:
        raise InputError("REAPER", "is nowhere without a home", remedy)
    if not found.is_dir():
        raise InputError(found, "is not there, so the effects cannot be installed", remedy)
    check_folder(found / EFFECTS_FOLDER)
    return found


def install_effects(folder: Path) -> Path:
    """Copy the effects below a resource path; returns the folder they are in.

    Raises:
        InputError: the folder cannot be written to.
    """
    target = folder / EFFECTS_FOLDER
    with folder_written_beside(target) as beside:
        for effect in effect_files():
            (beside / effect.name).write_bytes(effect.read_bytes())
    return target


def _default_folder() -> Path | None:
    home = home_folder()
    if sys.platform == "darwin":
        return home and home / "Library" / "Application Support" / "REAPER"
    is_windows = sys.platform == "win32"
    said = os.environ.get("APPDATA" if is_windows else "XDG_CONFIG_HOME")
    root = Path(said) if said else home and (home if is_windows else home / ".config")
    return root and root / "REAPER"

"""How corpora lie on disk: one thin adapter each, told apart by what is certain.

medleydb    raw tracks and mixes, metadata in YAML
cambridge   one folder of numbered tracks per song
musdb18     four stems and a mixture per song
jamendo     finished songs as MP3, tables in TSV
slakh       rendered stems and their sum
moisesdb    tracks by kind of stem, metadata in JSON
synthetic   what `diffmst data synthesize` writes
folders     any folder of folders
"""

from pathlib import Path

from diffmst_jax.data.layouts import (
    cambridge,
    folders,
    jamendo,
    medleydb,
    moisesdb,
    musdb18,
    slakh,
    synthetic,
)
from diffmst_jax.data.layouts.common import Layout, TrackMaker
from diffmst_jax.errors import InputError
from diffmst_jax.reaching import is_folder, status

__all__ = ["AUTO", "LAYOUTS", "Layout", "TrackMaker", "detect", "find_layout"]

AUTO = "auto"
LAYOUTS: dict[str, Layout] = {
    "medleydb": medleydb,
    "cambridge": cambridge,
    "musdb18": musdb18,
    "jamendo": jamendo,
    "slakh": slakh,
    "moisesdb": moisesdb,
    "synthetic": synthetic,
    "folders": folders,
}


def find_layout(name: str, root: Path) -> Layout:
    """Return a layout by its name, or the one that `root` certainly has for `auto`.

    Raises:
      InputError: no such folder or layout, or a root that could be two.
    """
    status(root)  # says so if it cannot be reached
    if not is_folder(root):
        raise InputError(root, "is not a folder", "check the path")
    name = detect(root) if name == AUTO else name
    if name not in LAYOUTS:
        raise InputError(name, "is no known layout", f"choose one of {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def detect(root: Path) -> str:
    """Name the layout of a corpus: the only one that recognises it, else `folders`.

    Raises:
      InputError: two recognise it.
    """
    found = [name for name, layout in LAYOUTS.items() if layout.recognises(root)]
    if len(found) > 1:
        problem = f"could be {' or '.join(found)}"
        raise InputError(root, problem, "name the layout")
    return found[0] if found else "folders"

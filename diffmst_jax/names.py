"""Names of files that are no text, or that not every system takes.

An old archive holds names in an encoding of its own. Python stands lone surrogates for the bytes
that are no UTF-8. Such a name opens its file, but it can be neither printed nor written down. And
a name may hold control characters, which a terminal obeys.
"""

import os
import re
import unicodedata
from os import PathLike
from pathlib import Path

NO_TEXT = re.compile("[\ud800-\udfff\x00-\x1f\x7f-\x9f]")

NOT_IN_WINDOWS = re.compile(r'[<>:"|?*\\]')
RESERVED_IN_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def legible(name: str | PathLike[str]) -> str:
    """Write what is no text as web addresses do: `gro%DF.wav`, `two%0Alines.wav`."""
    return NO_TEXT.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", str(name))


def one_spelling(name: str | PathLike[str]) -> str:
    """Make names comparable: legible, and a letter and its accent one character.

    Some systems hand out two, and what a keyboard types, or another system keeps, would differ.
    """
    return unicodedata.normalize("NFC", legible(name))


def portable(name: str) -> str:
    """Turn the name of a file into one that Windows takes, too: `CON.wav` becomes `_CON.wav`."""
    name = NOT_IN_WINDOWS.sub("_", name).rstrip(" .")
    return f"_{name}" if RESERVED_IN_WINDOWS.fullmatch(name) else name


def for_library(path: Path) -> str | bytes:
    """Name a file to a library in C, which takes bytes except on Windows."""
    return str(path) if os.name == "nt" else os.fsencode(path)

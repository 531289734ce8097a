"""Names of files that are no text: an old archive holds them in an encoding of its own.

Python stands lone surrogates for the bytes that are no UTF-8. Such a name opens its file, but it
can be neither printed nor written down.
"""

import os
import re
from os import PathLike
from pathlib import Path

NO_TEXT = re.compile("[\ud800-\udfff]")


def legible(name: str | PathLike[str]) -> str:
    """Write bytes that are no text as web addresses do: `gro%DF.wav`; other names stay."""
    return NO_TEXT.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", str(name))


def for_library(path: Path) -> str | bytes:
    """Name a file to a library in C, which takes bytes except on Windows."""
    return str(path) if os.name == "nt" else os.fsencode(path)

"""From what a browser calls a file to a name that is safe on every file system.

The result is one component: no separators, no control characters, not hidden, not reserved, not
longer than file systems take. Where it lies is decided elsewhere, never by the name.
"""

import re
import unicodedata
from pathlib import PurePosixPath

from diffmst_jax.audio import AUDIO_SUFFIXES, GIVE_AUDIO
from diffmst_jax.errors import InputError
from diffmst_jax.names import portable
from diffmst_jax.page.limits import NAME_BYTES

SHOWN_CHARACTERS = 80


def safe_name(raw: str) -> str:
    """Reduce a name to one harmless component of at most `NAME_BYTES` bytes, its ending kept.

    Raises:
        InputError: nothing is left of it.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", raw))[-1]
    printable = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    name = portable(printable.strip(" ."))
    if not name:
        raise InputError(shown(raw), "is no name for a file", "rename it")
    suffix = PurePosixPath(name).suffix
    if len(suffix.encode()) > NAME_BYTES // 2:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: NAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore").rstrip(" .") + suffix


def safe_audio_name(raw: str) -> str:
    """Like `safe_name`, for the name of an audio file.

    Raises:
        InputError: its ending names no format that can be read.
    """
    name = safe_name(raw)
    if PurePosixPath(name).suffix.lower() not in AUDIO_SUFFIXES:
        raise InputError(name, "is no audio file by its ending", GIVE_AUDIO)
    return name


def shown(raw: str) -> str:
    """A name from outside as it may stand in a message."""
    return ascii(raw[:SHOWN_CHARACTERS])

"""Decoded audio on disk, so that the browser can ask for any piece of any length of song.

`NAME.f32` holds float32 rows, one per channel, as they are heard; `NAME.json` says what they are
and which files, by size and time, they were decoded from. What it says tells versions apart.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside
from diffmst_jax.names import legible
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.page.workspace import Song

BLOCK = 32768
"""Samples that are sent at once; `static/audio/source.js` counts in the same blocks."""

SONG, REFERENCE = "song", "reference"


def signature(files: Sequence[Path]) -> list[list[Any]]:
    """Tell files apart from edited ones: folder and name, size and time of change of each."""
    facts = [(legible("/".join(file.parts[-2:])), file.stat()) for file in files]
    return [[name, fact.st_size, fact.st_mtime_ns] for name, fact in facts]


def keep(song: Song, name: str, audio: np.ndarray, files: Sequence[Path], about: Any) -> None:
    """Write `(rows, time)` audio and what it is.

    Args:
        song: whose.
        name: `SONG` or `REFERENCE`.
        audio: float32 `(rows, time)`.
        files: what it was decoded from.
        about: more to remember, as JSON.

    Raises:
        InputError: it cannot be written, for lack of room for instance.
    """
    rows, length = audio.shape
    facts = {"rows": rows, "length": length, "files": signature(files), "about": about}
    with written_beside(song.own(f"{name}.f32")) as temporary, temporary.open("wb") as file:
        for row in audio:  # a long song's rows are not all in memory
            np.ascontiguousarray(row, np.float32).tofile(file)
    with written_beside(song.own(f"{name}.json")) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")


def kept(song: Song, name: str, files: Sequence[Path]) -> dict[str, Any] | None:
    """Return what is remembered of audio that was decoded from exactly these files, else None."""
    facts = played(song, name)
    try:
        return facts if facts is not None and facts["files"] == signature(files) else None
    except (OSError, KeyError):
        return None


def played(song: Song, name: str) -> dict[str, Any] | None:
    """Return what is remembered of the audio that is there, of whichever files, else None."""
    try:
        content = song.own(f"{name}.json").read_bytes()
        facts: dict[str, Any] = json.loads(content)
        facts["version"] = hashlib.sha256(content).hexdigest()[:16]
        size = song.own(f"{name}.f32").stat().st_size
        return facts if size == 4 * facts["rows"] * facts["length"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def block(song: Song, name: str, version: str, index: int) -> bytes:
    """Read one block of all rows, row after row, each padded with zeros to `BLOCK` samples.

    Raises:
        RefusalError: it lies outside, nothing was decoded yet, or by now another version.
    """
    facts = played(song, name)
    if facts is None:
        raise RefusalError(409, "the audio is not decoded yet; open the song again")
    changed = RefusalError(409, f"{song.name} was changed elsewhere; load the page again")
    if facts["version"] != version:
        raise changed
    rows, length = facts["rows"], facts["length"]
    start = index * BLOCK
    if not 0 <= start < length:
        raise RefusalError(404, f"there is no block {index}")
    try:
        audio = np.memmap(song.own(f"{name}.f32"), np.float32, "r", shape=(rows, length))
    except (OSError, ValueError) as error:  # just now
        raise changed from error
    piece = np.zeros((rows, BLOCK), np.float32)
    part = audio[:, start : start + BLOCK]
    piece[:, : part.shape[1]] = part
    return piece.tobytes()


def forget(song: Song, name: str) -> None:
    """Delete decoded audio whose files are gone."""
    for ending in ("f32", "json"):
        song.own(f"{name}.{ending}").unlink(missing_ok=True)


def song_files(song: Song) -> list[Path]:
    """List the tracks that decoded audio of the song depends on.

    Raises:
        InputError: there are none.
    """
    files = song.track_files()
    if not files:
        raise InputError(song.name, "has no tracks yet", "drop some audio files on the page")
    return files

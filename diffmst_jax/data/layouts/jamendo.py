"""MTG-Jamendo: finished songs as MP3, with tables of artists, albums, lengths and tags.

    ROOT/[audio/ or raw_30s/audio/]48/948.mp3       or 48/948.low.mp3, the smaller edition
    ROOT/[data/]autotagging.tsv                     TRACK_ID ARTIST_ID ALBUM_ID PATH DURATION TAGS

Tables may cover part of the files, and files part of the tables, as after a partial download.
Lengths come from the tables, so that tens of thousands of files need not be opened.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from diffmst_jax.data.layouts.common import TrackMaker, audio_below, folders_below, subfolders
from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError

TABLES = ("autotagging*.tsv", "raw*.tsv")
NAMES_SUFFIX = ".meta.tsv"  # the corpus's tables of names and links, without lengths
COLUMNS = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION")
FOLDER_NAME = re.compile(r"^[0-9]{2}$")
FILE_NAME = re.compile(r"^[0-9]+(\.low)?\.mp3$")
DEPTH = 2


class Row(NamedTuple):
    """What a table says of one file."""

    artist: str
    duration_s: float


def recognises(root: Path) -> bool:
    """A two-digit folder with a numbered MP3 in it."""
    return any(
        FOLDER_NAME.match(folder.name)
        and any(FILE_NAME.match(item.name) for item in folder.glob("*.mp3"))
        for folder in folders_below(root, DEPTH + 1)
    )


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield nothing: the corpus holds finished songs alone."""
    del root, track
    yield from ()


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield every MP3, with its artist and length where a table has them."""
    rows = _rows(root)
    for folder in _audio_roots(root):
        for path in audio_below(folder):
            if FILE_NAME.match(path.name) and FOLDER_NAME.match(path.parent.name):
                row = rows.get(f"{path.parent.name}/{path.name.split('.')[0]}")
                if row is None:
                    yield track(path)
                else:
                    yield track(path, artist=row.artist, duration_s=row.duration_s)


def _audio_roots(root: Path) -> list[Path]:
    """Return the folders that hold the two-digit ones."""
    return [
        folder
        for folder in folders_below(root, DEPTH)
        if any(FOLDER_NAME.match(inner.name) for inner in subfolders(folder))
    ]


def _rows(root: Path) -> dict[str, Row]:
    """Read all tables: `48/948`, a path without its endings, to what is known of it."""
    rows: dict[str, Row] = {}
    for folder in (root, root / "data", root.parent / "data"):
        for pattern in TABLES:
            for path in sorted(folder.glob(pattern)):
                if not path.name.endswith(NAMES_SUFFIX):
                    rows = {**_table(path), **rows}
    return rows


def _table(path: Path) -> dict[str, Row]:
    """Read one table; the tags, which may fill any number of columns, are not needed."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or tuple(lines[0].split("\t")[: len(COLUMNS)]) != COLUMNS:
        problem = f"has no columns {' '.join(COLUMNS)}"
        raise InputError(path, problem, "take the table from the corpus, or remove it")
    rows = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        try:
            key = cells[3].removesuffix(".mp3").removesuffix(".low")
            rows[key] = Row(artist=cells[1], duration_s=float(cells[4]))
        except (IndexError, ValueError) as error:
            problem = f"line {number} cannot be read"
            raise InputError(path, problem, "take the table from the corpus again") from error
    return rows

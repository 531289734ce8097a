"""Slakh2100: rendered MIDI songs, one file per instrument, in parts or all in one folder.

    ROOT/[train/ validation/ test/ omitted/]
      Track00001/
        metadata.yaml           stems: {S00: {inst_class, midi_program_name, is_drum, ...}}
        mix.flac
        stems/S00.flac          some numbers are missing where nothing was rendered

`omitted` holds duplicates of other songs and is left out. The mixes are plain sums of the stems at
one loudness, so they are listed but make poor references.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffmst_jax.audio import AUDIO_SUFFIXES, audio_files
from diffmst_jax.data.layouts.common import (
    TrackMaker,
    as_text,
    first_existing,
    in_shape,
    is_yes,
    load_mapping,
    subfolders,
)
from diffmst_jax.data.records import Song, Track

PARTS = {"train": "train", "validation": "val", "test": "test"}
TRACK_FOLDER = re.compile(r"^Track[0-9]{5}$")
STEMS_FOLDER = "stems"
METADATA = "metadata.yaml"


def recognises(root: Path) -> bool:
    """A numbered song folder with stems."""
    return any((folder / STEMS_FOLDER).is_dir() for _, folder in _song_folders(root))


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield the songs with the stems that were rendered."""
    for part, folder in _song_folders(root):
        stems = folder / STEMS_FOLDER
        paths = audio_files(stems) if stems.is_dir() else []
        if not paths:
            continue
        metadata = folder / METADATA
        listed = load_mapping(metadata).get("stems") if metadata.is_file() else None
        known = in_shape(listed or {}, dict, metadata)
        mix = _mix_path(folder)
        yield Song(
            folder.name,
            tuple(track(path, instrument=_instrument(known.get(path.stem))) for path in paths),
            folder,
            mix=None if mix is None else track(mix),
            part=part,
        )


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield the sums of the stems."""
    for _, folder in _song_folders(root):
        mix = _mix_path(folder)
        if mix is not None:
            yield track(mix)


def _song_folders(root: Path) -> Iterator[tuple[str, Path]]:
    places = [("", root), *((part, root / name) for name, part in PARTS.items())]
    for part, place in places:
        if place.is_dir():
            for folder in subfolders(place):
                if TRACK_FOLDER.match(folder.name):
                    yield part, folder


def _mix_path(folder: Path) -> Path | None:
    return first_existing(*(folder / f"mix{suffix}" for suffix in AUDIO_SUFFIXES))


def _instrument(stem: Any) -> str:
    if not isinstance(stem, dict):
        return ""
    if is_yes(stem.get("is_drum")):
        return "Drums"
    return as_text(stem.get("midi_program_name") or stem.get("inst_class"))

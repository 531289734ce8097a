"""MedleyDB, versions 1 and 2: raw tracks, finished mixes, instruments.

    ROOT/[Audio/ or V1/, V2/]
      LizNelson_Rainfall/
        LizNelson_Rainfall_METADATA.yaml          version 2 keeps these in a folder of their own
        LizNelson_Rainfall_MIX.wav
        LizNelson_Rainfall_RAW/LizNelson_Rainfall_RAW_01_01.wav
        LizNelson_Rainfall_STEMS/...              processed, not used

The metadata are those of https://github.com/marl/medleydb: `artist`, `raw_dir`,
`mix_filename` and, per stem, the raw files with their instruments. Without them the songs are found
by the names of their folders.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffmst_jax.audio import audio_files
from diffmst_jax.data.layouts.common import (
    TrackMaker,
    as_text,
    first_existing,
    folders_below,
    in_shape,
    load_mapping,
    subfolders,
)
from diffmst_jax.data.records import Song, Track
from diffmst_jax.reaching import is_file, is_folder

METADATA_SUFFIX = "_METADATA.yaml"
RAW_SUFFIX = "_RAW"
MIX_SUFFIX = "_MIX.wav"
DEPTH = 3  # of song folders below the root


def recognises(root: Path) -> bool:
    """A song folder named as in MedleyDB."""
    return any(True for _ in _song_folders(root))


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield the songs that have raw tracks."""
    shared = {path.name: path for path in _metadata_elsewhere(root)}
    for folder in _song_folders(root):
        source, metadata = _metadata(folder, shared)
        raw = folder / as_text(metadata.get("raw_dir") or f"{folder.name}{RAW_SUFFIX}")
        paths = audio_files(raw) if raw.is_dir() else []
        if not paths:
            continue
        instruments = _instruments(metadata, source)
        artist = as_text(metadata.get("artist")) or folder.name.split("_", maxsplit=1)[0]
        mix = _mix_path(folder, metadata)
        yield Song(
            folder.name,
            tuple(track(path, instrument=instruments.get(path.name, "")) for path in paths),
            raw,
            artist=artist,
            mix=None if mix is None else track(mix, artist=artist),
        )


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield the finished mixes."""
    shared = {path.name: path for path in _metadata_elsewhere(root)}
    for folder in _song_folders(root):
        _, metadata = _metadata(folder, shared)
        path = _mix_path(folder, metadata)
        if path is not None:
            artist = as_text(metadata.get("artist")) or folder.name.split("_", maxsplit=1)[0]
            yield track(path, artist=artist)


def _song_folders(root: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Yield every `X/` that holds `X_RAW/` or `X_MIX.wav`; nothing is looked for inside one."""
    for folder in subfolders(root):
        if _is_song(folder):
            yield folder
        elif depth > 1:
            yield from _song_folders(folder, depth - 1)


def _is_song(folder: Path) -> bool:
    name = folder.name
    return is_folder(folder / f"{name}{RAW_SUFFIX}") or is_file(folder / f"{name}{MIX_SUFFIX}")


def _metadata_elsewhere(root: Path) -> Iterator[Path]:
    """Yield the metadata files that are kept in `Metadata/` folders instead of beside the songs."""
    for folder in folders_below(root, DEPTH):
        if folder.name.lower() == "metadata":
            yield from folder.glob(f"*{METADATA_SUFFIX}")


def _metadata(folder: Path, shared: dict[str, Path]) -> tuple[Path, dict[str, Any]]:
    """Return the place of a song's metadata and what they say, nothing where there are none."""
    name = f"{folder.name}{METADATA_SUFFIX}"
    path = first_existing(folder / name) or shared.get(name)
    return (folder / name, {}) if path is None else (path, load_mapping(path))


def _mix_path(folder: Path, metadata: dict[str, Any]) -> Path | None:
    named = metadata.get("mix_filename")
    usual = folder / f"{folder.name}{MIX_SUFFIX}"
    return first_existing(folder / str(named), usual) if named else first_existing(usual)


def _instruments(metadata: dict[str, Any], source: Path) -> dict[str, str]:
    """Map each raw file to its instrument."""
    raws: list[Any] = []
    for stem in in_shape(metadata.get("stems") or {}, dict, source).values():
        listed = in_shape(stem or {}, dict, source).get("raw")
        raws += in_shape(listed or {}, dict, source).values()
    return {
        as_text(raw.get("filename")): as_text(raw.get("instrument"))
        for raw in raws
        if isinstance(raw, dict)
    }

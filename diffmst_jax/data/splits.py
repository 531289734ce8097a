"""Which songs are learned from and which are held out: files of splits, splits by artist.

A split file is YAML, `{train|val|test: {song folder: {file name: instrument}}}`; song folders are
relative to the corpus, or to a folder above it, and a list of song names may stand in place of the
innermost mappings.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

import yaml

from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside

PARTS = ("train", "val", "test")
DEFAULT_SHARES = (0.8, 0.1, 0.1)

T = TypeVar("T")
SplitFile = dict[str, dict[str, dict[str, str]]]


def read_split(path: Path) -> SplitFile:
    """Read a split file; songs given without files have an empty mapping.

    Raises:
      InputError: no such file, or not of this form.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, "cannot be read as a split", "give a YAML file") from error
    if not isinstance(document, dict) or not set(document) <= set(PARTS):
        raise InputError(path, "is no split", f"give a mapping of {', '.join(PARTS)}")
    split: SplitFile = {}
    for part, songs in document.items():
        entries = dict.fromkeys(songs) if isinstance(songs, list) else songs or {}
        if not isinstance(entries, dict):
            raise InputError(path, f"{part} is no list of songs", "correct it")
        split[part] = {}
        for song, files in entries.items():
            names = dict.fromkeys(files, "") if isinstance(files, list) else files or {}
            if not isinstance(names, dict):
                raise InputError(path, f"{part}: {song} is no list of files", "correct it")
            split[part][str(song)] = {str(name): str(text or "") for name, text in names.items()}
    return split


def apply_split(songs: Sequence[Song], path: Path) -> tuple[Song, ...]:
    """Return the songs that a split file lists, with its files, instruments and parts.

    Raises:
      InputError: the file is no split, or none of its songs is there.
    """
    listed = {
        _tail(name): (part, files)
        for part, entries in read_split(path).items()
        for name, files in entries.items()
    }
    found = []
    for song in songs:
        entry = next((listed[key] for key in _keys(song) if key in listed), None)
        if entry is not None:
            tracks = _chosen(song.tracks, entry[1])
            if tracks:
                found.append(dataclasses.replace(song, tracks=tracks, part=entry[0]))
    if not found:
        raise InputError(path, "lists no song of this corpus", "give the split of this corpus")
    return tuple(found)


def make_split(
    songs: Sequence[Song], root: Path, *, seed: int, shares: Sequence[float] = DEFAULT_SHARES
) -> SplitFile:
    """Divide songs by artist.

    Args:
      songs: of one corpus.
      root: that song folders are written relative to.
      seed: decides who goes where.
      shares: of the songs, for train, val and test; they need not sum to 1.

    Raises:
      InputError: shares of which none is positive or one is negative.
    """
    if min(shares) < 0 or not sum(shares) > 0:
        raise InputError(
            "shares", f"are {', '.join(map(str, shares))}", "give 0 or more, not all 0"
        )
    parts = divide(songs, shares, seed=seed, key=song_key)
    return {
        name: {
            song.folder.relative_to(root).as_posix(): {
                track.path.relative_to(song.folder).as_posix(): track.instrument
                for track in song.tracks
            }
            for song in part
        }
        for name, part in zip(PARTS, parts, strict=True)
        if part
    }


def write_split(path: Path, split: SplitFile) -> None:
    """Write a split file."""
    with written_beside(path) as temporary:
        temporary.write_text(
            yaml.safe_dump(split, allow_unicode=True, sort_keys=False), encoding="utf-8"
        )


def song_key(song: Song) -> str:
    """Return what keeps songs together: their artist, else their own name."""
    return song.artist or song.name


def mix_key(mix: Track) -> str:
    """Return what keeps finished mixes together, alike for a song and its own mix."""
    return mix.artist or mix.name


def divide(
    items: Iterable[T], shares: Sequence[float], *, seed: int, key: Callable[[T], str]
) -> list[list[T]]:
    """Divide items into parts so that items of one key stay together.

    Who goes where depends on the key and the seed alone, so two lists that share keys, such as
    songs and their own mixes, are divided alike; the parts' sizes follow the shares as closely as
    whole groups allow. Every part with a share gets something as long as there are groups.

    Args:
      items: to divide.
      shares: relative sizes of the parts.
      seed: of the order.
      key: what stays together.
    """
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)

    def order(name: str) -> bytes:
        return hashlib.sha256(f"{seed} {name}".encode(errors="surrogatepass")).digest()

    names = sorted(groups, key=order)
    total = sum(len(group) for group in groups.values())
    parts: list[list[T]] = [[] for _ in shares]
    wanted = [total * share / sum(shares) for share in shares]
    for name in names:
        empty = [i for i, share in enumerate(shares) if share and not parts[i]]
        lacking = [w - len(part) for w, part in zip(wanted, parts, strict=True)]
        places = empty or range(len(shares))
        parts[max(places, key=lambda i: lacking[i])] += groups[name]
    return parts


def _chosen(tracks: tuple[Track, ...], files: dict[str, str]) -> tuple[Track, ...]:
    """Keep the listed files with their instruments; all of them where none is listed."""
    if not files:
        return tracks
    by_name = {PurePosixPath(name).name: text for name, text in files.items()}
    return tuple(
        dataclasses.replace(track, instrument=by_name[track.path.name] or track.instrument)
        for track in tracks
        if track.path.name in by_name
    )


def _tail(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _keys(song: Song) -> tuple[str, ...]:
    """Names that a split may call a song by: its folder, or its own."""
    return (song.folder.name, _tail(song.name), song.folder.parent.name)

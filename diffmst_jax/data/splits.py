"""Which songs are learned from and which are held out: files of splits, splits by artist.

A split file is YAML, `{train|val|test: {song folder: {file name: instrument}}}`; song folders are
relative to the corpus, or to a folder above it, and a list of song names may stand in place of the
innermost mappings. Corpora lie elsewhere on every machine, so an entry stands for the song whose
folder agrees with it in the most names from the end on.
"""

import dataclasses
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

import yaml

from diffmst_jax.data.layouts.common import as_text
from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside
from diffmst_jax.names import one_spelling

PARTS = ("train", "val", "test")
NOTHING = ("", "~", "null")  # as YAML spells it
DEFAULT_SHARES = (0.8, 0.1, 0.1)

T = TypeVar("T")
SplitFile = dict[str, dict[str, dict[str, str]]]


def read_split(path: Path) -> SplitFile:
    """Read a split file; songs given without files have an empty mapping.

    Raises:
      InputError: no such file, not of this form, or with a name twice in one place.
    """
    try:
        # Every word as it is written: a folder `007` is no number, and `no` is no answer.
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Words)
    except _TwiceError as error:
        raise InputError(path, f"has {error} twice", "join the two, or take one out") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(path, "cannot be read as a split", "give a YAML file") from error
    if not isinstance(document, dict) or not set(document) <= set(PARTS):
        raise InputError(path, "is no split", f"give a mapping of {', '.join(PARTS)}")
    split: SplitFile = {}
    for part, songs in document.items():
        entries = _by_name(songs)
        if entries is None:
            raise InputError(path, f"{part} is no list of songs", "correct it")
        split[part] = {}
        for song, files in entries.items():
            names = _by_name(files)
            if names is None:
                raise InputError(path, f"{part}: {song} is no list of files", "correct it")
            split[part][song] = {
                name: "" if text in NOTHING else as_text(text) for name, text in names.items()
            }
    return split


class _TwiceError(Exception):
    """A name that a mapping has twice, of which YAML would keep the last without a word."""


class _Words(yaml.BaseLoader):
    """Leaves every word as it is written, and takes no name twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name, times in Counter(names).items():
            if times > 1:
                raise _TwiceError(name)
        return super().construct_mapping(node, deep)


def _by_name(listed: object) -> dict[str, Any] | None:
    """What is listed, by name, whether that is all there is or not; None of anything else."""
    if isinstance(listed, list):
        return dict.fromkeys(listed, "") if all(isinstance(item, str) for item in listed) else None
    if isinstance(listed, dict):
        return listed
    return {} if listed in NOTHING else None


class _Entry(NamedTuple):
    place: tuple[str, ...]  # names of folders, innermost first
    part: str
    files: dict[str, str]


def apply_split(songs: Sequence[Song], path: Path) -> tuple[Song, ...]:
    """Return the songs that a split file lists, with its files, instruments and parts.

    Raises:
      InputError: the file is no split, none of its songs is there, or one is in two parts.
    """
    entries = [
        _Entry(_place(name), part, files)
        for part, listed in read_split(path).items()
        for name, files in listed.items()
    ]
    found = []
    for song, chosen in zip(songs, _entries_of(songs, entries), strict=True):
        parts = sorted({entry.part for entry in chosen})
        if len(parts) > 1:
            problem = f"lists {song.name} as {' and '.join(parts)}"
            raise InputError(path, problem, "name each song's folder, with those above it")
        tracks = _chosen(song.tracks, chosen[0].files) if chosen else ()
        if tracks:
            found.append(dataclasses.replace(song, tracks=tracks, part=parts[0]))
    if not found:
        raise InputError(path, "lists no song of this corpus", "give the split of this corpus")
    return tuple(found)


def _entries_of(songs: Sequence[Song], entries: Sequence[_Entry]) -> list[list[_Entry]]:
    """For each song the entries that agree with it the furthest, and with no other song further.

    So `Two/Multitracks`, which is not listed, is not taken for `One/Multitracks`.
    """
    by_name: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        by_name.setdefault(entry.place[0] if entry.place else "", []).append(number)
    agreements: list[Counter[int]] = []
    furthest: Counter[int] = Counter()
    for song in songs:
        agreement: Counter[int] = Counter()
        for place in (_place(song.folder.as_posix()), _place(song.name)):
            # The folder of its files may be one below the song's.
            for names in (place, place[1:]):
                for number in by_name.get(names[0], ()) if names else ():
                    agreement[number] = max(
                        agreement[number], _agreeing(names, entries[number].place)
                    )
        agreements.append(agreement)
        for number, length in agreement.items():
            furthest[number] = max(furthest[number], length)
    chosen = []
    for agreement in agreements:
        own = {number: n for number, n in agreement.items() if n == furthest[number]}
        most = max(own.values(), default=0)
        chosen.append([entries[number] for number, n in own.items() if n == most])
    return chosen


def _place(name: str) -> tuple[str, ...]:
    return PurePosixPath(one_spelling(name.replace("\\", "/"))).parts[::-1]


def _agreeing(some: tuple[str, ...], others: tuple[str, ...]) -> int:
    """Count how many names are the same from the first on."""
    pairs = zip(some, others, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(some), len(others)))


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
    """Return what keeps songs together: their artist, else their own name, however spelt."""
    return _spelt_alike(song.artist or song.name)


def mix_keys(mixes: Iterable[Track]) -> Callable[[Track], str]:
    """Return what keeps finished mixes together, alike for a song and its own mix.

    That is `song_key` of the song. Mixes of one name, as `mix.flac` in a folder per song, are told
    apart by their folders.
    """
    names = Counter(mix.name for mix in mixes)

    def key(mix: Track) -> str:
        name = mix.name if names[mix.name] == 1 else mix.path.parent.name
        return _spelt_alike(mix.artist or name)

    return key


def _spelt_alike(name: str) -> str:
    """Leave of a name what corpora agree on: `AClassicEducation` is `A Classic Education`."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    return "".join(c for c in letters if c.isalnum() or c == "_") or name


def divide(
    items: Iterable[T], shares: Sequence[float], *, seed: int, key: Callable[[T], str]
) -> list[list[T]]:
    """Divide items into parts so that items of one key stay together.

    Who goes where depends on the key and the seed alone, so two lists that share keys, such as
    songs and their own mixes, are divided alike; the parts' sizes follow the shares as closely as
    whole groups allow, taken in an order that the seed decides. Every part with a share gets
    something as long as there are groups.

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
    """Keep the listed files with their instruments; all of them where none is listed.

    An entry stands for the tracks whose paths agree with it in the most names from the end on, so
    `Drums/1.wav` is not `Brass/1.wav`.
    """
    if not files:
        return tracks
    chosen: dict[int, str] = {}
    for name, text in files.items():
        agreements = [_agreeing(_place(track.path.as_posix()), _place(name)) for track in tracks]
        furthest = max(agreements, default=0)
        if furthest:
            chosen |= {i: text for i, length in enumerate(agreements) if length == furthest}
    return tuple(
        dataclasses.replace(tracks[i], instrument=chosen[i] or tracks[i].instrument)
        for i in sorted(chosen)
    )

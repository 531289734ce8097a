"""`diffmst data check`, `index`, `split` and `synthesize`."""

import argparse
import json
from collections import Counter
from dataclasses import asdict
from itertools import count
from pathlib import Path

from rich.table import Table

from diffmst_jax.commands.terminal import progress, say, show
from diffmst_jax.data.check import KINDS, Checked, check_corpus
from diffmst_jax.data.decoded import DecodedCache
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.layouts import find_layout
from diffmst_jax.data.layouts.folders import REFERENCES_FOLDER, SONGS_FOLDER, inner
from diffmst_jax.data.records import Track
from diffmst_jax.data.sources import FolderSource, nothing_read
from diffmst_jax.data.splits import make_split, write_split
from diffmst_jax.data.synthesis.corpus import DURATION_S, TRACK_COUNTS, synthesize_corpus
from diffmst_jax.errors import InputError
from diffmst_jax.names import legible
from diffmst_jax.processors import usable_processors

EXIT_FINDINGS = 1


def run_check(options: argparse.Namespace) -> int:
    """List the faults of a corpus; status 1 if there is any."""
    with progress() as tell:
        songs = check_corpus(
            options.root,
            layout=options.layout,
            processes=options.processes or usable_processors(),
            progress=lambda done, total: tell(f"Song {done} of {total}", done / total),
        )
    faults = [finding for song in songs for finding in song.findings]
    if options.json:
        document = {
            "root": str(options.root),
            "songs": [
                {
                    "song": s.song,
                    "tracks": s.tracks,
                    "files": s.files,
                    "findings": len(s.findings),
                }
                for s in songs
            ],
            "findings": [asdict(finding) for finding in faults],
        }
        say(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        _show(songs)
    return EXIT_FINDINGS if faults else 0


def _show(songs: list[Checked]) -> None:
    """Print a table of the songs with faults, each fault below, and a count."""
    faults = [finding for song in songs for finding in song.findings]
    kinds = [kind for kind in KINDS if any(finding.kind == kind for finding in faults)]
    if faults:
        table = Table("Song", "Files", *kinds)
        for song in songs:
            counts = Counter(finding.kind for finding in song.findings)
            if counts:
                cells = [str(counts[kind] or "") for kind in kinds]
                table.add_row(legible(song.song), str(song.files), *cells)
        show(table)
    for finding in faults:
        say(f"{finding.place}: {finding.kind}: {finding.detail}")
    alone = sum(not song.tracks for song in songs)
    mixes = f", {_counted(alone, 'mix', 'mixes')} without tracks" if alone else ""
    found = _counted(len(faults), "finding", "findings")
    say(f"{_counted(len(songs) - alone, 'song', 'songs')}{mixes}, {found}")


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def run_index(options: argparse.Namespace) -> int:
    """Measure every file of a corpus; status 1 if some cannot be read."""
    root = options.root
    adapter = find_layout(options.layout, root)
    groups: dict[Path, list[Track]] = {}
    songs = [track for song in adapter.songs(root, nothing_read) for track in song.tracks]
    groups.setdefault(inner(root, SONGS_FOLDER), []).extend(songs)
    groups.setdefault(inner(root, REFERENCES_FOLDER), []).extend(adapter.mixes(root, nothing_read))
    total = sum(len({track.path for track in tracks}) for tracks in groups.values())
    if not total:
        raise InputError(root, "holds no audio", "check the path, or name the layout")
    decoded = DecodedCache(options.decoded.absolute()) if options.decoded else None
    done = count(1)
    unreadable: dict[Path, InputError] = {}
    with progress() as tell:
        for place, tracks in groups.items():
            index = EnergyIndex(place)
            index.update_what_can_be_read(
                tracks,
                progress=lambda: tell("Measuring", next(done) / total),
                processes=options.processes or usable_processors(),
                decoded=decoded,
            )
            unreadable |= index.unreadable
    for problem in unreadable.values():
        say(str(problem))
    say(f"{total} files, {len(unreadable)} unreadable")
    return EXIT_FINDINGS if unreadable else 0


def run_split(options: argparse.Namespace) -> int:
    """Divide a corpus's songs by artist and write the split."""
    songs = FolderSource(options.root, layout=options.layout).songs
    split = make_split(songs, options.root, seed=options.seed, shares=options.shares)
    write_split(options.out, split)
    counts = ", ".join(f"{len(songs)} {part}" for part, songs in split.items())
    say(f"{options.out}  {counts}")
    return 0


def run_synthesize(options: argparse.Namespace) -> int:
    """Compose, play and write songs."""
    with progress() as tell:
        synthesize_corpus(
            options.out,
            options.songs,
            options.seed,
            tracks=tuple(options.tracks or TRACK_COUNTS),
            duration_s=DURATION_S if options.seconds is None else options.seconds,
            processes=options.processes or usable_processors(),
            progress=lambda done: tell(f"Song {done} of {options.songs}", done / options.songs),
        )
    say(f"{options.out}  {options.songs} songs")
    return 0

"""Whole synthetic songs, and folders of them laid out like real data."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data.layouts.folders import REFERENCES_FOLDER, SONGS_FOLDER
from diffmst_jax.data.layouts.synthetic import MANIFEST
from diffmst_jax.data.processes import work_through
from diffmst_jax.data.synthesis.engineer import mix_song
from diffmst_jax.data.synthesis.raw import record_song
from diffmst_jax.data.synthesis.tones import Audio
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder, folder_written_beside, written_beside

TRACK_COUNTS = (4, 24)
DURATION_S = 30.0
SHORTEST_S, LONGEST_S = 4.0, 1200.0
# From so much song on, others are started: two of 30 s took 20 s instead of 25 s (2 cores).
WORTH_PROCESSES_S = 60.0
MANIFEST_VERSION = 1
# Increased whenever the same seed gives other audio than before.
GENERATOR_VERSION = 2


@dataclass(frozen=True)
class SyntheticSong:
    """A song that the project made.

    Attributes:
      name: "song_" and the seed.
      style: rock, pop, chamber, ... (see `plan.TEMPO_BPM`).
      tempo_bpm: beats per minute.
      tracks: raw tracks by name, (1 or 2, frames) at 44.1 kHz, all equally long.
      reference: the finished mix (2, frames).
    """

    name: str
    style: str
    tempo_bpm: float
    tracks: dict[str, Audio]
    reference: Audio


def synthesize_song(
    seed: int, *, tracks: tuple[int, int] = TRACK_COUNTS, duration_s: float = DURATION_S
) -> SyntheticSong:
    """Make one song: the same seed and sizes give the same audio.

    Args:
      seed: 0 or more.
      tracks: fewest and most tracks (files), 2 or more.
      duration_s: length, at least 4 s.
    """
    rng = np.random.default_rng([GENERATOR_VERSION, seed])
    count = int(rng.integers(tracks[0], tracks[1] + 1))
    raw = record_song(rng, track_count=count, duration_s=duration_s)
    return SyntheticSong(
        name=song_names(1, seed)[0],
        style=raw.plan.style,
        tempo_bpm=raw.plan.tempo_bpm,
        tracks=raw.tracks,
        reference=mix_song(raw, rng),
    )


def synthesize_corpus(
    out: str | Path,
    songs: int,
    seed: int = 0,
    *,
    tracks: tuple[int, int] = TRACK_COUNTS,
    duration_s: float = DURATION_S,
    processes: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write `songs` songs: OUT/songs/<song>/<track>.flac, OUT/references/<song>.flac, manifest.

    Song i has seed `seed + i`. A corpus that stopped half way is continued: complete songs are
    kept, and those of which a file was deleted since are made again. Each file is written whole or
    not at all.

    Args:
      out: folder to write to; made if missing.
      songs: how many.
      seed: of the first song.
      tracks: fewest and most tracks of a song.
      duration_s: length of each song.
      processes: how many songs are made at once; the songs are the same.
      progress: called after each song with how many are complete.

    Raises:
      InputError: sizes out of range, or `out` holds a corpus of other settings or cannot be
        written to.
    """
    out = Path(out)
    check_sizes(out, songs, seed, tracks, duration_s)
    check_folder(out)
    settings = {
        "version": MANIFEST_VERSION,
        "generator": GENERATOR_VERSION,
        "seed": seed,
        "tracks": list(tracks),
        "duration_s": duration_s,
        "sample_rate": SAMPLE_RATE,
    }
    entries = _known_songs(out / MANIFEST, settings)
    entries = {name: entry for name, entry in entries.items() if _is_there(out, name, entry)}
    names = dict(enumerate(song_names(songs, seed), start=seed))
    missing = [number for number, name in names.items() if name not in entries]
    complete = songs - len(missing)
    if complete and progress is not None:
        progress(complete)
    job = partial(_make_song, out=out, tracks=tracks, duration_s=duration_s)
    fewest = math.ceil(WORTH_PROCESSES_S / duration_s)
    for number, entry in work_through(job, missing, processes=processes, fewest=fewest):
        entries[names[number]] = entry
        with written_beside(out / MANIFEST) as temporary:
            document = {**settings, "songs": dict(sorted(entries.items()))}
            temporary.write_text(json.dumps(document, indent=1))
        complete += 1
        if progress is not None:
            progress(complete)


def song_names(songs: int, seed: int) -> list[str]:
    """Return the names of songs, the first of which has the seed given."""
    return [f"song_{number:05d}" for number in range(seed, seed + songs)]


def _make_song(
    seed: int, *, out: Path, tracks: tuple[int, int], duration_s: float
) -> dict[str, object]:
    return write_song(out, synthesize_song(seed, tracks=tracks, duration_s=duration_s))


def write_song(out: Path, song: SyntheticSong) -> dict[str, object]:
    """Write one song's tracks and its mix; returns its entry of the manifest."""
    with folder_written_beside(_song_folder(out, song.name)) as folder:
        for name, audio in song.tracks.items():
            write_audio(folder / f"{name}.flac", audio, sample_rate=SAMPLE_RATE, subtype="PCM_16")
    write_audio(
        _reference(out, song.name), song.reference, sample_rate=SAMPLE_RATE, subtype="PCM_16"
    )
    return {"style": song.style, "tempo_bpm": song.tempo_bpm, "tracks": sorted(song.tracks)}


def _known_songs(path: Path, settings: dict[str, object]) -> dict[str, dict[str, object]]:
    """Return the songs that an earlier run has completed under the same settings."""
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text())
        entries = {name: dict(entry) for name, entry in stored.pop("songs").items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(path, "is no manifest of a corpus", "choose an empty folder") from error
    if stored.get("generator") != GENERATOR_VERSION:
        problem = "belongs to a corpus of another version of the generator"
        raise InputError(path, problem, f"delete {path.parent}, or choose another folder")
    if stored != settings:
        problem = "belongs to a corpus made with other settings"
        raise InputError(path, problem, "choose another folder or the same settings")
    return entries


def _is_there(out: Path, name: str, entry: dict[str, object]) -> bool:
    """Whether every file of a completed song is still there."""
    listed = entry.get("tracks")
    tracks = listed if isinstance(listed, list) else []
    files = [_song_folder(out, name) / f"{track}.flac" for track in tracks]
    return bool(files) and all(path.is_file() for path in [*files, _reference(out, name)])


def _song_folder(out: Path, name: str) -> Path:
    return out / SONGS_FOLDER / name


def _reference(out: Path, name: str) -> Path:
    return out / REFERENCES_FOLDER / f"{name}.flac"


def check_sizes(
    place: str | Path, songs: int, seed: int, tracks: tuple[int, int], duration_s: float
) -> None:
    """Refuse impossible sizes, said of the `place` that asks for them.

    Raises:
      InputError: no song, a negative seed, fewer than 2 tracks, or songs that are too short
        or longer than fits in memory.
    """
    if songs < 1 or seed < 0:
        raise InputError(
            str(place), f"{songs} songs from seed {seed}", "ask for 1 or more from 0 on"
        )
    if not 2 <= tracks[0] <= tracks[1]:
        raise InputError(
            str(place),
            f"songs of {tracks[0]} to {tracks[1]} tracks",
            "ask for 2 or more, the fewest first",
        )
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        remedy = f"ask for {SHORTEST_S:g} to {LONGEST_S:g} s"
        raise InputError(str(place), f"songs of {duration_s:g} s", remedy)

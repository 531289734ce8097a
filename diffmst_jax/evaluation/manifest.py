"""Which sections are compared: drawn once by seed, stored, the same for every system."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from diffmst_jax.audio import read_audio
from diffmst_jax.data.examples import MixWindows, SongWindows
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import ProtocolConfig
from diffmst_jax.files import written_beside
from diffmst_jax.mixing.tracks import Multitrack, assemble, find_tracks, split_channels

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Section:
    """One example: a section of a song and a section of a finished mix.

    Attributes:
      song: folder of the song's tracks.
      start_s: where its section starts.
      reference: file of the finished mix.
      reference_start_s: where its section starts.
      duration_s: length of both.
    """

    song: str
    start_s: float
    reference: str
    reference_start_s: float
    duration_s: float


def draw_sections(
    songs: FolderSource, references: ReferenceSource, protocol: ProtocolConfig, seed: int
) -> list[Section]:
    """Draw the examples of a protocol.

    Raises:
      InputError: a listed song is missing, or no song has sound.
    """
    rng = np.random.default_rng(seed)
    chosen = [song for song in songs.songs if not protocol.songs or song.name in protocol.songs]
    missing = set(protocol.songs) - {song.name for song in chosen}
    if missing:
        raise InputError(songs.root, f"has no song {sorted(missing)[0]!r}", "correct the list")
    index = EnergyIndex(songs.root).update(track for song in chosen for track in song.tracks)
    mix_index = EnergyIndex(references.root).update(references.mixes)
    windows = [SongWindows(song, index, protocol.duration_s) for song in chosen]
    windows = [window for window in windows if window.starts.size]
    mixes = [MixWindows(mix, mix_index, protocol.duration_s) for mix in references.mixes]
    if not windows:
        raise InputError(songs.root, "holds no song with sound", "give other songs")
    sections = []
    for number in range(protocol.examples):
        fullest = protocol.section == "fullest"
        pick = number % len(windows) if fullest else int(rng.integers(len(windows)))
        song, mix = windows[pick], mixes[int(rng.integers(len(mixes)))]
        start_s = song.fullest_start() if fullest else song.draw(rng)[0]
        folder = str(song.song.tracks[0].path.parent)
        sections.append(
            Section(folder, start_s, str(mix.mix.path), mix.draw(rng), protocol.duration_s)
        )
    return sections


def save_manifest(path: Path, sections: list[Section]) -> None:
    """Write sections as JSON."""
    document = {"version": MANIFEST_VERSION, "examples": [asdict(section) for section in sections]}
    with written_beside(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1))


def load_manifest(path: Path) -> list[Section]:
    """Read what `save_manifest` wrote.

    Raises:
      InputError: no such file, or not a manifest of this version.
    """
    try:
        document = json.loads(path.read_text())
        if document["version"] != MANIFEST_VERSION:
            raise ValueError
        return [Section(**entry) for entry in document["examples"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = "is no manifest of an evaluation"
        raise InputError(path, problem, "give the manifest.json of a finished one") from error


def load_section(section: Section) -> tuple[Multitrack, np.ndarray]:
    """Read the tracks that sound in a section, and the reference (2, time).

    Raises:
      InputError: a file cannot be read, or nothing sounds.
    """
    base, files = find_tracks(section.song)
    channels, left_out = [], []
    for file in files:
        audio = read_audio(file, start_s=section.start_s, duration_s=section.duration_s)
        used, reasons = split_channels(file.relative_to(base).as_posix(), audio)
        channels += used
        left_out += reasons
    if not channels:
        raise InputError(section.song, "is silent in this section", "draw the examples again")
    reference = read_audio(
        section.reference, start_s=section.reference_start_s, duration_s=section.duration_s
    )
    stereo = reference[:2] if len(reference) > 1 else np.repeat(reference, 2, axis=0)
    return assemble(channels, left_out), stereo

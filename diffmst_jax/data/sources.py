"""Where songs and references lie on disk; random access by number, audio by window."""

from pathlib import Path

import numpy as np

from diffmst_jax.audio import (
    AUDIO_SUFFIXES,
    SAMPLE_RATE,
    audio_files,
    audio_info,
    natural_key,
    read_audio,
)
from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError

SONGS_FOLDER = "songs"
REFERENCES_FOLDER = "references"


class FolderSource:
    """Songs in a folder of folders: each subfolder is a song, each audio file in it a track.

    A folder that holds `songs/`, as a synthesised corpus does, may be given itself. Subfolders
    without audio are passed over.

    Raises:
      InputError: no such folder, no song in it, or a file that is no audio.
    """

    def __init__(self, root: str | Path):
        self.root = _inner(Path(root), SONGS_FOLDER)
        folders = sorted(
            (item for item in _listing(self.root) if item.is_dir()),
            key=lambda item: natural_key(item.name),
        )
        songs = ((folder.name, audio_files(folder)) for folder in folders)
        self.songs = tuple(
            Song(name, tuple(track_record(path) for path in paths))
            for name, paths in songs
            if paths
        )
        if not self.songs:
            raise InputError(
                self.root, "holds no song", "give a folder with one subfolder of tracks per song"
            )

    def __len__(self) -> int:
        return len(self.songs)

    def __getitem__(self, index: int) -> Song:
        return self.songs[index]


class ReferenceSource:
    """Finished mixes: every audio file below a folder, however deep.

    A folder that holds `references/`, as a synthesised corpus does, may be given itself.

    Raises:
      InputError: no such folder, no audio in it, or a file that is no audio.
    """

    def __init__(self, root: str | Path):
        self.root = _inner(Path(root), REFERENCES_FOLDER)
        _listing(self.root)
        paths = sorted(
            (
                path
                for path in self.root.rglob("*")
                if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
            ),
            key=lambda path: natural_key(str(path.relative_to(self.root))),
        )
        if not paths:
            raise InputError(self.root, "holds no audio", "give a folder with finished mixes")
        self.mixes = tuple(track_record(path) for path in paths)

    def __len__(self) -> int:
        return len(self.mixes)

    def __getitem__(self, index: int) -> Track:
        return self.mixes[index]


def track_record(path: Path) -> Track:
    """Read a file's header into a record."""
    info = audio_info(path)
    return Track(path.stem, path, info.channels, info.duration_s)


def read_window(track: Track, *, start_s: float, samples: int) -> np.ndarray:
    """Read `samples` at 44.1 kHz from `start_s` on, filled up with silence after the end.

    Returns:
      float32 (channels, samples).
    """
    audio = np.zeros((track.channels, samples), np.float32)
    if start_s < track.duration_s:
        found = read_audio(track.path, start_s=start_s, duration_s=samples / SAMPLE_RATE)
        count = min(found.shape[1], samples)
        audio[:, :count] = found[:, :count]
    return audio


def _inner(root: Path, name: str) -> Path:
    """Return the folder of that name inside `root` if there is one, else `root`."""
    return root / name if (root / name).is_dir() else root


def _listing(root: Path) -> list[Path]:
    if not root.is_dir():
        raise InputError(root, "is not a folder", "check the path")
    return [item for item in root.iterdir() if not item.name.startswith(".")]

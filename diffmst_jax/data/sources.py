"""Songs and finished mixes of a corpus, random access by number, audio by window."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, AudioInfo, audio_info, read_audio
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.layouts import AUTO, find_layout
from diffmst_jax.data.layouts.folders import REFERENCES_FOLDER, SONGS_FOLDER, inner
from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError

# Most corpora's finished mixes are stereo; the true number is known once a file is opened.
USUAL_CHANNELS = 2

KnownHeader = Callable[[Path], AudioInfo | None]


class FolderSource:
    """The songs of a corpus that have raw tracks.

    Headers that the corpus's index holds are not read again.

    Attributes:
      root: the folder given, or its `songs/` where it has one.
      songs: in natural order.

    Raises:
      InputError: no such folder, no song in it, a file that is no audio, or a layout that is not
        certain.
    """

    def __init__(self, root: str | Path, *, layout: str = AUTO):
        root = Path(root)
        adapter = find_layout(layout, root)
        self.root = inner(root, SONGS_FOLDER)
        self.songs = tuple(adapter.songs(root, TrackReader(EnergyIndex(self.root).info)))
        if not self.songs:
            raise InputError(
                self.root, "holds no song", "give a folder with one subfolder of tracks per song"
            )

    def __len__(self) -> int:
        return len(self.songs)

    def __getitem__(self, index: int) -> Song:
        return self.songs[index]


class ReferenceSource:
    """The finished mixes of a corpus; of a plain folder, every audio file below it.

    Attributes:
      root: the folder given, or its `references/` where it has one.
      mixes: in natural order.

    Raises:
      InputError: no such folder, no mix in it, a file that is no audio, or a layout that is not
        certain.
    """

    def __init__(self, root: str | Path, *, layout: str = AUTO):
        root = Path(root)
        adapter = find_layout(layout, root)
        self.root = inner(root, REFERENCES_FOLDER)
        self.mixes = tuple(adapter.mixes(root, TrackReader(EnergyIndex(self.root).info)))
        if not self.mixes:
            raise InputError(
                self.root, "holds no finished mixes", "give a folder with finished mixes"
            )

    def __len__(self) -> int:
        return len(self.mixes)

    def __getitem__(self, index: int) -> Track:
        return self.mixes[index]


class TrackReader:
    """Makes records from what is known of a file already, else from its header."""

    def __init__(self, known: KnownHeader):
        self._known = known

    def __call__(
        self,
        path: Path,
        *,
        instrument: str = "",
        artist: str = "",
        duration_s: float | None = None,
    ) -> Track:
        """Return the record of a file.

        Raises:
          InputError: the header had to be read and cannot.
        """
        info = self._known(path)
        if info is None and duration_s is None:
            info = audio_info(path)
        channels = USUAL_CHANNELS if info is None else info.channels
        length_s = duration_s if info is None else info.duration_s
        assert length_s is not None
        return Track(path.stem, path, channels, length_s, instrument, artist)


def nothing_read(
    path: Path,
    *,
    instrument: str = "",
    artist: str = "",
    duration_s: float | None = None,
) -> Track:
    """Make a record without opening the file, for those who want names alone."""
    return Track(path.stem, path, 0, duration_s or 0.0, instrument, artist)


def read_window(track: Track, *, start_s: float, samples: int) -> np.ndarray:
    """Read `samples` at 44.1 kHz from `start_s` on, filled up with silence after the end.

    Returns:
      float32 (channels, samples).
    """
    if start_s >= track.duration_s:
        return np.zeros((track.channels, samples), np.float32)
    found = read_audio(track.path, start_s=start_s, duration_s=samples / SAMPLE_RATE)
    audio = np.zeros((len(found), samples), np.float32)
    count = min(found.shape[1], samples)
    audio[:, :count] = found[:, :count]
    return audio

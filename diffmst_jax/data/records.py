"""Songs and tracks as records: names, paths and sizes, never audio."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Track:
    """One audio file.

    Attributes:
      name: file name without its ending.
      path: where the file is.
      channels: number of channels in it.
      duration_s: length in seconds.
    """

    name: str
    path: Path
    channels: int
    duration_s: float


@dataclass(frozen=True)
class Song:
    """The raw tracks of one song, in natural order of their names."""

    name: str
    tracks: tuple[Track, ...]

    @property
    def duration_s(self) -> float:
        """Length of the longest track in seconds."""
        return max(track.duration_s for track in self.tracks)

    @property
    def channels(self) -> int:
        """Channels of all tracks together: what the model sees as tracks."""
        return sum(track.channels for track in self.tracks)

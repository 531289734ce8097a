"""Songs and tracks as records: names, paths, sizes and what a corpus says of them, never audio."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Track:
    """One audio file: a raw track of a song, or a finished mix.

    Attributes:
      name: file name without its ending, with the group that it lies in.
      path: where the file is.
      channels: number of channels in it.
      duration_s: length in seconds.
      instrument: in the corpus's own words, "" where it does not say.
      artist: of a finished mix; raw tracks leave it to their song.
    """

    name: str
    path: Path
    channels: int
    duration_s: float
    instrument: str = ""
    artist: str = ""


@dataclass(frozen=True)
class Song:
    """The raw tracks of one song, in natural order of their names.

    Attributes:
      name: unique in its corpus.
      tracks: one or more.
      folder: the folder that the corpus keeps the song in.
      artist: "" where the corpus does not say.
      mix: the finished mix of these tracks, where the corpus has one.
      part: "train", "val" or "test" where the corpus comes divided, else "".
    """

    name: str
    tracks: tuple[Track, ...]
    folder: Path
    artist: str = ""
    mix: Track | None = None
    part: str = ""

    @property
    def duration_s(self) -> float:
        """Length of the longest track in seconds."""
        return max(track.duration_s for track in self.tracks)

    @property
    def channels(self) -> int:
        """Channels of all tracks together: what the model sees as tracks."""
        return sum(track.channels for track in self.tracks)

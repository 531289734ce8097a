"""The songs and finished mixes that settings name, and where these have sound."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from diffmst_jax.data.corpora_config import CorporaConfig, Folders, SyntheticConfig
from diffmst_jax.data.decoded import DecodedCache
from diffmst_jax.data.index import EnergyIndex, Levels
from diffmst_jax.data.layouts import AUTO
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.data.synthesis import check_sizes
from diffmst_jax.data.synthesis.corpus import (
    GENERATOR_VERSION,
    song_names,
    synthesize_corpus,
)
from diffmst_jax.errors import InputError
from diffmst_jax.processors import usable_processors

# Less audio than this is measured sooner than processes to help have started.
MEASURED_ALONE_S = 1200.0

Report = Callable[[str, int, int], None]
"""Called as report(what is done, how much of it is complete, out of how much)."""


def quiet(what: str, done: int, total: int) -> None:
    """Report nothing."""
    del what, done, total


class EnergyIndices:
    """What is known of the files of several corpora, each measured in an index of its own.

    Args:
      report: told what is done.
      decoded: where decoded audio is kept, if it is.
    """

    def __init__(self, report: Report = quiet, decoded: DecodedCache | None = None) -> None:
        self._report = report
        self._decoded = decoded
        self._of: dict[Path, EnergyIndex] = {}

    def measure(self, root: Path, tracks: Sequence[Track], what: str) -> None:
        """Measure the tracks of a corpus, and decode them where a cache is given."""
        # Opened only now: what was measured below the same root before is then in it.
        index = EnergyIndex(root)
        lengths = {track.path: track.duration_s for track in tracks}  # of files, not of channels
        new_s = sum(s for path, s in lengths.items() if index.lacks(path, self._decoded))
        done = itertools.count(1)
        index.update(
            tracks,
            progress=lambda: self._report(f"measuring {what}", next(done), len(tracks)),
            processes=usable_processors() if new_s > MEASURED_ALONE_S else 1,
            decoded=self._decoded,
        )
        self._of |= dict.fromkeys((track.path for track in tracks), index)

    def duration_s(self, track: Track) -> float:
        """Return a track's length in seconds."""
        return self._of[track.path].duration_s(track)

    def levels(self, track: Track) -> Levels:
        """Return the energy of each second of a track, in dB (mean square)."""
        return self._of[track.path].levels(track)


class Place(NamedTuple):
    """A corpus to read.

    Attributes:
      folder: where it is.
      layout: how it lies on disk, or "auto".
      names: of the songs that are wanted of it, and so of their mixes; None for all.
    """

    folder: str | Path
    layout: str
    names: frozenset[str] | None = None

    def wants(self, name: str) -> bool:
        """Tell whether a song or mix is to be read."""
        return self.names is None or name in self.names

    def songs(self) -> tuple[Path, list[Song]]:
        """Read what the wanted songs are: the root of their index, and the songs."""
        source = FolderSource(self.folder, layout=self.layout)
        return source.root, [song for song in source.songs if self.wants(song.name)]

    def mixes(self) -> tuple[Path, list[Track]]:
        """Read what the wanted mixes are: the root of their index, and the mixes."""
        source = ReferenceSource(self.folder, layout=self.layout)
        return source.root, [mix for mix in source.mixes if self.wants(mix.name)]


def find_corpora(
    config: CorporaConfig,
    report: Report = quiet,
    decoded: DecodedCache | None = None,
    *,
    mixes: bool = True,
) -> tuple[list[Song], list[Track], EnergyIndices]:
    """Find the songs and finished mixes, making synthetic ones where no folder is named.

    Every folder that is named is read first: to make and to measure songs may take hours.

    Args:
      config: says where they are.
      report: told what is done.
      decoded: where decoded audio is kept, if it is.
      mixes: whether finished mixes are wanted.

    Returns:
      The songs, the mixes, and what is known of the files of both.

    Raises:
      InputError: a folder that holds none.
    """
    songs_of = [place.songs() for place in places(config.songs, config.songs_layout)]
    named_mixes = places(config.references, config.references_layout) if mixes else []
    mixes_of = [place.mixes() for place in named_mixes]
    if not songs_of or (mixes and not mixes_of):
        made = prepare_corpus(config.synthetic, report)
        songs_of = songs_of or [made.songs()]
        mixes_of = mixes_of or ([made.mixes()] if mixes else [])
    measured = EnergyIndices(report, decoded)
    songs: list[Song] = []
    for root, found in songs_of:
        measured.measure(root, [track for song in found for track in song.tracks], "tracks")
        songs += found
    return songs, _measure_mixes(mixes_of, measured), measured


def find_mixes(where: Sequence[Place], measured: EnergyIndices) -> list[Track]:
    """Find the finished mixes of some corpora and measure them into `measured`."""
    return _measure_mixes([place.mixes() for place in where], measured)


def _measure_mixes(
    mixes_of: Sequence[tuple[Path, list[Track]]], measured: EnergyIndices
) -> list[Track]:
    mixes: list[Track] = []
    for root, found in mixes_of:
        measured.measure(root, found, "references")
        mixes += found
    return mixes


def prepare_corpus(config: SyntheticConfig, report: Report = quiet) -> Place:
    """Make the synthetic songs that are not there yet.

    They are kept in a folder named after all that decides how they sound, so that neither other
    settings nor another version get in the way; of more songs than are wanted, the others are
    left alone.

    Raises:
      InputError: impossible sizes, or a folder that cannot be used.
    """
    check_sizes("data.synthetic", config.songs, config.seed, config.tracks, config.duration_s)
    fewest, most = config.tracks
    sizes = f"seed{config.seed}_tracks{fewest}-{most}_{config.duration_s:g}s"
    folder = Path(config.folder) / f"v{GENERATOR_VERSION}_{sizes}"
    try:
        synthesize_corpus(
            folder,
            config.songs,
            config.seed,
            tracks=config.tracks,
            duration_s=config.duration_s,
            processes=usable_processors(),
            progress=lambda done: report("making songs", done, config.songs),
        )
    except InputError as error:
        remedy = "delete it, or choose another data.synthetic.folder"
        raise InputError(error.path, error.problem, remedy) from error
    return Place(folder, AUTO, frozenset(song_names(config.songs, config.seed)))


def places(given: Folders, layout: str) -> list[Place]:
    """Return the corpora that a setting names: one, several or none."""
    return [Place(folder, layout) for folder in folders(given)]


def folders(given: Folders) -> tuple[str, ...]:
    """One folder, several or none, as several."""
    return (given,) if isinstance(given, str) else given or ()

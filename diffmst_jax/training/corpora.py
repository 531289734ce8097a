"""The songs and finished mixes that settings name, and where these have sound."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from diffmst_jax.data.decoded import DecodedCache
from diffmst_jax.data.index import EnergyIndex, Levels
from diffmst_jax.data.layouts import AUTO
from diffmst_jax.data.processes import usable_processes
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.data.synthesis import synthesize_corpus
from diffmst_jax.training.config import CorporaConfig, Folders, SyntheticConfig

Report = Callable[[str, int, int], None]
"""Called as report(what is done, how much of it is complete, out of how much)."""


def quiet(what: str, done: int, total: int) -> None:
    """Report nothing."""
    del what, done, total


class Measured:
    """What is known of the files of several corpora, each measured in an index of its own."""

    def __init__(self) -> None:
        self._of: dict[Path, EnergyIndex] = {}

    def add(
        self,
        root: Path,
        tracks: Sequence[Track],
        decoded: DecodedCache | None,
        count: Callable[[int], Callable[[], None]],
    ) -> None:
        """Measure the tracks of a corpus, and decode them where a cache is given."""
        # Opened only now: what was measured below the same root before is then in it.
        index = EnergyIndex(root)
        index.update(tracks, progress=count(len(tracks)), decoded=decoded)
        self._of |= dict.fromkeys((track.path for track in tracks), index)

    def duration_s(self, track: Track) -> float:
        """Return a track's length in seconds."""
        return self._of[track.path].duration_s(track)

    def levels(self, track: Track) -> Levels:
        """Return the energy of each second of a track, in dB (mean square)."""
        return self._of[track.path].levels(track)


def find_corpora(
    config: CorporaConfig,
    report: Report = quiet,
    decoded: DecodedCache | None = None,
    *,
    mixes: bool = True,
) -> tuple[list[Song], list[Track], Measured]:
    """Find the songs and finished mixes, making synthetic ones where no folder is named.

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
    needed = config.songs is None or (config.references is None and mixes)
    made = (str(prepare_corpus(config.synthetic, report)),) if needed else ()
    measured = Measured()
    songs: list[Song] = []
    for folder in folders(config.songs) or made:
        source = FolderSource(folder, layout=config.songs_layout if config.songs else AUTO)
        songs += source.songs
        tracks = [track for song in source.songs for track in song.tracks]
        measured.add(source.root, tracks, decoded, _counter(report, "measuring tracks"))
    where = folders(config.references) or made
    return songs, find_mixes(config, where, measured, report, decoded) if mixes else [], measured


def find_mixes(
    config: CorporaConfig,
    where: Sequence[str],
    measured: Measured,
    report: Report = quiet,
    decoded: DecodedCache | None = None,
) -> list[Track]:
    """Find the finished mixes of some folders and measure them into `measured`."""
    mixes: list[Track] = []
    for folder in where:
        layout = config.references_layout if config.references else AUTO
        references = ReferenceSource(folder, layout=layout)
        mixes += references.mixes
        count = _counter(report, "measuring references")
        measured.add(references.root, references.mixes, decoded, count)
    return mixes


def prepare_corpus(config: SyntheticConfig, report: Report = quiet) -> Path:
    """Make the synthetic corpus if it is not there yet; returns its folder."""
    folder = Path(config.folder)
    synthesize_corpus(
        folder,
        config.songs,
        config.seed,
        tracks=config.tracks,
        duration_s=config.duration_s,
        processes=usable_processes(),
        progress=lambda done: report("making songs", done, config.songs),
    )
    return folder


def folders(given: Folders) -> tuple[str, ...]:
    """One folder, several or none, as several."""
    return (given,) if isinstance(given, str) else given or ()


def _counter(report: Report, what: str) -> Callable[[int], Callable[[], None]]:
    def out_of(total: int) -> Callable[[], None]:
        done = itertools.count(1)
        return lambda: report(what, next(done), total)

    return out_of

"""Where each file has sound: energy and loudness second by second, measured once.

Sampling a training window then needs no reading and no retries: the index says which windows
hold enough sound and which tracks play in them. It also holds each file's header, so that a corpus
of tens of thousands of files opens without touching them.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from diffmst_jax.audio import SAMPLE_RATE, AudioInfo, audio_info, read_audio
from diffmst_jax.data.decoded import DecodedCache
from diffmst_jax.data.processes import work_through
from diffmst_jax.data.records import Track
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder, written_beside
from diffmst_jax.mixing.signals.measure import power_db, weighted_step_powers
from diffmst_jax.places import cache_folder
from diffmst_jax.reaching import existing
from dsp.loudness import HOP_S, OFFSET_DB

CELL_S = 1.0
INDEX_NAME = ".diffmst-index.npz"
INDEX_VERSION = 1
SILENT_DB = -120.0
# Levels are stored in hundredths of a decibel.
STEPS_PER_DB = 100.0
# Measurements are stored this often, so that they go on from there when they are stopped; of a
# corpus so large that storing takes long, more rarely.
STORE_EVERY_S = 1.0
STORING_SHARE = 0.05

Levels = npt.NDArray[np.float32]


class Measured(NamedTuple):
    """One file of the index.

    Attributes:
      stamp: size and time of change when it was measured.
      info: its header.
      energy_db: mean square over the channels of each second, in dB.
      loudness: K-weighted loudness of each second, in LUFS, channels summed.
    """

    stamp: str
    info: AudioInfo
    energy_db: Levels
    loudness: Levels


def measure(path: Path, decoded: DecodedCache | None = None) -> Measured | InputError:
    """Measure a file, and keep its samples in the cache where one is given.

    Returns:
      The entry, or what is wrong with the file.

    Raises:
      InputError: the cache cannot be written to.
    """
    try:
        info, stamp = audio_info(path), file_stamp(path)
        place = None if decoded is None else decoded.place(path)
        rate = info.sample_rate if decoded is None else SAMPLE_RATE
        audio = read_audio(path, sample_rate=rate)
    except InputError as error:
        return error
    if decoded is not None and place is not None:
        decoded.write(place, path, audio)
    return Measured(stamp, info, energy_levels(audio, rate), loudness_levels(audio, rate))


def energy_levels(audio: np.ndarray, sample_rate: int) -> Levels:
    """Return the mean square of each second of (channels, time) audio, in dB."""
    cell = round(CELL_S * sample_rate)
    cells = -(-audio.shape[1] // cell)
    padded = np.zeros((audio.shape[0], cells * cell), np.float32)
    padded[:, : audio.shape[1]] = audio
    power = np.mean(padded.reshape(audio.shape[0], cells, cell) ** 2, axis=(0, 2))
    return _rounded(10.0 * np.log10(np.maximum(power, 10 ** (SILENT_DB / 10))))


def loudness_levels(audio: np.ndarray, sample_rate: int) -> Levels:
    """Return the loudness of each second of (channels, time) audio, in LUFS, not gated."""
    steps = round(CELL_S / HOP_S)
    cells = -(-audio.shape[1] // round(CELL_S * sample_rate))
    powers = np.zeros(cells * steps)
    found = weighted_step_powers(audio, sample_rate=sample_rate)[: powers.size]
    powers[: found.size] = found
    loudness = OFFSET_DB + power_db(powers.reshape(cells, steps).mean(axis=1))
    return _rounded(np.maximum(loudness, SILENT_DB))


class EnergyIndex:
    """Measurements by file, kept in one file beside the data.

    A file is measured again when its size or time of change differs. Where the folder cannot be
    written to, the index is kept in the user's cache folder instead.

    Attributes:
      root: the folder that paths are stored relative to.
      unreadable: what is wrong, by path, with the files that the last update could not measure.
    """

    def __init__(self, root: Path):
        self.root = root
        self.unreadable: dict[Path, InputError] = {}
        self._entries: dict[str, Measured] = {}
        for place in reversed(_places(root)):
            self._entries |= _load(place)

    def update(
        self,
        tracks: Iterable[Track],
        *,
        progress: Callable[[], None] | None = None,
        processes: int = 1,
        decoded: DecodedCache | None = None,
    ) -> "EnergyIndex":
        """Measure the files that are new or changed, store the result, return self.

        Args:
          tracks: the files.
          progress: called once per file.
          processes: how many files are measured at once.
          decoded: also make sure that the files' samples are kept there.

        Raises:
          InputError: files that cannot be read; all others are measured and stored before. Or
            the cache cannot be written to.
        """
        self.update_what_can_be_read(
            tracks, progress=progress, processes=processes, decoded=decoded
        )
        for error in self.unreadable.values():
            remedy = "replace it, or take it out of the corpus"
            raise InputError(error.path, error.problem, remedy) from error
        return self

    def update_what_can_be_read(
        self,
        tracks: Iterable[Track],
        *,
        progress: Callable[[], None] | None,
        processes: int,
        decoded: DecodedCache | None,
    ) -> None:
        """Do what `update` does, and leave files that cannot be read in `unreadable`."""
        self.unreadable = {}
        paths = dict.fromkeys(track.path for track in tracks)
        wanted = [path for path in paths if self.lacks(path, decoded)]
        if decoded is not None and wanted:
            check_folder(decoded.folder)
        if progress is not None:
            for _ in range(len(paths) - len(wanted)):
                progress()
        stored, pause_s = time.monotonic(), STORE_EVERY_S
        try:
            job = partial(measure, decoded=decoded)
            for path, result in work_through(job, wanted, processes=processes):
                if isinstance(result, InputError):
                    self.unreadable[path] = result
                else:
                    self._entries[self._key(path)] = result
                now = time.monotonic()
                if now - stored >= pause_s:
                    self._store()
                    stored = time.monotonic()
                    pause_s = max(STORE_EVERY_S, (stored - now) / STORING_SHARE)
                if progress is not None:
                    progress()
        finally:
            if wanted:
                self._store()

    def lacks(self, path: Path, decoded: DecodedCache | None) -> bool:
        """Tell whether a file is still to be measured, or to be decoded into the cache given."""
        return self.info(path) is None or (decoded is not None and not decoded.holds(path))

    def info(self, path: Path) -> AudioInfo | None:
        """Return a file's header, or None where it was not measured or has changed since."""
        entry = self._entries.get(self._key(path))
        if entry is None:
            return None
        try:
            return entry.info if entry.stamp == file_stamp(path) else None
        except InputError:
            return None

    def duration_s(self, track: Track) -> float:
        """Return a measured track's true length in seconds."""
        return self._entries[self._key(track.path)].info.duration_s

    def levels(self, track: Track) -> Levels:
        """Return the energy of each second of a track, in dB (mean square)."""
        return self._entries[self._key(track.path)].energy_db

    def loudness(self, track: Track) -> Levels:
        """Return the loudness of each second of a track, in LUFS."""
        return self._entries[self._key(track.path)].loudness

    def _key(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inside else path.absolute()).as_posix()

    def _store(self) -> None:
        """Write everything to the first place that takes it."""
        for place in _places(self.root):
            # A read-only data set is no reason to stop, nor is a full disk: it is measured again.
            with suppress(InputError), written_beside(place) as temporary:
                _save(temporary, self._entries)
                return


def file_stamp(path: Path) -> str:
    """Tell a file's state: its size and when it was changed.

    Raises:
      InputError: it is not there any more.
    """
    status = existing(path)
    return f"{status.st_size}-{status.st_mtime_ns}"


def _places(root: Path) -> list[Path]:
    """Where an index may be kept: beside the data, or else in the user's cache folder."""
    cache = cache_folder()
    name = hashlib.sha256(str(root.resolve()).encode(errors="surrogatepass")).hexdigest()[:16]
    return [root / INDEX_NAME, *([cache / "index" / f"{name}.npz"] if cache else [])]


def _rounded(level: np.ndarray) -> Levels:
    return (np.round(level * STEPS_PER_DB) / STEPS_PER_DB).astype(np.float32)


def _save(path: Path, entries: dict[str, Measured]) -> None:
    items = sorted(entries.items())
    levels = [np.stack([entry.energy_db, entry.loudness]) for _, entry in items]
    np.savez(
        path,
        version=INDEX_VERSION,
        names=np.asarray([name for name, _ in items], np.str_),
        stamps=np.asarray([entry.stamp for _, entry in items], np.str_),
        headers=np.asarray([entry.info[:3] for _, entry in items], np.int64).reshape(-1, 3),
        ends=np.cumsum([level.shape[1] for level in levels], dtype=np.int64),
        levels=np.round(np.concatenate([np.zeros((2, 0)), *levels], axis=1) * STEPS_PER_DB).astype(
            np.int16
        ),
    )


def _load(path: Path) -> dict[str, Measured]:
    """Read a stored index; an unreadable or older one counts as none."""
    try:
        # Opened here, for numpy leaves a file open that is no whole zip.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return _entries(stored)
    except Exception:  # a damaged zip has more ways to fail than there are names for
        return {}


def _entries(stored: Mapping[str, np.ndarray]) -> dict[str, Measured]:
    if int(stored["version"]) != INDEX_VERSION:
        return {}
    names, stamps = stored["names"].tolist(), stored["stamps"].tolist()
    headers, ends = stored["headers"].tolist(), stored["ends"].tolist()
    levels = (stored["levels"] / np.float32(STEPS_PER_DB)).astype(np.float32)
    entries = {}
    start = 0
    for name, stamp, (rate, channels, frames), end in zip(
        names, stamps, headers, ends, strict=True
    ):
        info = AudioInfo(rate, channels, frames, frames / rate)
        entries[name] = Measured(stamp, info, levels[0, start:end], levels[1, start:end])
        start = end
    return entries

"""Where each file has sound: its mean-square level second by second, measured once.

Sampling a training window then needs no reading and no retries: the index says which windows
hold enough sound and which tracks play in them.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffmst_jax.audio import SAMPLE_RATE, read_audio
from diffmst_jax.data.records import Track
from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside

CELL_S = 1.0
CACHE_NAME = ".diffmst-energy.json"
CACHE_VERSION = 1
SILENT_DB = -120.0

Levels = npt.NDArray[np.float32]


def measure_levels(path: Path) -> Levels:
    """Return the level of each second of a file, in dB of mean square over its channels."""
    audio = read_audio(path)
    cell = round(CELL_S * SAMPLE_RATE)
    cells = -(-audio.shape[1] // cell)
    padded = np.zeros((audio.shape[0], cells * cell), np.float32)
    padded[:, : audio.shape[1]] = audio
    power = np.mean(padded.reshape(audio.shape[0], cells, cell) ** 2, axis=(0, 2))
    level = 10.0 * np.log10(np.maximum(power, 10 ** (SILENT_DB / 10)))
    return np.round(level, 1).astype(np.float32)


class EnergyIndex:
    """Levels by file, kept in one JSON file beside the data.

    A file is measured again when its size or time of change differs. Where the folder cannot be
    written to, the index lives in memory only.

    Attributes:
      root: the folder that paths are stored relative to and that holds the cache.
    """

    def __init__(self, root: Path):
        self.root = root
        self._entries: dict[str, tuple[str, Levels]] = _load(root / CACHE_NAME)

    def update(
        self, tracks: Iterable[Track], *, progress: Callable[[], None] | None = None
    ) -> "EnergyIndex":
        """Measure the files that are new or changed, store the result, return self.

        `progress` is called once per file.
        """
        changed = False
        for track in tracks:
            stamp = _stamp(track.path)
            known = self._entries.get(self._key(track.path))
            if known is None or known[0] != stamp:
                self._entries[self._key(track.path)] = (stamp, measure_levels(track.path))
                changed = True
            if progress is not None:
                progress()
        if changed:
            self._store()
        return self

    def levels(self, track: Track) -> Levels:
        """Return the level of each second of a track, in dB (mean square)."""
        return self._entries[self._key(track.path)][1]

    def window_levels(self, track: Track, *, duration_s: float, starts: int) -> Levels:
        """Return the mean level, in dB, of the window that starts at each of `starts` seconds."""
        power = np.full(starts + int(np.ceil(duration_s / CELL_S)), 10 ** (SILENT_DB / 10))
        level = self.levels(track)[: power.size]
        power[: level.size] = 10 ** (level.astype(np.float64) / 10)
        width = max(int(np.ceil(duration_s / CELL_S)), 1)
        total = np.concatenate([[0.0], np.cumsum(power)])
        mean = (total[width : width + starts] - total[:starts]) / width
        return (10 * np.log10(np.maximum(mean, 10 ** (SILENT_DB / 10)))).astype(np.float32)

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _store(self) -> None:
        files = {
            key: {"stamp": stamp, "levels_db": [round(float(x), 1) for x in levels]}
            for key, (stamp, levels) in sorted(self._entries.items())
        }
        # A read-only data set is no reason to stop: it is then measured once per run.
        with suppress(InputError), written_beside(self.root / CACHE_NAME) as temporary:
            temporary.write_text(json.dumps({"version": CACHE_VERSION, "files": files}))


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _load(path: Path) -> dict[str, tuple[str, Levels]]:
    """Read a stored index; an unreadable or older one counts as none."""
    try:
        stored = json.loads(path.read_text())
        if stored["version"] != CACHE_VERSION:
            return {}
        return {
            key: (entry["stamp"], np.asarray(entry["levels_db"], np.float32))
            for key, entry in stored["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}

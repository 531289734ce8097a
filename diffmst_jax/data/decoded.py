"""Decoded audio kept as memory maps: a window is then a copy of memory, whatever the file was.

Each file is kept once, at 44.1 kHz, as 16-bit integers scaled to its own peak, so the error stays
96 dB below that peak whatever the level was recorded at. That is 0.18 MB per second of stereo.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.records import Track
from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside
from diffmst_jax.reaching import existing

VERSION = 1
FULL_SCALE = 32767


@dataclass(frozen=True)
class DecodedCache:
    """A folder of decoded files.

    A file is identified by its full path, size and time of change: a changed one is decoded again.

    Attributes:
      folder: where they are kept; made when the first file is written.
    """

    folder: Path

    def holds(self, path: Path) -> bool:
        """Tell whether a file is there."""
        about = self.place(path)
        return about.is_file() and about.with_suffix(".npy").is_file()

    def write(self, about: Path, path: Path, audio: np.ndarray) -> None:
        """Keep (channels, time) audio at 44.1 kHz of a file.

        Args:
          about: the file's `place` before it was read: it may have changed since, or be gone.
          path: the file.
          audio: what was read.

        Raises:
          InputError: the folder cannot be written to.
        """
        peak = float(np.max(np.abs(audio), initial=0.0)) or 1.0
        samples = np.round(audio.T * (FULL_SCALE / peak)).astype(np.int16)
        try:
            with written_beside(about.with_suffix(".npy")) as temporary:
                np.save(temporary, samples)
            # This file is written last: where it is, the samples are whole.
            with written_beside(about) as temporary:
                temporary.write_text(json.dumps({"file": str(path), "peak": peak}))
        except InputError as error:
            raise InputError(self.folder, error.problem, error.remedy) from error

    def read(self, track: Track, *, start_s: float, samples: int) -> np.ndarray:
        """Read a window as `read_window` does.

        Raises:
          InputError: the file is not there, or was not decoded.
        """
        about = self.place(track.path)
        try:
            peak = float(json.loads(about.read_text())["peak"])
            stored = np.load(about.with_suffix(".npy"), mmap_mode="r")
        except (OSError, ValueError, KeyError) as error:
            problem = "is not in the cache of decoded audio"
            raise InputError(
                track.path, problem, f"run `diffmst data index` with --decoded {self.folder}"
            ) from error
        first = round(start_s * SAMPLE_RATE)
        found = stored[first : first + samples]
        audio = np.zeros((stored.shape[1], samples), np.float32)
        audio[:, : len(found)] = found.T * np.float32(peak / FULL_SCALE)
        return audio

    def place(self, path: Path) -> Path:
        """Return where it is said of a file, as it is now, how its samples are kept.

        Raises:
          InputError: the file is not there.
        """
        status = existing(path)
        identity = f"{VERSION} {path.resolve()} {status.st_size} {status.st_mtime_ns}"
        name = hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()[:24]
        return self.folder / name[:2] / f"{name}.json"

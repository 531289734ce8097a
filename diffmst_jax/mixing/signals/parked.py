"""Audio that is too large for memory, as an array like any other.

The tracks of a long song are larger than everything else that a mix takes. Beyond `IN_MEMORY_BYTES`
they lie in an unnamed file, gone when the array is, in the system's temporary folder (`TMPDIR`).
"""

import mmap
import os
import tempfile
from typing import Any

import numpy as np

IN_MEMORY_BYTES = 1 << 28


class ParkedAudio(np.ndarray):
    """float32 audio `(rows, time)` in a file, mapped into memory.

    What is taken out of it, `audio[:, start:end]` or row after row in a loop, is a copy, and the
    pages that it came from are given back; so the process holds no more than it works on. An
    operation on all of it at once works too, and takes all of the memory.
    """

    _pages: mmap.mmap | None

    def __array_finalize__(self, whole: Any) -> None:
        """Views stay views of the file."""
        self._pages = getattr(whole, "_pages", None)

    def __getitem__(self, key: Any) -> Any:
        """Copy out."""
        taken = np.array(np.asarray(self)[key])
        self.give_back()
        return taken if taken.ndim else taken[()]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write to the file."""
        np.asarray(self)[key] = value
        self.give_back()

    def give_back(self) -> None:
        """Let go of the memory that its pages are in; the file still has them."""
        if self._pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)


def silence(rows: int, length: int) -> np.ndarray:
    """Zeros, float32 `(rows, length)`: in memory or, where they are large and room is, parked."""
    size = rows * length * np.dtype(np.float32).itemsize
    return _parked_silence(rows, length) if size > IN_MEMORY_BYTES else _zeros(rows, length)


def parked(audio: np.ndarray) -> np.ndarray:
    """The same audio `(rows, time)`, out of memory if there is room elsewhere."""
    away = _parked_silence(*audio.shape)
    away[:] = audio
    return away


def _zeros(rows: int, length: int) -> np.ndarray:
    return np.zeros((rows, length), np.float32)


def _parked_silence(rows: int, length: int) -> np.ndarray:
    size = rows * length * np.dtype(np.float32).itemsize
    if not hasattr(os, "posix_fallocate"):
        return _zeros(rows, length)
    try:
        with tempfile.TemporaryFile() as file:
            # Room is made now: a page that finds none later would end the process.
            os.posix_fallocate(file.fileno(), 0, size)
            pages = mmap.mmap(file.fileno(), size)
    except OSError:
        return _zeros(rows, length)
    audio = ParkedAudio((rows, length), np.float32, pages)
    audio._pages = pages
    return audio

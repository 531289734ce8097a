"""Audio files piece by piece, in and out, so that memory does not grow with their length.

What comes in is, sample by sample, what `diffmst_jax.audio.read_audio` reads at once, and is
checked as there.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile
import soxr

from diffmst_jax.audio import (
    READ_FRAMES,
    RESAMPLING_QUALITY,
    SAMPLE_RATE,
    check_length,
    check_samples,
    container_and_subtype,
    fill_frames,
    opened,
    write_failure,
)
from diffmst_jax.files import written_beside
from diffmst_jax.names import for_library


class AudioStream:
    """A file that is read from its beginning to its end, at `SAMPLE_RATE`.

    Use it in a `with` statement.

    Attributes:
        path: the file.
        channels: number of its channels.
        frames: its length at that rate, by its header.

    Raises:
        InputError: as `read_audio`; what is wrong with samples when they are reached.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with ExitStack() as stack:
            self._file: soundfile.SoundFile = stack.enter_context(opened(self.path))
            own_rate = self._file.samplerate
            check_length(self.path, self._file.frames / own_rate, 0.0)
            self._close = stack.pop_all()
        self.channels: int = self._file.channels
        self.frames = round(self._file.frames * SAMPLE_RATE / own_rate)
        self._left = self._file.frames
        self._resampler = (
            None
            if own_rate == SAMPLE_RATE
            else soxr.ResampleStream(
                own_rate, SAMPLE_RATE, self.channels, dtype="float32", quality=RESAMPLING_QUALITY
            )
        )
        self._ready = np.zeros((0, self.channels), np.float32)

    def __enter__(self) -> "AudioStream":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._close.close()

    def fill(self, samples: np.ndarray) -> int:
        """Read the next samples into float32 `(count, channels)`.

        Returns:
            How many there were: fewer than `count` only where the file ends.
        """
        have = self._take_ready(samples)
        while have < len(samples) and self._left:
            room = samples[have:]
            whole_requests = len(room) // READ_FRAMES * READ_FRAMES
            asked = min(max(whole_requests, READ_FRAMES), self._left)
            if self._resampler is None and asked <= len(room):
                self._read(room[:asked])
                have += asked
                continue
            frames = np.empty((asked, self.channels), np.float32)
            self._read(frames)
            if self._resampler is not None:
                frames = self._resampler.resample_chunk(frames, last=self._left == 0)
            self._ready = frames
            have += self._take_ready(room)
        return have

    def _take_ready(self, room: np.ndarray) -> int:
        count = min(len(self._ready), len(room))
        room[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _read(self, frames: np.ndarray) -> None:
        fill_frames(self.path, self._file, frames)
        check_samples(self.path, frames)
        self._left -= len(frames)


class AudioWriter:
    """A file that is written piece by piece, and is there whole or not at all.

    Use it in a `with` statement: the file takes its place when that ends without an error.

    Args:
        path: where to write; its ending names the format.
        channels: number of channels.
        sample_rate: samples per second.
        subtype: as for `write_audio`.

    Raises:
        InputError: unknown ending, or the place cannot be written to.
    """

    def __init__(
        self, path: str | Path, channels: int, *, sample_rate: int, subtype: str = "PCM_24"
    ) -> None:
        self.path = Path(path)
        container, subtype = container_and_subtype(self.path, subtype)
        self._options = {"format": container, "subtype": subtype, "channels": channels}
        self._rate = sample_rate
        self._stack = ExitStack()

    def __enter__(self) -> "AudioWriter":
        with ExitStack() as stack:
            temporary = stack.enter_context(written_beside(self.path))
            stack.enter_context(write_failure(self.path))
            place = for_library(temporary)
            self._file = soundfile.SoundFile(place, "w", self._rate, **self._options)
            stack.enter_context(self._file)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.__exit__(*exception)  # type: ignore[arg-type]

    def write(self, audio: np.ndarray) -> None:
        """Append `(channels, time)`; values beyond full scale are clipped by integer formats."""
        self._file.write(audio.T)

"""The tracks of a song as a stream: read from their files as the console asks for them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import repeat

import numpy as np

from diffmst_jax.audio_blocks import AudioStream
from diffmst_jax.memory import aligned
from diffmst_jax.mixing.signals.ahead import ahead
from diffmst_jax.mixing.sources.finding import Source
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.mixing.sources.tracks import READERS, check_channels, files_of_strips

AHEAD_BYTES = 1 << 25
"""What may wait, decoded, while the console is being compiled or is busy. (Four times as much made
`diffmst render` take 4 % longer: fresh memory costs more than waiting.)"""


class StripStream:
    """Console tracks from files, piece by piece. Use it in a `with` statement.

    Args:
        source: folder or files of the song.
        strips: which files and channels, in order.

    Attributes:
        frames: length of the longest file at the sample rate of mixes, estimated from its header.

    Raises:
        InputError: a file is missing, cannot be used, or has fewer channels than a strip takes.
    """

    def __init__(self, source: Source, strips: Sequence[Strip]) -> None:
        by_name, _ = files_of_strips(source, strips)
        with ExitStack() as stack:
            self._streams = {
                name: stack.enter_context(AudioStream(path)) for name, path in by_name.items()
            }
            self._readers = stack.enter_context(ThreadPoolExecutor(READERS))
            for strip in strips:
                check_channels(by_name[strip.file], strip, self._streams[strip.file].channels)
            self._close = stack.pop_all()
        self._strips = strips
        self.frames = max(stream.frames for stream in self._streams.values())

    def __enter__(self) -> "StripStream":
        return self

    def __exit__(self, *exception: object) -> None:
        self._close.close()

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Give all tracks, float32 `(console tracks, size)` a block; the last may be shorter.

        Files that end before the longest one go on with silence. Blocks are read ahead, as many as
        fit in `AHEAD_BYTES`.

        Raises:
            InputError: samples that cannot be used.
        """
        rows = sum(len(strip.channels) for strip in self._strips)
        depth = max(1, AHEAD_BYTES // (rows * size * np.dtype(np.float32).itemsize))
        return ahead(self._blocks(rows, size), depth)

    def _blocks(self, rows: int, size: int) -> Iterator[np.ndarray]:
        inputs = [(strip.file, channel) for strip in self._strips for channel in strip.channels]
        places = [
            [(channel - 1, row) for row, (file, channel) in enumerate(inputs) if file == name]
            for name in self._streams
        ]
        while True:
            block = aligned(rows, size)
            lengths = self._readers.map(_read_rows, self._streams.values(), repeat(block), places)
            length = max(lengths)
            if length:
                yield block[:, :length]
            if length < size:
                return


def _read_rows(stream: AudioStream, block: np.ndarray, places: list[tuple[int, int]]) -> int:
    """Read channels of a file into rows of a block, followed by silence; returns their length."""
    if len(places) == stream.channels == 1:
        ((_, row),) = places
        length = stream.fill(block[row][:, np.newaxis])
    else:
        frames = np.empty((block.shape[1], stream.channels), np.float32)
        length = stream.fill(frames)
        for channel, row in places:
            block[row, :length] = frames[:length, channel]
    for _, row in places:
        block[row, length:] = 0.0
    return length

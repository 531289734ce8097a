"""A whole song from files to a file, piece by piece: any length fits in the same memory."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from diffmst_jax.errors import InputError
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing.dither import write_pieces
from diffmst_jax.mixing.finishing.output import (
    Level,
    Recorded,
    Tape,
    find_level,
    finished_pieces,
    record,
)
from diffmst_jax.mixing.rendering.console_stream import CHUNK
from diffmst_jax.mixing.rendering.render import render_pieces
from diffmst_jax.mixing.rendering.strip_stream import StripStream
from diffmst_jax.mixing.signals.ahead import ahead
from diffmst_jax.mixing.signals.pieces import PIECE
from diffmst_jax.mixing.sources.finding import Source
from diffmst_jax.mixing.sources.tracks import files_of_strips
from diffmst_jax.progress import Progress


class FileTape:
    """A tape, in the sense of `output`, that is an unnamed file. Use it in a `with` statement.

    Args:
        for_file: what is written in the end. The tape lies where that will lie, for the system's
            temporary folder may be memory, and errors name it.

    Attributes:
        frames: samples per channel that are on it.

    Raises:
        InputError: there is no room.
    """

    def __init__(self, for_file: Path) -> None:
        self._for_file, self.frames = for_file, 0
        folder = next(parent for parent in for_file.absolute().parents if parent.is_dir())
        with _room_needed(for_file):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `__exit__`

    def __enter__(self) -> "FileTape":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def append(self, piece: np.ndarray, /) -> None:
        """Put a piece, float32 `(3, PIECE)`, at the end; after a shorter one comes no other."""
        assert self.frames % PIECE == 0, "a piece after a shorter one would be read as another"
        with _room_needed(self._for_file):
            self._file.write(np.ascontiguousarray(piece).data)
        self.frames += piece.shape[1]

    def __iter__(self) -> Iterator[np.ndarray]:
        """Play the tape from the beginning in pieces of `PIECE` samples."""
        with _room_needed(self._for_file):
            self._file.flush()
            self._file.seek(0)
            while data := self._file.read(PIECE * 3 * np.dtype(np.float32).itemsize):
                yield np.frombuffer(data, np.float32).reshape(3, -1)


def record_song(
    source: Source, settings: MixSettings, tape: Tape, progress: Progress | None = None
) -> Recorded:
    """Run the console over a song's files and put the mix on a tape.

    Raises:
        InputError: a file is missing or cannot be used.
    """
    with StripStream(source, settings.strips) as strips:
        blocks = strips.blocks(CHUNK)
        pieces = (mix for mix, _ in render_pieces(settings, blocks))
        told = counted(ahead(pieces), strips.frames, progress)
        return record(told, tape)


def write_song(
    source: Source,
    settings: MixSettings,
    out: Path,
    *,
    subtype: str,
    progress: Progress | None = None,
) -> Level:
    """Render a song from its files into a file.

    Args:
        source: folder or files of the song.
        settings: the mix.
        out: audio file to write.
        subtype: its sample format, in libsndfile's names.
        progress: called with the fraction done.

    Raises:
        InputError: a file is missing or cannot be used, or the place cannot be written to.
    """
    with FileTape(out) as tape:
        recorded = record_song(source, settings, tape, progress)
        level = find_level(recorded, settings.target)
        write_pieces(out, finished_pieces(recorded, level), subtype=subtype)
    return level


def unlisted_words(source: Source, settings: MixSettings) -> list[str]:
    """Name the tracks of a song that its settings neither mix nor leave out: added since, say."""
    _, unused = files_of_strips(source, settings.strips)
    known = {item.file for item in settings.left_out}
    names = ", ".join(name for name in unused if name not in known)
    if not names:
        return []
    missing = f"Not in the mix, for the console file does not list them: {names}."
    return [f"{missing} Mix again to have them in."]


def counted(
    pieces: Iterable[np.ndarray], frames: int, progress: Progress | None
) -> Iterator[np.ndarray]:
    """Tell about progress while pieces go by."""
    done = 0
    for piece in pieces:
        yield piece
        done += piece.shape[-1]
        if progress is not None:
            progress(min(1.0, done / max(frames, 1)))


@contextmanager
def _room_needed(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"finds no room for what is rendered ({error.strerror or error})"
        raise InputError(file, problem, "choose another place or make room") from error

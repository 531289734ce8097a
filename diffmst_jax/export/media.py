"""The audio files of a session: recordings as they are where a workstation can play them.

A WAV, AIFF or FLAC file that a strip uses whole is taken as it is, bit for bit. What workstations
would not read alike becomes a WAV file at the recording's own rate: compressed formats, whose
decoders add silence of different lengths at the start, samples of 8 bits and other rare kinds,
files that are not what their ending says, and single channels of files with more.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

import numpy as np
import soundfile

from diffmst_jax.audio import SAMPLE_RATE, audio_info
from diffmst_jax.errors import InputError
from diffmst_jax.export.labels import xml_text
from diffmst_jax.export.rpp_text import one_line
from diffmst_jax.files import free_name
from diffmst_jax.mixing.sources.finding import Source
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.mixing.sources.tracks import check_channels, files_of_strips
from diffmst_jax.names import for_library, portable

PLAYABLE_FORMATS = {
    ".wav": ("WAV", "WAVEX", "RF64"),
    ".aiff": ("AIFF",),
    ".aif": ("AIFF",),
    ".flac": ("FLAC",),
}
"""Formats, in libsndfile's names, by what a file may be called: workstations go by its ending."""
PLAYABLE_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
PRINTED_SUBTYPE, DECODED_SUBTYPE = "PCM_24", "FLOAT"
"""Of audio that is at a level of our choice, and of any whose peaks may exceed full scale."""

WET_FILE, RESPONSE_FILE = "effects return.wav", "effects bus impulse response.wav"
NOTES_FILE = "notes.txt"
MIX_FILE = "finished mix.wav"
NAMES_OF_OURS = (WET_FILE, RESPONSE_FILE, NOTES_FILE, MIX_FILE)

FOLDER_SIGN = " - "
"""Between the names of a subfolder and a file: audio of a session lies in one folder."""

BLOCK_FRAMES = 1 << 16
COPY_BYTES = 1 << 20
WAV_HEADER_BYTES = 128

Count = Callable[[int], None]
"""Told how many bytes of source audio were dealt with since it was told last."""


@dataclass(frozen=True)
class Media:
    """One audio file of a session.

    Attributes:
        source: the recording on disk.
        name: file in the session, relative to its audio folder, with forward slashes.
        channels: channels of the recording that it holds, counted from 1.
        sample_rate: the recording's own.
        duration_s: length in seconds.
        subtype: sample format to write, in libsndfile's names; None takes the file as it is.
        audio: makes what to write if it is not the recording, `(channels, time)` a piece.
        matrix: what each channel gives to those written, `(channels, channels)`, if not itself.
        may_stay: whether the session may refer to the recording instead of holding a copy.
    """

    source: Path
    name: str
    channels: tuple[int, ...]
    sample_rate: int
    duration_s: float
    subtype: str | None
    audio: Callable[[], Iterable[np.ndarray]] | None = None
    matrix: np.ndarray | None = None
    may_stay: bool = False

    @property
    def is_original(self) -> bool:
        """Whether the recording is used as it is."""
        return self.subtype is None

    @property
    def is_linked(self) -> bool:
        """Whether the session refers to the recording where it lies."""
        return self.may_stay and self.is_original

    @property
    def size(self) -> int:
        """Bytes of the source, the measure of progress."""
        if self.audio is None:
            return self.source.stat().st_size
        return 4 * len(self.channels) * round(self.duration_s * self.sample_rate)


class Return(NamedTuple):
    """The printed effects bus and its impulse response, as files of a session.

    Attributes:
        wet: the return.
        wet_gain_db: gain to play it at, without `Session.bus_gain_db`.
        response: the response.
        response_gain_db: gain that makes it the bus.
    """

    wet: Media
    wet_gain_db: float
    response: Media
    response_gain_db: float


def media_of(source: Source, strips: Sequence[Strip], *, link: bool = False) -> tuple[Media, ...]:
    """Find the recording of each strip and decide how it goes into the session.

    Args:
        source: folder or files of the song.
        strips: of the mix.
        link: refer to recordings that are used as they are where they lie, instead of a copy.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    by_name, _ = files_of_strips(source, strips)
    taken = set(NAMES_OF_OURS)
    return tuple(
        replace(_plan(by_name[strip.file], strip, taken), may_stay=link) for strip in strips
    )


def printed(
    name: str,
    audio: Callable[[], Iterable[np.ndarray]],
    shape: tuple[int, int],
    *,
    subtype: str = PRINTED_SUBTYPE,
) -> Media:
    """Audio of our own as a file of a session; its pieces, together of `shape`, are made then."""
    channels, frames = shape
    numbers = tuple(range(1, channels + 1))
    duration_s = frames / SAMPLE_RATE
    return Media(Path(name), name, numbers, SAMPLE_RATE, duration_s, subtype, audio)


def linked_path(media: Media, session: Path, said: Callable[[str], str]) -> str:
    """Path of a recording from the folder of a session's file, with forward slashes.

    Args:
        media: the recording.
        session: the session's file.
        said: what the format makes of a text, `sayable` or `xml_text`.

    Raises:
        InputError: the format cannot say it, so the session would point elsewhere.
    """
    path = Path(os.path.relpath(media.source.resolve(), session.resolve().parent)).as_posix()
    if said(path) != path:
        problem = "has a name, or lies in a folder of one, that cannot be written into a session"
        raise InputError(media.source, problem, "rename it, or leave out --link")
    return path


def write_media(media: Media, file: IO[bytes], count: Count) -> None:
    """Copy or convert one recording into an open file.

    Raises:
        InputError: the recording cannot be read to its end.
    """
    if media.is_original:
        with media.source.open("rb") as source:
            _copy(source, file, count)
        return
    # WAV headers are written last, and not every open file can seek: by way of a nameless one.
    with tempfile.TemporaryFile() as whole:
        if media.audio is None:
            _convert(media, whole, count)
        else:
            with _wav(media, whole) as out:
                for piece in media.audio():
                    _write(out, piece.T)
            count(media.size)
        _undate(whole)
        whole.seek(0)
        _copy(whole, file, lambda _: None)


def _copy(source: IO[bytes], file: IO[bytes], count: Count) -> None:
    for block in iter(lambda: source.read(COPY_BYTES), b""):
        file.write(block)
        count(len(block))


def _convert(media: Media, file: IO[bytes], count: Count) -> None:
    wanted = [channel - 1 for channel in media.channels]
    with soundfile.SoundFile(for_library(media.source)) as source, _wav(media, file) as out:
        bytes_of_frame = media.size / max(source.frames, 1)
        # Into integers go integers, so that what is only cut out is cut out bit for bit; into a
        # file of floats they would go as they are, at up to 2**31 times full scale.
        is_exact = out.subtype.startswith("PCM")
        for block in _blocks(media.source, source, "int32" if is_exact else "float64"):
            chosen = block[:, wanted]
            _write(out, chosen if media.matrix is None else chosen @ media.matrix)
            count(round(len(block) * bytes_of_frame))


def _wav(media: Media, file: IO[bytes]) -> soundfile.SoundFile:
    channels = len(media.channels)
    return soundfile.SoundFile(file, "w", media.sample_rate, channels, media.subtype, format="WAV")


def _undate(file: IO[bytes]) -> None:
    """Take the time of writing out of a WAV file of floats: same audio, same file."""
    file.seek(0)
    peak_chunk = file.read(WAV_HEADER_BYTES).find(b"PEAK")
    if peak_chunk >= 0:
        file.seek(peak_chunk + 12)  # after name, size and version
        file.write(bytes(4))


def _write(out: soundfile.SoundFile, block: np.ndarray) -> None:
    try:
        out.write(block)
    except soundfile.LibsndfileError as error:
        raise OSError(str(error.error_string)) from error


def _plan(file: Path, strip: Strip, taken: set[str]) -> Media:
    info = audio_info(file)
    check_channels(file, strip, info.channels)
    with soundfile.SoundFile(for_library(file)) as header:
        subtype, kind = header.subtype, header.format
    is_as_called = kind in PLAYABLE_FORMATS.get(file.suffix.lower(), ())
    is_fine = subtype in PLAYABLE_SUBTYPES
    whole = strip.channels == tuple(range(1, info.channels + 1))
    path = PurePosixPath(FOLDER_SIGN.join(PurePosixPath(strip.file).parts))
    new_subtype = None
    if not (is_as_called and is_fine and whole):
        stem = path.stem if whole else f"{path.stem} {'+'.join(map(str, strip.channels))}"
        path = path.with_name(f"{stem}.wav")
        new_subtype = subtype if is_fine else DECODED_SUBTYPE
    return Media(
        source=file,
        name=taken_name(path, taken),
        channels=strip.channels,
        sample_rate=info.sample_rate,
        duration_s=info.duration_s,
        subtype=new_subtype,
    )


def taken_name(path: PurePosixPath, taken: set[str]) -> str:
    """Take a name that every system takes and no other file has, whatever its case.

    What a session's file cannot say is not in it either, so that both name the same file.
    """
    name = free_name(portable(one_line(xml_text(path.as_posix(), instead=" "))), taken)
    taken.add(name.casefold())
    return name


def _blocks(path: Path, file: soundfile.SoundFile, dtype: str) -> Iterator[np.ndarray]:
    """Read a file block by block; what it promises must come."""
    read = 0
    while read < file.frames:
        try:
            block = file.read(BLOCK_FRAMES, dtype=dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            problem = f"is damaged ({error.error_string})"
            raise InputError(path, problem, "copy or export it again") from error
        if len(block) == 0:
            problem = f"is cut off ({read} of {file.frames} samples could be read)"
            raise InputError(path, problem, "copy or export it again")
        read += len(block)
        yield block

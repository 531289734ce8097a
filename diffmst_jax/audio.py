"""Audio files in and out: any common format and rate in, float32 `(channels, time)` out.

This module holds the one definition of the sample rate that the models work at. Reading
resamples with soxr at its highest quality (passband flat to 91 % of the lower Nyquist
frequency, aliasing below 24-bit noise), checks that the samples are usable, and answers
everything that is wrong with an `InputError` that names the file.
"""

import errno
import math
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from diffmst_jax.containers import missing_bytes
from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside
from diffmst_jax.names import for_library
from diffmst_jax.packed import is_packed, read_packed
from diffmst_jax.reaching import existing, status

SAMPLE_RATE = 44100
"""Samples per second inside models and mixes; the one definition."""

REVERB_SEED = 0
"""The noise of a mix's reverb is part of the sound of the console, not chance: always the same."""

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".aiff", ".aif")
"""File name endings, in lower case, that folders are searched for."""

MINIMUM_DURATION_S = 0.4
"""Shorter files are refused: one block of the loudness measurement."""

MAXIMUM_PEAK = 1000.0
"""Samples above this (+60 dB over full scale) are garbage, not loud audio."""

FULL_BYTES = 1 << 20
"""A disk with less room is full: libsndfile does not say why it could not write."""

RESAMPLING_QUALITY = "VHQ"
READ_FRAMES = 1 << 16
"""Frames asked of a file at once: a decoder of MP3 rounds differently after every request, so
whoever wants the same samples has to ask in the same steps."""

RESAMPLING_MARGIN_S = 0.1
"""Audio read on both sides of a window so that the resampler's edges fall outside it."""

GIVE_AUDIO = "give a WAV, FLAC, MP3, OGG or AIFF file"


class AudioInfo(NamedTuple):
    """What a file's header says.

    Attributes:
        sample_rate: samples per second.
        channels: number of channels.
        frames: samples per channel, at the file's own rate.
        duration_s: length in seconds.
    """

    sample_rate: int
    channels: int
    frames: int
    duration_s: float


def audio_info(path: str | Path) -> AudioInfo:
    """Read the header of an audio file.

    Raises:
        InputError: missing, a folder, empty, not audio, or shorter than it claims.
    """
    with opened(Path(path)) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames, file.frames / file.samplerate)


def read_audio(
    path: str | Path,
    *,
    sample_rate: int = SAMPLE_RATE,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> np.ndarray:
    """Read a file, or a window of it, at a sample rate.

    Args:
        path: an audio file of any format libsndfile reads; integer or float samples.
        sample_rate: the rate wanted; the file is resampled when its own differs.
        start_s: where the window starts, in seconds, 0 or more.
        duration_s: length of the window in seconds; None reads to the end.

    Returns:
        float32 `(channels, time)`; full scale is 1, decoded peaks may exceed it. A window
        equals the same samples of the whole file within -100 dB; it is shorter than asked
        where the file ends first.

    Raises:
        InputError: missing, a folder, empty, not audio, truncated, shorter than
            `MINIMUM_DURATION_S`, samples that are no numbers or beyond `MAXIMUM_PEAK`, or a
            window that starts after the end.
    """
    path = Path(path)
    with opened(path) as file:
        own_rate, frames = file.samplerate, file.frames
        check_length(path, frames / own_rate, start_s)
        first = round(start_s * sample_rate)
        count = None if duration_s is None else round(duration_s * sample_rate)
        if own_rate == sample_rate:
            samples = read_frames(path, file, first, count)
        else:
            samples = _read_resampled(path, file, sample_rate, first, count)
    check_samples(path, samples)
    return np.ascontiguousarray(samples.T)


def write_audio(
    path: str | Path, audio: np.ndarray, *, sample_rate: int, subtype: str = "PCM_24"
) -> None:
    """Write an audio file whole or not at all; the format follows the file name's ending.

    Args:
        path: where to write; its folder is made when missing.
        audio: float `(channels, time)`; values beyond full scale are clipped by integer formats.
        sample_rate: samples per second.
        subtype: sample format in libsndfile's names; replaced by the format's own default
            where the format does not have it (MP3, OGG).

    Raises:
        InputError: unknown ending, or the place cannot be written to.
    """
    path = Path(path)
    container, subtype = container_and_subtype(path, subtype)
    with written_beside(path) as temporary, write_failure(path):
        place = for_library(temporary)
        soundfile.write(place, audio.T, sample_rate, subtype=subtype, format=container)


def resample(audio: np.ndarray, *, from_rate: int, to_rate: int) -> np.ndarray:
    """Change the rate of `(channels, time)` audio, at the quality `read_audio` uses."""
    if from_rate == to_rate:
        return audio
    frames = np.ascontiguousarray(audio.T)
    return np.ascontiguousarray(_resample_frames(frames, from_rate, to_rate).T)


def audio_files(folder: str | Path) -> list[Path]:
    """List the audio files directly inside a folder in natural order (`2.wav` before `10.wav`).

    Hidden files are left out. A link that leads nowhere is listed, for whoever reads it to refuse:
    a mix without the track of a drive that is not there would be wrong without a word. An
    unreadable or missing folder raises `InputError`.
    """
    folder = Path(folder)
    there = status(folder)
    if there is None:
        raise InputError(folder, "does not exist", "give a folder that holds audio files")
    if not stat.S_ISDIR(there.st_mode):
        raise InputError(folder, "is not a folder", "give a folder that holds audio files")
    try:
        found = [item for item in folder.iterdir() if has_audio_name(item) and _is_given(item)]
    except OSError as error:
        raise InputError(
            folder, f"cannot be read ({error.strerror})", "check its rights"
        ) from error
    return sorted(found, key=lambda item: natural_key(item.name))


def _is_given(item: Path) -> bool:
    return item.is_file() or (item.is_symlink() and not item.exists())


def has_audio_name(path: Path) -> bool:
    """Whether folders that are searched give a file of this name."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def as_stereo(audio: np.ndarray) -> np.ndarray:
    """Two channels of `(channels, time)`: mono twice, the first two of more."""
    return audio[:2] if len(audio) > 1 else np.repeat(audio, 2, axis=0)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which the numbers inside names count as numbers and case does not count."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    keys = [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]
    return [*keys, (2, 0, name)]


@contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a file for reading after the checks that do not need its samples."""
    there = existing(path)
    if not stat.S_ISREG(there.st_mode):
        raise InputError(path, "is not a file", GIVE_AUDIO)
    if there.st_size == 0:
        raise InputError(path, "is empty", "export it again")
    try:
        missing = missing_bytes(path)
        if missing > 0:
            raise InputError(path, f"is cut off ({missing} bytes missing)", "copy it again")
        file = soundfile.SoundFile(for_library(path))
    except soundfile.LibsndfileError as error:
        raise InputError(
            path, f"is no audio that can be read ({_reason(error)})", GIVE_AUDIO
        ) from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its rights") from error
    except TypeError as error:  # soundfile's answer to headerless formats such as .raw
        raise InputError(path, "has no header", GIVE_AUDIO) from error
    with file:
        yield file


def read_frames(path: Path, file: soundfile.SoundFile, first: int, count: int | None) -> np.ndarray:
    """Read `(frames, channels)` float32 from a frame on; fewer than `count` where the file ends."""
    available = max(file.frames - first, 0)
    wanted = available if count is None else min(count, available)
    samples = np.empty((wanted, file.channels), np.float32)
    fill_frames(path, file, samples, first)
    return samples


def fill_frames(
    path: Path, file: soundfile.SoundFile, samples: np.ndarray, first: int | None = None
) -> None:
    """Read float32 `(frames, channels)` and see that all came, as the header promised.

    `first` None goes on where the last reading ended.
    """
    have, packed = 0, is_packed(file)
    try:
        if first:
            file.seek(first)
        while have < len(samples):
            request = samples[have : have + READ_FRAMES]
            came = read_packed(file, request) if packed else len(file.read(out=request))
            have += came
            if came == 0:
                break
    except soundfile.LibsndfileError as error:
        raise InputError(
            path, f"is damaged ({_reason(error)})", "copy or export it again"
        ) from error
    if have < len(samples):
        problem = f"is cut off ({have} of {len(samples)} samples could be read)"
        raise InputError(path, problem, "copy or export it again")


def _read_resampled(
    path: Path, file: soundfile.SoundFile, sample_rate: int, first: int, count: int | None
) -> np.ndarray:
    """Read a window given in output samples, resampled, `(frames, channels)`.

    The source is read from a multiple of the smallest step at which both rates' sample grids
    meet, so a window has the phase that the whole file would have.
    """
    own_rate = file.samplerate
    common = math.gcd(own_rate, sample_rate)
    own_step, step = own_rate // common, sample_rate // common
    blocks = max(0, int((first / sample_rate - RESAMPLING_MARGIN_S) * common))
    own_count = None
    if count is not None:
        last_s = (first + count) / sample_rate + RESAMPLING_MARGIN_S
        own_count = math.ceil(last_s * own_rate) - blocks * own_step
    samples = read_frames(path, file, blocks * own_step, own_count)
    resampled = _resample_frames(samples, own_rate, sample_rate)
    skip = first - blocks * step
    return resampled[skip : None if count is None else skip + count]


def _resample_frames(frames: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    return soxr.resample(frames, from_rate, to_rate, quality=RESAMPLING_QUALITY)


def check_length(path: Path, duration_s: float, start_s: float) -> None:
    """Require a file that is long enough, and a window that starts inside it."""
    if duration_s < MINIMUM_DURATION_S:
        problem = f"is too short ({duration_s:.4f} s, at least {MINIMUM_DURATION_S} s are needed)"
        raise InputError(path, problem, "leave it out or give a longer one")
    if not 0 <= start_s < duration_s:
        problem = f"lasts {duration_s:.2f} s and has nothing at {start_s:.2f} s"
        raise InputError(path, problem, "choose a section inside it")


def check_samples(path: str | Path, samples: np.ndarray) -> None:
    """Refuse samples that are no numbers or garbage, in an array of any shape.

    Raises:
        InputError: NaN, infinite, or beyond `MAXIMUM_PEAK`; names `path`.
    """
    peak = max(float(np.max(samples, initial=0.0)), -float(np.min(samples, initial=0.0)))
    if not math.isfinite(peak):
        raise InputError(path, "holds samples that are no numbers (NaN or Inf)", "export it again")
    if peak > MAXIMUM_PEAK:
        problem = f"holds samples {peak:.3g} times above full scale"
        raise InputError(path, problem, "export it again")


@contextmanager
def write_failure(path: Path) -> Iterator[None]:
    """Answer what libsndfile says while writing as a fault of the place."""
    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = _reason(error)
        if reason == "System error" and shutil.disk_usage(path.parent).free < FULL_BYTES:
            reason = os.strerror(errno.ENOSPC)
        raise InputError(
            path, f"cannot be written ({reason})", "choose another place or make room"
        ) from error


def container_and_subtype(path: Path, subtype: str) -> tuple[str, str]:
    """Name libsndfile's container for a file name's ending, and a sample format that it has."""
    suffix = path.suffix.lower()
    if suffix not in AUDIO_SUFFIXES:
        problem = f"has the ending {suffix!r}, which names no format that can be written"
        raise InputError(path, problem, f"end it in one of {', '.join(AUDIO_SUFFIXES)}")
    container = {".aif": "AIFF"}.get(suffix, suffix[1:].upper())
    has_it = soundfile.check_format(container, subtype)
    return container, subtype if has_it else soundfile.default_subtype(container)


def _reason(error: soundfile.LibsndfileError) -> str:
    """Libsndfile's own words, except those it uses for any MP3 that it cannot start on."""
    words = str(error.error_string).strip().rstrip(".")
    return "no audio format is recognised" if words.startswith("File does not exist") else words

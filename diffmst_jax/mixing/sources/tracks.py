"""From a folder of files to console tracks: find, decode, pad, pair and measure.

A mono file is one strip, a stereo file too; one with more than two channels gives one mono strip
per channel.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import MINIMUM_DURATION_S, SAMPLE_RATE, AudioInfo, audio_info, read_audio
from diffmst_jax.containers import time_stamp
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.signals.measure import (
    decibels,
    gated_loudness,
    peak,
    weighted_step_powers,
)
from diffmst_jax.mixing.signals.parked import IN_MEMORY_BYTES, parked, silence
from diffmst_jax.mixing.sources.copies import Copies, copies
from diffmst_jax.mixing.sources.finding import (
    Patterns,
    Source,
    check_patterns,
    files_by_name,
    find_tracks,
    left_out_of_folder,
    matches,
)
from diffmst_jax.mixing.sources.several import several_songs
from diffmst_jax.mixing.sources.strips import LeftOut, Strip, side_of_track, strip_of_track
from diffmst_jax.progress import Progress
from diffmst_jax.reaching import is_there, status

AS_ASKED = "as asked"
IS_REFERENCE = "it is the reference"
TOO_SHORT = f"it is shorter than {MINIMUM_DURATION_S} s; add silence to it to have it mixed"
READERS = 2
"""Files decoded at the same time; decoding leaves Python, so threads suffice."""

SILENCE_PEAK_DB = -60.0
"""A track that never rises above this peak (dBFS) is silence or hiss, and left out."""

OFFSET_FROM = 0.02
"""A mean this far from zero, over the peak, is said; good recordings stay ten times nearer."""

SMALLEST_PEAK = 1e-9
"""Below it is silence, whose offset is 0."""

STAMP_TOLERANCE_S = 0.001
"""Time stamps nearer than this are one start: at other rates they count other samples."""

MONO_SIDE_DB = -60.0
"""A stereo file whose side stays this far below its mid is a mono recording in two channels."""


@dataclass(frozen=True)
class Multitrack:
    """The tracks of one song, aligned and of one length.

    Attributes:
        strips: the inputs, in natural order of their file names.
        audio: float32 `(console tracks, time)` at `SAMPLE_RATE`, strip after strip, a pair's
            left channel before its right. A long song's is `parked`: take it piece by piece.
        loudness_lufs: integrated loudness of each strip, `(strips,)`; a pair's is the energy
            mean of its channels', so that both kinds compare with a mono track.
        left_out: what was found and not used.
        late_s: how much later than the first some files begin, by time stamps in them.
        songs_s: of what looks like a folder of several songs, see `several_songs`.
        offset: how far the mean of files with a DC offset lies from zero, over the peak.
    """

    strips: tuple[Strip, ...]
    audio: np.ndarray
    loudness_lufs: np.ndarray
    left_out: tuple[LeftOut, ...]
    late_s: Mapping[str, float] = field(default_factory=dict)
    songs_s: Mapping[str, float] = field(default_factory=dict)
    offset: Mapping[str, float] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.audio.shape[1] / SAMPLE_RATE

    @cached_property
    def copies(self) -> tuple[Copies, ...]:
        """Recordings that are there twice; looked for when asked, for renderers need not know."""
        return copies(self.strips, self.audio)

    @property
    def strip_of_track(self) -> np.ndarray:
        """Index of the strip that each console track belongs to, `(console tracks,)`."""
        return strip_of_track(self.strips)

    @property
    def side_of_track(self) -> np.ndarray:
        """-1 for a pair's left channel, +1 for its right, 0 for mono, `(console tracks,)`."""
        return side_of_track(self.strips)

    def sum_per_strip(self, values: np.ndarray) -> np.ndarray:
        """Sum values `(console tracks, ...)` over the channels of each strip, `(strips, ...)`."""
        total = np.zeros((len(self.strips), *values.shape[1:]))
        np.add.at(total, self.strip_of_track, values)
        return total


class Channels(NamedTuple):
    """The audio of a strip while a song is put together.

    Attributes:
        strip: which one.
        audio: float32 `(channels, time)`, one channel or a pair.
        step_powers: `weighted_step_powers` of each channel, `(channels, steps)`.
    """

    strip: Strip
    audio: np.ndarray
    step_powers: np.ndarray


def load_tracks(
    source: Source,
    *,
    reference: str | Path | Sequence[str | Path] = (),
    exclude: Patterns = (),
    progress: Progress | None = None,
) -> Multitrack:
    """Read the tracks of one song at `SAMPLE_RATE`, pad them to one length and measure them.

    Args:
        source: as for `find_tracks`.
        reference: one file or several that are no tracks although they may lie among them.
        exclude: patterns of files to leave out, as `matches` reads them.
        progress: called with the fraction of files that are read.

    Returns:
        The strips that sound. Silent files and silent channels are in `left_out`, and those
        shorter than `MINIMUM_DURATION_S`, and `left_out_of_folder`.

    Raises:
        InputError: a file that cannot be used, no audio, nothing but silence, or a pattern that no
            file matches.
    """
    base, files = find_tracks(source)
    named = files_by_name(base, files)
    check_patterns("--exclude", exclude, list(named))
    references = [reference] if isinstance(reference, str | Path) else reference
    used: list[Channels] = []
    left_out = [LeftOut(*item) for item in left_out_of_folder(source).items()]
    wanted: dict[str, Path] = {}
    headers: dict[str, AudioInfo] = {}
    for name, file in named.items():
        if is_there(file) and any(file.samefile(item) for item in references):
            left_out.append(LeftOut(name, IS_REFERENCE))
        elif matches(name, exclude):
            left_out.append(LeftOut(name, AS_ASKED))
        elif (header := audio_info(file)).duration_s < MINIMUM_DURATION_S:
            left_out.append(LeftOut(name, TOO_SHORT))
        else:
            wanted[name], headers[name] = file, header
    for count, (channels, reasons) in enumerate(_read_channels(wanted, headers.values()), start=1):
        used += channels
        left_out += reasons
        if progress:
            progress(count / len(wanted))
    if not used:
        # Of files, not their folder: others in it may sound.
        raise nothing_sounds(source if isinstance(source, str | Path) else "tracks", left_out)
    songs_s = several_songs({name: header.duration_s for name, header in headers.items()})
    return replace(assemble(used, left_out), late_s=_late_s(wanted, headers), songs_s=songs_s)


def _late_s(files: Mapping[str, Path], headers: Mapping[str, AudioInfo]) -> dict[str, float]:
    """See by how much the time stamps of files differ; those without one do not count."""
    stamps = {name: time_stamp(file) for name, file in files.items()}
    begins = {n: s / headers[n].sample_rate for n, s in stamps.items() if s is not None}
    first = min(begins.values(), default=0.0)
    return {name: at - first for name, at in begins.items() if at - first > STAMP_TOLERANCE_S}


def nothing_sounds(source: str | Path, left_out: Sequence[LeftOut]) -> InputError:
    """Say that there is nothing to mix, and what may have been too much to leave out."""
    if any(item.reason == AS_ASKED for item in left_out):
        return InputError(source, "holds no other track with sound in it", "exclude fewer tracks")
    if any(item.reason == IS_REFERENCE for item in left_out):
        problem = "holds no other track with sound in it"
        return InputError(source, problem, "give tracks that sound beside the reference")
    problem = "holds no track with sound in it"
    if short := [item.file for item in left_out if item.reason == TOO_SHORT]:
        problem += f" of {MINIMUM_DURATION_S} s or longer; too short: {', '.join(short)}"
    return InputError(source, problem, "give tracks that sound")


def _read_channels(
    files: Mapping[str, Path], headers: Iterable[AudioInfo]
) -> Iterator[tuple[list[Channels], list[LeftOut]]]:
    """Read and split files, several at a time; of a long song, each makes room for the next."""
    is_long = sum(4 * info.frames * info.channels for info in headers) > IN_MEMORY_BYTES

    def read(name: str) -> tuple[list[Channels], list[LeftOut]]:
        channels, reasons = split_channels(name, read_audio(files[name]))
        if is_long:
            channels = [item._replace(audio=parked(item.audio)) for item in channels]
        return channels, reasons

    with ThreadPoolExecutor(READERS) as readers:
        yield from readers.map(read, files)


def assemble(used: list[Channels], left_out: Iterable[LeftOut] = ()) -> Multitrack:
    """Pad the strips' channels to the longest, `(console tracks, time)`, and measure them.

    Empties `used` as it goes, so that the audio of a song is in memory once, not twice.
    """
    strips = tuple(item.strip for item in used)
    length = max(item.audio.shape[1] for item in used)
    audio = silence(sum(len(item.audio) for item in used), length)
    row = 0
    loudness: list[float] = []
    offset: dict[str, float] = {}
    used.reverse()
    while used:
        item = used.pop()
        audio[row : row + len(item.audio), : item.audio.shape[1]] = item.audio
        row += len(item.audio)
        loudness.append(strip_loudness(item.step_powers))
        offset[item.strip.file] = max(offset.get(item.strip.file, 0.0), dc_offset(item.audio))
    far = {name: share for name, share in offset.items() if share > OFFSET_FROM}
    return Multitrack(strips, audio, np.array(loudness), tuple(left_out), offset=far)


def dc_offset(audio: np.ndarray) -> float:
    """Largest mean over peak of any channel of `(channels, time)`."""
    return max(abs(float(np.mean(c))) / max(peak(c), SMALLEST_PEAK) for c in audio)


def strip_loudness(step_powers: np.ndarray) -> float:
    """Loudness of a strip in LUFS: of its channel, or the energy mean over a pair."""
    return gated_loudness(np.sum(step_powers, axis=0)) - 10 * math.log10(len(step_powers))


def split_channels(name: str, audio: np.ndarray) -> tuple[list[Channels], list[LeftOut]]:
    """Turn one file's `(channels, time)` into strips, leaving silent channels out.

    A stereo file with one silent channel, or with two that hold the same mono recording,
    becomes a mono strip.
    """
    powers = _step_powers(audio)
    silent = [is_silent(channel, p) for channel, p in zip(audio, powers, strict=True)]
    if all(silent):
        return [], [LeftOut(name, "it is silent")]
    if len(audio) == 2 and not any(silent):
        count = 1 if is_dual_mono(audio) else 2
        strip = Strip(name, (1, 2)[:count])
        return [Channels(strip, audio[:count], powers[:count])], []
    used, left_out = [], []
    for i, is_out in enumerate(silent):
        if is_out:
            left_out.append(LeftOut(name, f"channel {i + 1} is silent"))
        else:
            used.append(Channels(Strip(name, (i + 1,)), audio[i : i + 1], powers[i : i + 1]))
    return used, left_out


def is_silent(channel: np.ndarray, step_powers: np.ndarray) -> bool:
    """Whether a channel `(time,)` has nothing in it that a mix could use."""
    return decibels(peak(channel)) < SILENCE_PEAK_DB or not math.isfinite(
        gated_loudness(step_powers)
    )


def is_all_silent(audio: np.ndarray) -> bool:
    """Whether every channel of `(channels, time)` is silent."""
    return all(is_silent(c, p) for c, p in zip(audio, _step_powers(audio), strict=True))


def _step_powers(audio: np.ndarray) -> np.ndarray:
    return np.stack([weighted_step_powers(c[np.newaxis], sample_rate=SAMPLE_RATE) for c in audio])


def read_strips(source: Source, strips: Sequence[Strip]) -> Multitrack:
    """Read exactly the given strips, in their order, as a console file lists them.

    Raises:
        InputError: a file is missing or has fewer channels than the console file says.
    """
    by_name, unused = files_of_strips(source, strips)
    cache: dict[str, np.ndarray] = {}
    used = []
    for strip in strips:
        if strip.file not in cache:
            cache = {strip.file: read_audio(by_name[strip.file])}
        used.append(channels_of(strip, cache[strip.file], by_name[strip.file]))
    return assemble(used, [LeftOut(name, "not in the console file") for name in unused])


def channels_of(strip: Strip, audio: np.ndarray, file: str | Path) -> Channels:
    """Take what feeds a strip from its file's `(channels, time)`.

    Raises:
        InputError: there are fewer channels; names `file`.
    """
    check_channels(file, strip, len(audio))
    chosen = audio[[channel - 1 for channel in strip.channels]]
    return Channels(strip, chosen, _step_powers(chosen))


def files_of_strips(source: Source, strips: Sequence[Strip]) -> tuple[dict[str, Path], list[str]]:
    """Find the file of each strip by its name; also names the files that no strip uses.

    Raises:
        InputError: a file is missing or cannot be reached.
    """
    base, files = find_tracks(source)
    by_name = files_by_name(base, files)
    used = {strip.file for strip in strips}
    for strip in strips:
        if strip.file not in by_name:
            status(base / strip.file)  # says so if its folder may not be entered
            problem = f"has no track named {strip.file!r}, which the console file lists"
            raise InputError(base, problem, "give the folder that was mixed, or edit the entry")
    return {name: by_name[name] for name in used}, sorted(set(by_name) - used)


def check_channels(file: str | Path, strip: Strip, channels: int) -> None:
    """Require that a file has the channels that a strip takes from it."""
    if max(strip.channels) > channels:
        problem = f"has {channels} channel(s), the console file uses {max(strip.channels)}"
        raise InputError(file, problem, "give the file that was mixed")


def is_dual_mono(audio: np.ndarray) -> bool:
    """Whether `(2, time)` is one recording in two channels, but for dither."""
    mid, side = audio[0] + audio[1], audio[0] - audio[1]
    return decibels(peak(side)) - decibels(peak(mid)) < MONO_SIDE_DB

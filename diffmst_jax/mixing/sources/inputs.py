"""From what a caller gives, files or arrays, to a multitrack and references."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np
from jax import Array

from diffmst_jax.audio import (
    MINIMUM_DURATION_S,
    SAMPLE_RATE,
    check_samples,
    resample,
)
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.finishing.limits import CEILING_RANGE, LOUDNESS_RANGE, MOST_STEPS
from diffmst_jax.mixing.sources.finding import (
    Patterns,
    Source,
    check_patterns,
    find_tracks,
    matches,
)
from diffmst_jax.mixing.sources.reference import (
    Reference,
    ReferenceName,
    Section,
    check_section,
    check_weight,
    parse_reference,
    parse_section,
    read_reference,
    section_name,
    usable_reference,
    weighed,
)
from diffmst_jax.mixing.sources.strips import LeftOut, Strip
from diffmst_jax.mixing.sources.style import song_style
from diffmst_jax.mixing.sources.style_file import is_style_file, load_style
from diffmst_jax.mixing.sources.tracks import (
    AS_ASKED,
    Channels,
    Multitrack,
    assemble,
    channels_of,
    load_tracks,
    nothing_sounds,
    split_channels,
)
from diffmst_jax.names import legible, one_spelling
from diffmst_jax.progress import Progress

Tracks: TypeAlias = Source | Mapping[str, np.ndarray] | Sequence[np.ndarray] | np.ndarray | Array
"""A folder, files, audio `(time,)` or `(channels, time)` by name or in a list, or mono tracks
`(tracks, time)`."""

NamedTracks: TypeAlias = Source | Mapping[str, np.ndarray]
"""The same, every track with a name."""

OneReference: TypeAlias = str | Path | ReferenceName | Reference | np.ndarray | Array
References: TypeAlias = OneReference | Sequence[OneReference] | Mapping[str | Path, float]
"""A file, audio `(channels, time)`, several of them, or a mapping from files to weights."""

ARRAY_NAME = "reference"
SAMPLE_RATES = (1000, 768000)


def with_names(tracks: Tracks) -> NamedTracks:
    """Call audio without names `track_1`, `track_2` and so on.

    Raises:
        InputError: an array that is no `(tracks, time)`, a name that is none (nothing, a dot), or
            nothing of what tracks may be.
    """
    if isinstance(tracks, np.ndarray | Array):
        if tracks.ndim != 2:
            problem = f"is an array with shape {tracks.shape}"
            raise InputError("tracks", problem, "give (tracks, time), or audio by name")
        return _numbered(np.asarray(tracks))
    if isinstance(tracks, str | Path):
        return tracks
    items = list(tracks) if isinstance(tracks, Iterable) else [tracks]
    if isinstance(tracks, Mapping) and all(isinstance(name, str) for name in items):
        for name in map(str, items):
            if not PurePosixPath(name).name:  # strips are called as files are
                raise InputError("tracks", f"have one named {name!r}", "give it a name")
        return tracks
    files = [item for item in items if isinstance(item, str | Path)]
    arrays = [np.asarray(item) for item in items if isinstance(item, np.ndarray | Array)]
    if isinstance(tracks, Sequence) and len(items) in (len(files), len(arrays)):
        return files if len(files) == len(items) else _numbered(arrays)
    kinds = " and ".join(sorted({type(item).__name__ for item in items}))
    raise InputError("tracks", f"is of {kinds}", "give a folder, files, or audio by name")


def _numbered(tracks: Iterable[np.ndarray]) -> Mapping[str, np.ndarray]:
    return {f"track_{number}": track for number, track in enumerate(tracks, start=1)}


def gather_tracks(
    tracks: NamedTracks,
    *,
    references: Sequence[Path],
    exclude: Patterns,
    sample_rate: int,
    progress: Progress | None = None,
) -> Multitrack:
    """Read or take the tracks of one song.

    Args:
        tracks: see `NamedTracks`.
        references: files that are no tracks although they may lie among them.
        exclude: patterns of tracks to leave out.
        sample_rate: of audio given as arrays.
        progress: called with the fraction of files that are read.

    Raises:
        InputError: a track that cannot be used, nothing that sounds, or a pattern that matches
            none.
    """
    if not isinstance(tracks, Mapping):
        return load_tracks(tracks, reference=references, exclude=exclude, progress=progress)
    check_patterns("--exclude", exclude, list(tracks))
    used: list[Channels] = []
    left_out: list[LeftOut] = []
    for given, audio in tracks.items():
        name = one_spelling(given)
        if matches(name, exclude):
            left_out.append(LeftOut(name, AS_ASKED))
            continue
        channels, reasons = split_channels(name, audio_from_array(audio, name, sample_rate))
        used += channels
        left_out += reasons
    if not used:
        raise nothing_sounds("tracks", left_out)
    return assemble(used, left_out)


def gather_inputs(
    tracks: Mapping[str, np.ndarray], strips: Sequence[Strip], *, sample_rate: int
) -> Multitrack:
    """Take the tracks that a console has strips for.

    Args:
        tracks: audio by name.
        strips: the console's, in order.
        sample_rate: of the audio.

    Raises:
        InputError: a track is missing, cannot be used, or has fewer channels than were mixed.
    """
    by_name = {one_spelling(name): audio for name, audio in tracks.items()}
    used = []
    for strip in strips:
        if strip.file not in by_name:
            raise InputError(
                "tracks", f"have none named {strip.file!r}", "give all that were mixed"
            )
        audio = audio_from_array(by_name[strip.file], strip.file, sample_rate)
        used.append(channels_of(strip, audio, strip.file))
    return assemble(used)


def gather_references(
    references: References, *, section: str | Section | None, sample_rate: int
) -> tuple[Reference, ...]:
    """Read or take the references; weights sum to 1, the heaviest comes first.

    Args:
        references: see `References`. Text may hold a section and a weight, as on the command line.
        section: which part of those that name none themselves.
        sample_rate: of audio given as arrays.

    Raises:
        InputError: a reference that cannot be used.
    """
    if not isinstance(section, str | Section | None):
        raise InputError("section", f"is {section!r}", "write it as '0:30-1:10'")
    part = parse_section(section) if isinstance(section, str) else section
    found: list[Reference] = []
    for item in _listed(references):
        if isinstance(item, Reference):
            check_weight(item.name, item.weight)
            if part is not None:
                raise InputError(item.name, "is read already", "give the section where it is read")
            found.append(item)
        elif isinstance(item, ReferenceName):
            check_weight(item.path, item.weight)
            found += _read(item._replace(section=item.section or part))
        else:
            whole = audio_from_array(item, ARRAY_NAME, sample_rate)
            audio = usable_reference(_cut(whole, part), ARRAY_NAME)
            name = ARRAY_NAME + section_name(part)
            found.append(Reference(name, audio, song_style(audio)))
    if not found:
        raise InputError("reference", "none was given", "give a finished mix or a style.json")
    return weighed(found)


def check_lengths(references: Sequence[Reference], shortest: int) -> None:
    """Refuse a reference that a model cannot hear; how much it needs depends on the model.

    Raises:
        InputError: one has fewer than `shortest` samples at `SAMPLE_RATE`.
    """
    for reference in references:
        length = reference.audio.shape[1]
        if length < shortest:
            seconds, needed = length / SAMPLE_RATE, shortest / SAMPLE_RATE
            problem = f"is too short ({seconds:.2f} s) for this model, which needs {needed:.2f} s"
            raise InputError(reference.name, problem, "give a longer one, or another model")


def reference_files(references: References) -> list[Path]:
    """Files that the references name."""
    return [item.path for item in _listed(references) if isinstance(item, ReferenceName)]


def check_wishes(loudness_lufs: float, ceiling_dbtp: float, refine: int, sample_rate: int) -> None:
    """Hold callers from Python to what the command line and audio files take.

    Raises:
        InputError: a number outside its range, or none.
    """
    _check_number("loudness_lufs", loudness_lufs, LOUDNESS_RANGE)
    _check_number("ceiling_dbtp", ceiling_dbtp, CEILING_RANGE)
    _check_number("refine", refine, (0, MOST_STEPS))
    check_sample_rate(sample_rate)
    if int(refine) != refine:
        raise InputError("refine", f"is {refine}", "give a whole number of steps")


def check_sample_rate(sample_rate: int) -> None:
    """Require a rate that audio may have.

    Raises:
        InputError: a number outside its range, or none.
    """
    _check_number("sample_rate", sample_rate, SAMPLE_RATES)


def _check_number(name: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    is_number = isinstance(value, Real | np.ndarray | Array) and np.ndim(value) == 0
    if not is_number or not low <= value <= high:
        raise InputError(name, f"is {value!r}", f"give a number from {low:g} to {high:g}")


def track_files(tracks: NamedTracks) -> list[Path]:
    """Files of the tracks."""
    return [] if isinstance(tracks, Mapping) else find_tracks(tracks)[1]


def song_name(tracks: NamedTracks) -> str:
    """Name a song after its folder."""
    if isinstance(tracks, Mapping):
        return "Mix"
    base, _ = find_tracks(tracks)
    return legible(base.resolve().name) or "Mix"


def audio_from_array(audio: np.ndarray | Array, name: str, sample_rate: int) -> np.ndarray:
    """Check an array and bring it to float32 `(channels, time)` at `SAMPLE_RATE`.

    Raises:
        InputError: not floating point, of another shape, too short, or with broken samples.
    """
    array = np.atleast_2d(np.asarray(audio))
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
        problem = f"is an array of {array.dtype} with shape {np.shape(audio)}"
        raise InputError(name, problem, "give floating point (channels, time) in [-1, 1]")
    if array.shape[1] < MINIMUM_DURATION_S * sample_rate:
        problem = f"has shape {np.shape(audio)}, less than {MINIMUM_DURATION_S} s"
        raise InputError(name, problem, "give (channels, time), or leave it out")
    array = array.astype(np.float32)
    check_samples(name, array)
    return resample(array, from_rate=sample_rate, to_rate=SAMPLE_RATE)


def _listed(references: References) -> list[ReferenceName | Reference | np.ndarray | Array]:
    if isinstance(references, Mapping):
        return [
            parse_reference(str(name))._replace(weight=weight)
            for name, weight in references.items()
        ]
    if isinstance(references, str | Path):
        return [parse_reference(str(references))]
    if isinstance(references, Reference | ReferenceName | np.ndarray | Array):
        return [references]
    if not isinstance(references, Iterable):
        raise InputError("reference", f"is {references!r}", "give files, audio, or both")
    return [item for several in references for item in _listed(several)]


def _read(name: ReferenceName) -> list[Reference]:
    """Read a file; a style file holds several references, whose weights are shares of its own."""
    if is_style_file(name.path):
        if name.section is not None:
            raise InputError(name.path, "is a saved style, which has no sections", "leave it out")
        style = weighed(load_style(name.path))
        return [replace(item, weight=item.weight * name.weight) for item in style]
    audio = read_reference(name.path, name.section)
    title = legible(name.path.name) + section_name(name.section)
    return [Reference(title, audio, song_style(audio), name.weight)]


def _cut(audio: np.ndarray, section: Section | None) -> np.ndarray:
    if section is None:
        return audio
    check_section(section, audio.shape[1] / SAMPLE_RATE, ARRAY_NAME)
    end = None if section.end_s is None else round(section.end_s * SAMPLE_RATE)
    return audio[:, round(section.start_s * SAMPLE_RATE) : end]

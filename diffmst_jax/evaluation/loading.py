"""From an example to audio: the tracks that take part, the reference, and the truth if known."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, as_stereo, audio_info, read_audio
from diffmst_jax.controls import Controls
from diffmst_jax.data.records import Track
from diffmst_jax.data.sources import read_window
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.known import known_mix
from diffmst_jax.evaluation.manifest import Example
from diffmst_jax.mixing.signals.measure import gated_loudness, weighted_step_powers
from diffmst_jax.mixing.sources.strips import strip_names
from diffmst_jax.mixing.sources.tracks import (
    Channels,
    Multitrack,
    assemble,
    split_channels,
    strip_loudness,
)


@dataclass(frozen=True)
class Loaded:
    """An example's audio.

    Attributes:
      number: of the example in the manifest.
      example: what it is.
      tracks: what is mixed; every strip sounds here or in `heard`.
      reference: (2, time) that mixes are judged against.
      heard: the same strips where systems may listen; `tracks` itself unless settings are
        transferred.
      heard_reference: (2, time) that systems may listen to.
      truth: the controls that made `reference`, per strip, where the console made it.
    """

    number: int
    example: Example
    tracks: Multitrack
    reference: np.ndarray
    heard: Multitrack
    heard_reference: np.ndarray
    truth: Controls | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What people call the strips."""
        return tuple(strip_names(self.tracks.strips))


class Unreadable(NamedTuple):
    """An example that could not be loaded, and why."""

    number: int
    example: Example
    reason: str


def load_example(number: int, example: Example) -> Loaded:
    """Read an example.

    Raises:
      InputError: a file cannot be read, nothing sounds, or the song is too short.
    """
    transferred = example.heard != example.judged
    if not example.reference:
        return _with_random_reference(number, example)
    starts = [example.judged.start_s] + [example.heard.start_s] * transferred
    judged, *others = read_tracks(example, starts)
    reference_starts = [example.judged, example.heard] if transferred else [example.judged]
    references = [read_reference(example, s.reference_start_s) for s in reference_starts]
    return Loaded(
        number=number,
        example=example,
        tracks=judged,
        reference=references[0],
        heard=others[0] if others else judged,
        heard_reference=references[-1],
    )


def _with_random_reference(number: int, example: Example) -> Loaded:
    """Mix both sections with the same random settings: one is the reference, one the truth."""
    starts = [example.judged.start_s, example.judged.reference_start_s]
    judged, other = read_tracks(example, starts)
    truth, reference, controls = known_mix(judged, other, seed=example.seed)
    return Loaded(number, example, judged, truth, judged, reference, controls)


def read_tracks(example: Example, starts: Sequence[float]) -> list[Multitrack]:
    """Read the same strips from several places of a song; each sounds in one of them at least."""
    samples = round(example.duration_s * SAMPLE_RATE)
    used: list[Channels] = []
    left_out = []
    for name, path in zip(example.files, example.paths, strict=True):
        info = audio_info(path)
        record = Track(path.stem, path, info.channels, info.duration_s)
        parts = [read_window(record, start_s=start, samples=samples) for start in starts]
        sound, reasons = split_channels(name, np.concatenate(parts, axis=1))
        used += sound
        left_out += reasons
    if not used:
        raise InputError(example.song, "is silent in this section", "draw the examples again")
    whole = assemble(used, left_out)
    return [_part(whole, i, samples) for i in range(len(starts))]


def _part(whole: Multitrack, index: int, samples: int) -> Multitrack:
    """One section of tracks that were read behind each other.

    A strip that is silent there keeps the loudness it has elsewhere.
    """
    audio = whole.audio[:, index * samples : (index + 1) * samples]
    loudness = whole.loudness_lufs.copy()
    for strip in range(len(whole.strips)):
        rows = audio[whole.strip_of_track == strip]
        powers = [weighted_step_powers(row[None], sample_rate=SAMPLE_RATE) for row in rows]
        if np.isfinite(gated_loudness(np.sum(powers, axis=0))):
            loudness[strip] = strip_loudness(np.stack(powers))
    return replace(whole, audio=np.ascontiguousarray(audio), loudness_lufs=loudness)


def read_reference(example: Example, start_s: float) -> np.ndarray:
    """Read a section of the finished mix as (2, time)."""
    path = Path(example.reference)
    return as_stereo(read_audio(path, start_s=start_s, duration_s=example.duration_s))


def batches(
    examples: Iterable[tuple[int, Example]], size: int
) -> Iterator[list[Loaded | Unreadable]]:
    """Load examples in batches, the next one while the caller works on the last."""
    waiting = [*examples]
    groups = [waiting[i : i + size] for i in range(0, len(waiting), size)]
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader") as pool:
        upcoming = pool.submit(_load_all, groups[0]) if groups else None
        for following in [*groups[1:], None] if groups else []:
            assert upcoming is not None
            ready = upcoming.result()
            upcoming = pool.submit(_load_all, following) if following else None
            yield ready


def _load_all(group: list[tuple[int, Example]]) -> list[Loaded | Unreadable]:
    loaded: list[Loaded | Unreadable] = []
    for number, example in group:
        try:
            loaded.append(load_example(number, example))
        except InputError as error:
            loaded.append(Unreadable(number, example, str(error)))
    return loaded

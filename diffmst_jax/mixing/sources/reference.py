"""What a mix is to sound like: one finished mix or several, whole or in part, or a saved style."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from diffmst_jax.audio import (
    MINIMUM_DURATION_S,
    SAMPLE_RATE,
    as_stereo,
    audio_info,
    check_length,
    read_audio,
)
from diffmst_jax.errors import InputError
from diffmst_jax.losses import StyleFeatures
from diffmst_jax.mixing.signals.measure import mid_side_density
from diffmst_jax.mixing.sources.sounding import sounding
from diffmst_jax.mixing.sources.tracks import OFFSET_FROM, dc_offset, is_all_silent
from diffmst_jax.models.given import sounds_mono
from diffmst_jax.reaching import is_folder, is_there

SHORTEST_SECTION_S = 1.0

LOWS_HZ = (20.0, 120.0)
"""Where hardly anything but kick and bass has energy."""

CENTRAL_LOWS = math.tan(math.pi / 8) ** 2
"""Energy of the side over that of the middle of what is panned halfway to one side, -7.7 dB."""

NO_LOWS = 1e-3
"""Share of the energy below which there is nothing to have a place, -30 dB."""

SMALLEST_SHARE = 1e-6
"""What counts for less is not heard, and would be nothing in the digits of a saved style."""


class Section(NamedTuple):
    """A stretch of time in seconds; `end_s` None is the end of the file."""

    start_s: float
    end_s: float | None


class ReferenceName(NamedTuple):
    """A reference as it is written on a command line: `FILE`, `FILE@0:30-1:10`, `FILE=0.3`.

    Attributes:
        path: the file.
        section: which part of it; None is all.
        weight: how much it counts beside the others.
    """

    path: Path
    section: Section | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Reference:
    """A finished mix that has been read.

    Attributes:
        name: file name, with the section if it is not all.
        audio: float32 `(2, time)`; of a saved style, the excerpt that it holds.
        features: style features, `song_style` of all of the mix.
        weight: how much it counts beside others; the weights of several sum to 1.
        is_saved: whether it is of a saved style, whose excerpt is not as loud as the mix was.
    """

    name: str
    audio: np.ndarray
    features: StyleFeatures
    weight: float = 1.0
    is_saved: bool = False

    @property
    def is_mono(self) -> bool:
        """Whether it sounds so; see `sounds_mono`."""
        return sounds_mono(self.audio)

    @property
    def has_central_lows(self) -> bool:
        """Whether its lows, if it has any, stand nearer to the middle than to a side."""
        frequency, density = mid_side_density(self.audio, sample_rate=SAMPLE_RATE)
        lows = density[:, (frequency >= LOWS_HZ[0]) & (frequency <= LOWS_HZ[1])]
        mid, side = np.sum(lows, axis=1)
        return bool(side <= CENTRAL_LOWS * mid or mid + side <= NO_LOWS * np.sum(density))

    @property
    def offset(self) -> float:
        """How far its mean lies from zero, over the peak, where that is to be said; else 0."""
        share = dc_offset(self.audio)
        return share if share > OFFSET_FROM else 0.0


def parse_reference(text: str) -> ReferenceName:
    """Read `FILE[@START-END][=WEIGHT]`; a file that is called so wins over its parts.

    Raises:
        InputError: a section or a weight that is none.
    """
    if is_there(Path(text)):
        return ReferenceName(Path(text))
    name, weight, section = text, 1.0, None
    head, equals, tail = name.rpartition("=")
    if equals and "@" not in tail and not is_there(Path(name)):
        name, weight = head, _weight(text, tail)
    head, at, tail = name.rpartition("@")
    if at and not is_there(Path(name)):
        name, section = head, parse_section(tail)
    return ReferenceName(Path(name), section, weight)


def parse_section(text: str) -> Section:
    """Read `0:30-1:10`, `30-70`, `1:10-` (to the end) or `-1:10` (from the start).

    Raises:
        InputError: not two times, or the second is not after the first.
    """
    start_text, dash, end_text = text.partition("-")
    start = _seconds(start_text) if start_text.strip() else 0.0
    end = _seconds(end_text) if end_text.strip() else math.inf
    if not dash or start is None or end is None:
        problem = f"is no stretch of time: {text!r}"
        raise InputError("the section", problem, "write it as 0:30-1:10, or in seconds as 30-70")
    if end < start:
        raise InputError("the section", f"ends before it starts: {text!r}", "exchange its times")
    if end - start < SHORTEST_SECTION_S:
        raise InputError("the section", f"is too short: {text!r}", "let it last a second or more")
    return Section(start, None if math.isinf(end) else end)


def read_reference(path: str | Path, section: Section | None = None) -> np.ndarray:
    """Read a finished mix, or a section of it, as `(2, time)`; mono counts as both channels.

    Raises:
        InputError: it is a folder, cannot be read, has more than two channels, is silent, or does
            not hold all of the section.
    """
    if is_folder(Path(path)):
        raise InputError(
            path, "is a folder", "give a finished mix as the reference, after the tracks"
        )
    if section is None:
        audio = read_audio(path)
    else:
        check_section(section, audio_info(path).duration_s, path)
        length = None if section.end_s is None else section.end_s - section.start_s
        audio = read_audio(path, start_s=section.start_s, duration_s=length)
    return usable_reference(audio, path)


def check_section(section: Section, length_s: float, name: str | Path) -> None:
    """Require that all of a section lies in a mix, so that it is not cut without a word.

    Raises:
        InputError: it does not, or too little is left from its start on; names `name`, and says
            how long it is.
    """
    start_s, end_s = section.start_s, section.end_s
    lasts = f"lasts {length_s:.2f} s"
    if start_s >= length_s:
        problem = f"{lasts} and has nothing at {start_s:.2f} s"
        raise InputError(name, problem, "choose a section inside it")
    if end_s is not None and round((end_s - length_s) * SAMPLE_RATE) > 0:
        problem = f"{lasts}, and the section goes on to {end_s:.2f} s"
        raise InputError(name, problem, "end it sooner, or leave its end out")
    if length_s - start_s < MINIMUM_DURATION_S:
        problem = f"{lasts}, and from {start_s:.2f} s on too little of it is left"
        raise InputError(name, problem, "let the section start sooner")


def usable_reference(audio: np.ndarray, name: str | Path) -> np.ndarray:
    """Check `(channels, time)` at `SAMPLE_RATE` and make it stereo, from first sound to last.

    Mono, or sound in one of two channels alone, counts as both.

    Raises:
        InputError: more than two channels, shorter than `MINIMUM_DURATION_S`, silence, or channels
            that cancel each other; names `name`.
    """
    check_length(Path(name), audio.shape[1] / SAMPLE_RATE, 0.0)
    if len(audio) > 2:
        raise InputError(name, f"has {len(audio)} channels", "give a stereo mix as the reference")
    audible = audio[[not is_all_silent(channel[np.newaxis]) for channel in audio]]
    if len(audible) == 0:
        raise InputError(name, "is silent", "give a mix with sound in it as the reference")
    stereo = as_stereo(audible)
    if sounds_mono(np.stack([stereo[0], -stereo[1]])):
        problem = "is out of phase: its channels cancel each other"
        raise InputError(name, problem, "invert the polarity of one of them")
    return stereo[:, sounding(stereo)]


def check_weight(name: str | Path, weight: float) -> None:
    """Require a weight that says how much a reference counts.

    Raises:
        InputError: no number above 0; names `name`.
    """
    if not isinstance(weight, Real) or not 0 < weight < math.inf:
        raise InputError(name, f"has the weight {weight!r}", "give a number above 0")


def weighed(references: Sequence[Reference]) -> tuple[Reference, ...]:
    """Make the weights sum to 1, the heaviest reference first.

    Raises:
        InputError: one counts for less than `SMALLEST_SHARE` of them all; names it.
    """
    total = sum(reference.weight for reference in references)
    ordered = sorted(references, key=lambda reference: -reference.weight)
    shares = tuple(replace(item, weight=item.weight / total) for item in ordered)
    if shares[-1].weight < SMALLEST_SHARE:
        problem = f"counts for less than {SMALLEST_SHARE:g} of all references"
        raise InputError(shares[-1].name, problem, "leave it out or give it more weight")
    return shares


def blended(references: Sequence[Reference]) -> StyleFeatures:
    """Average the features of weighed references."""
    weights = [reference.weight for reference in references]
    each = [reference.features for reference in references]
    return jax.tree.map(lambda *values: np.average(values, axis=0, weights=weights), *each)


def named(references: Sequence[Reference]) -> str:
    """Name them all: `a.mp3 (70 %), b.mp3 (30 %)`."""
    if len(references) == 1:
        return references[0].name
    return ", ".join(f"{item.name} ({100 * item.weight:.0f} %)" for item in references)


def section_name(section: Section | None) -> str:
    """Name a section as it is written: ` 0:30-1:10`; nothing for None."""
    if section is None:
        return ""
    return f" {_clock(section.start_s)}-" + ("" if section.end_s is None else _clock(section.end_s))


def _weight(text: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError as error:
        raise InputError(
            text, f"has the weight {number!r}", "give a number above 0 after ="
        ) from error
    check_weight(text, weight)
    return weight


def _seconds(text: str) -> float | None:
    """Read `70`, `1:10`, `1:10.5` or `1:00:10`; None for anything else."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", text.strip()):
        return None
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _clock(seconds: float) -> str:
    """To the millisecond, as `parse_section` reads it: `1:10`, `0:05.25`."""
    minutes, rest = divmod(round(1000 * seconds), 60_000)
    return f"{minutes}:{rest / 1000:06.3f}".rstrip("0").rstrip(".")

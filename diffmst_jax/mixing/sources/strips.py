"""The inputs of a console: which channels of which file feed them, and what people call them.

A *strip* is one input file as the console shows it: a mono strip feeds one console track, a
stereo strip two (its left and right channel), which share their settings, are compressed by one
gain and panned as a pair.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from diffmst_jax.mixing.sources.finding import Patterns, check_patterns, matches


class Strip(NamedTuple):
    """One input of the console.

    Attributes:
        file: name of the file, relative to the folder of tracks, with forward slashes, in one
            spelling.
        channels: the file's channels that feed it, counted from 1: one, or a stereo pair.
    """

    file: str
    channels: tuple[int, ...]

    @property
    def name(self) -> str:
        """What a person calls it: the file's name, and the channel where that is needed."""
        return self._called(Path(self.file).with_suffix("").as_posix())

    @property
    def full_name(self) -> str:
        """The same with the file's ending."""
        return self._called(self.file)

    def _called(self, file: str) -> str:
        return file if self.is_pair or self.channels == (1,) else f"{file} {self.channels[0]}"

    @property
    def is_pair(self) -> bool:
        """Whether it is stereo."""
        return len(self.channels) == 2


class LeftOut(NamedTuple):
    """A file, or a channel of one, that does not take part, and why."""

    file: str
    reason: str


def strip_names(strips: Sequence[Strip]) -> list[str]:
    """What a person calls each strip, with the files' endings where only those tell them apart."""
    often = Counter(strip.name for strip in strips)
    return [strip.name if often[strip.name] == 1 else strip.full_name for strip in strips]


def strip_of_track(strips: Sequence[Strip]) -> np.ndarray:
    """Index of the strip that each console track belongs to, `(console tracks,)`."""
    return np.repeat(np.arange(len(strips)), [len(strip.channels) for strip in strips])


def side_of_track(strips: Sequence[Strip]) -> np.ndarray:
    """-1 for a pair's left channel, +1 for its right, 0 for mono, `(console tracks,)`."""
    sides = [[-1.0, 1.0] if strip.is_pair else [0.0] for strip in strips]
    return np.concatenate(sides)


def strips_named(strips: Sequence[Strip], patterns: Patterns, *, option: str) -> np.ndarray:
    """Find the strips whose name or file matches one of the patterns, bool `(strips,)`.

    Raises:
        InputError: a pattern matches none; `option` is where it was given.
    """
    check_patterns(option, patterns, [strip.file for strip in strips])
    return np.array([matches(strip.file, patterns) for strip in strips])


def pair_sides(strips: Sequence[Strip]) -> np.ndarray | None:
    """`side_of_track` for the console; None without a pair, and it spares itself the search."""
    side = side_of_track(strips)
    return side if np.any(side) else None

"""Changes to an example that leave the music as it is: level, polarity, who plays, left and right.

Pitch and tempo are left alone. Each transform is a small dataclass with one method that takes its
generator from grain, so that an example is changed in the same way whenever it is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import grain
import numpy as np

from diffmst_jax.data.examples import FEWEST_TRACKS, Example


@dataclass(frozen=True)
class AugmentationConfig:
    """How much examples are changed; 0 everywhere leaves them as they are.

    Attributes:
      gain_db: largest change of a track's level, up or down.
      flip: probability that a track's polarity is turned.
      drop: probability that a track is left out; two always stay.
      swap: probability that left and right change places, of each stereo track and of the
        reference.
    """

    gain_db: float
    flip: float
    drop: float
    swap: float

    def __post_init__(self) -> None:
        for name in ("flip", "drop", "swap"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}, not a probability")
        if self.gain_db < 0.0:
            raise ValueError(f"gain_db is {self.gain_db}, less than 0")


@dataclass(frozen=True)
class ChangeGain(grain.transforms.RandomMap):
    """Changes the level of each track by up to `gain_db`."""

    gain_db: float

    def random_map(self, element: Example, rng: np.random.Generator) -> Example:
        """Return the example with other levels."""
        tracks = element.tracks.copy()
        for rows in units(element):
            tracks[rows] *= np.float32(10 ** (rng.uniform(-self.gain_db, self.gain_db) / 20))
        return element._replace(tracks=tracks)


@dataclass(frozen=True)
class FlipPolarity(grain.transforms.RandomMap):
    """Turns the polarity of tracks."""

    probability: float

    def random_map(self, element: Example, rng: np.random.Generator) -> Example:
        """Return the example with some tracks negated."""
        tracks = element.tracks.copy()
        for rows in units(element):
            if rng.random() < self.probability:
                tracks[rows] *= -1
        return element._replace(tracks=tracks)


@dataclass(frozen=True)
class DropTracks(grain.transforms.RandomMap):
    """Leaves tracks out."""

    probability: float

    def random_map(self, element: Example, rng: np.random.Generator) -> Example:
        """Return the example with fewer tracks, but no fewer than two."""
        present = list(units(element))
        leave = [i for i in range(len(present)) if rng.random() < self.probability]
        leave = leave[: max(len(present) - FEWEST_TRACKS, 0)]
        tracks, mask, side = element.tracks.copy(), element.mask.copy(), element.side.copy()
        for i in leave:
            tracks[present[i]], mask[present[i]], side[present[i]] = 0.0, False, 0
        return element._replace(tracks=tracks, mask=mask, side=side)


@dataclass(frozen=True)
class SwapChannels(grain.transforms.RandomMap):
    """Lets left and right change places, for each linked pair and for the reference by itself."""

    probability: float

    def random_map(self, element: Example, rng: np.random.Generator) -> Example:
        """Return the example with some pairs turned round."""
        tracks = element.tracks.copy()
        for rows in units(element):
            swap = rng.random() < self.probability
            if swap and rows.stop - rows.start == 2:
                tracks[rows] = tracks[rows][::-1]
        swap = rng.random() < self.probability
        reference = element.reference[::-1].copy() if swap else element.reference
        return element._replace(tracks=tracks, reference=reference)


def units(example: Example) -> Iterator[slice]:
    """Yield the rows of each track of one example: one, or two of a linked pair."""
    for row in np.flatnonzero(example.mask & (example.side <= 0)).tolist():
        yield slice(row, row + (2 if example.side[row] else 1))


def transforms(config: AugmentationConfig) -> list[grain.transforms.RandomMap]:
    """Return the transforms that a configuration asks for, in the order they are applied."""
    wanted = (
        (config.drop, DropTracks(config.drop)),
        (config.gain_db, ChangeGain(config.gain_db)),
        (config.flip, FlipPolarity(config.flip)),
        (config.swap, SwapChannels(config.swap)),
    )
    return [transform for amount, transform in wanted if amount]


NO_AUGMENTATION = AugmentationConfig(gain_db=0.0, flip=0.0, drop=0.0, swap=0.0)

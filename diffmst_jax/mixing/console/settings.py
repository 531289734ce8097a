"""A mix as settings: what every strip, the bus and the master do, in physical units.

`MixSettings` is what a console file holds and all that a mix is made from, besides the tracks.
Its numbers are rounded to what the file shows, so the file says exactly what was heard.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import numpy as np

import dsp
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.sources.strips import LeftOut, Strip

DECIMALS = 4
"""Digits after the point of every setting: finer than anyone hears, short enough to read."""


class RefinementNote(NamedTuple):
    """What refining did: style distance to the reference, before and after.

    Attributes:
        steps: how many were taken.
        seen_before: of the song as it is heard, but for the stretch that is held back.
        seen_after: of that, afterwards.
        unseen_before: the same, had the song changed as the stretch did that is held back; None
            where there is none to hold back.
        unseen_after: of that, afterwards.
    """

    steps: int
    seen_before: float
    seen_after: float
    unseen_before: float | None = None
    unseen_after: float | None = None


class Provenance(NamedTuple):
    """How settings came about; said in the file, and `centred` kept to by refinement.

    Attributes:
        model: name of the model that predicted them; empty when there was none.
        reference: file name of the reference; empty when there was none.
        amount: how much of the prediction was applied, as on the command line.
        refinement: what refining did; None when it was not asked for.
        locked: patterns of tracks that were left as they are, as on the command line.
        centred: files of the tracks that were kept in the middle, or near it.
    """

    model: str = ""
    reference: str = ""
    amount: str = "1"
    refinement: RefinementNote | None = None
    locked: tuple[str, ...] = ()
    centred: tuple[str, ...] = ()


@dataclass(frozen=True)
class MixSettings:
    """Everything a mix of given tracks is determined by.

    Attributes:
        strips: the inputs, in order.
        muted: which of them are silenced, bool `(strips,)`.
        source_gain_db: gain that brings each recording to the level that the console's settings
            are for, `(strips,)`; comes before everything else.
        params: settings of the console, NumPy float64; the leading axis of `params.tracks` counts
            strips, and `pan` of a stereo strip is where the pair as a whole leans.
        config: which effects the console has, and their laws.
        target: loudness and ceiling of the finished mix.
        provenance: where the settings come from.
        left_out: files of the song that take no part, and why.
    """

    strips: tuple[Strip, ...]
    muted: np.ndarray
    source_gain_db: np.ndarray
    params: dsp.ConsoleParams
    config: dsp.ConsoleConfig
    target: OutputTarget = field(default_factory=OutputTarget)
    provenance: Provenance = field(default_factory=Provenance)
    left_out: tuple[LeftOut, ...] = field(default=())

    @property
    def centred(self) -> np.ndarray:
        """Which strips were kept in the middle, and stay where they are, bool `(strips,)`."""
        return np.array([strip.file in self.provenance.centred for strip in self.strips])

    def strip_params(self, index: int) -> dsp.TrackParams:
        """Settings of one strip."""
        return jax.tree.map(lambda leaf: leaf[index], self.params.tracks)


def rounded(params: dsp.ConsoleParams) -> dsp.ConsoleParams:
    """Round every setting to `DECIMALS` digits, inside its range, as float64; zeros are not -0."""
    return jax.tree.map(lambda leaf: np.round(np.asarray(leaf, np.float64), DECIMALS) + 0.0, params)


def track_pan(pan: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Position of every console track.

    Args:
        pan: position of the strip that each track belongs to, `(console tracks,)`.
        side: `Multitrack.side_of_track`.
    """
    if not np.any(side):
        return pan
    left, right = (np.asarray(channel) for channel in jax.jit(dsp.pair_positions)(pan))
    return np.where(side == 0, pan, np.where(side < 0, left, right))

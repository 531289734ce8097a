"""Which numbers a setting may be, to be said beside its type; `typed_config` sees to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Limit:
    """Part of an annotated type: `Annotated[int, at_least(1)]`.

    Attributes:
      remedy: which numbers to choose.
      holds: tells whether a number is one of them.
    """

    remedy: str
    holds: Callable[[float], bool]


def at_least(lowest: float) -> Limit:
    """Numbers from `lowest` on."""
    return Limit(f"choose {lowest:g} or more", lambda value: value >= lowest)


Count = Annotated[int, at_least(1)]
Natural = Annotated[int, at_least(0)]
"""A count that may be 0, a step, or a seed."""
NotNegative = Annotated[float, at_least(0)]
Positive = Annotated[float, Limit("choose more than 0", lambda value: value > 0)]
Decay = Annotated[float, Limit("choose 0 or more, and less than 1", lambda value: 0 <= value < 1)]
Lufs = Annotated[float, Limit("choose a loudness from -70 to 0", lambda value: -70 <= value <= 0)]
InnerShare = Annotated[float, Limit("choose a share between 0 and 1", lambda value: 0 < value < 1)]
Share = Annotated[float, Limit("choose a share from 0 to 1", lambda value: 0 <= value <= 1)]

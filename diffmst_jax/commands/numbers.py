"""Numbers on the command line: read, or refused in words instead of with the name of a function."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable


def whole_number(low: int = 0, high: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number of at least `low` and at most `high`, as a `type`."""
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"

    def read(text: str) -> int:
        value = int(text) if text.strip().isdecimal() else low - 1
        if value < low or (high is not None and value > high):
            raise ArgumentTypeError(f"{text!r} is no whole number {allowed}")
        return value

    return read


def number(low: float, high: float = math.inf) -> Callable[[str], float]:
    """Return what reads a number of at least `low` and at most `high`, as a `type`."""
    allowed = f"of at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high):
            raise ArgumentTypeError(f"{text!r} is no number {allowed}")
        return value

    return read

"""Charts as self-contained HTML: stretching SVG for the shapes, HTML text for the labels.

The drawing area is an SVG of 1000 by 1000 units that stretches to whatever width the page has
(lines keep their thickness), and the labels are HTML placed in per cent, so they stay readable
on a phone. Colours come from the page's style sheet by class name, so light and dark work alike.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

UNITS = 1000
MINUS = "\N{MINUS SIGN}"
MOST_POINTS = 600
"""Curves are thinned to about this many points; a screen shows no more."""


def signed(value: float) -> str:
    """Write a number with one decimal, its sign, a true minus included, and no negative zero."""
    text = f"{value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", MINUS)


def plain(value: float) -> str:
    """Write a number as short as it is, with a true minus."""
    return f"{value:g}".replace("-", MINUS)


class Axis:
    """Maps values to a fraction of the drawing area; `log` for frequencies.

    Args:
        low: value at fraction 0.
        high: value at fraction 1.
        ticks: values that get a grid line and a label.
        labels: their texts; the numbers themselves by default.
        log: whether equal ratios, not equal differences, are equally far apart.
    """

    def __init__(
        self,
        low: float,
        high: float,
        ticks: Sequence[float],
        labels: Sequence[str] | None = None,
        *,
        log: bool = False,
    ) -> None:
        self.low, self.high, self.ticks, self.log = low, high, tuple(ticks), log
        self.labels = tuple(labels) if labels is not None else tuple(map(plain, ticks))

    def fraction(self, values: np.ndarray) -> np.ndarray:
        """Place values on the axis, clipped to its ends."""
        values = np.asarray(values, np.float64)
        low, high = self.low, self.high
        if self.log:
            values, low, high = np.log(np.maximum(values, low)), math.log(low), math.log(high)
        return np.clip((values - low) / (high - low), 0.0, 1.0)


FREQUENCY_TICKS = (50, 100, 200, 500, 1000, 2000, 5000, 10000)
FREQUENCY_LABELS = ("50", "100", "200", "500", "1k", "2k", "5k", "10k")


def frequency_axis(*, sparse: bool = False) -> Axis:
    """The audible range from 20 Hz to 20 kHz, `sparse` with a label per decade."""
    if sparse:
        return Axis(20, 20000, (100, 1000, 10000), ("100", "1k", "10k"), log=True)
    return Axis(20, 20000, FREQUENCY_TICKS, FREQUENCY_LABELS, log=True)


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        name: what the legend calls it; empty for none.
        style: class name that the style sheet gives a colour.
        x: values on the horizontal axis.
        y: values on the vertical axis; NaN interrupts the line.
        fill_to: vertical value that the area is filled to, or None for a bare line.
    """

    name: str
    style: str
    x: np.ndarray
    y: np.ndarray
    fill_to: float | None = None


def chart(curves: Sequence[Curve], x: Axis, y: Axis, *, title: str, unit: str = "") -> str:
    """Draw curves over a grid with labels and a legend.

    Args:
        curves: drawn in order, later ones on top.
        x: horizontal axis.
        y: vertical axis.
        title: what the picture shows, for readers who cannot see it.
        unit: units of the axes, shown beside the legend.
    """
    shapes = "".join(_grid(x, y)) + "".join(_shape(curve, x, y) for curve in curves)
    return (
        f'<figure class="chart">{_legend(curves, unit)}<div class="plot">'
        f'<svg viewBox="0 0 {UNITS} {UNITS}" preserveAspectRatio="none" role="img" '
        f'aria-label="{html.escape(title)}">{shapes}</svg>'
        f"{_labels(x, y)}</div></figure>"
    )


def sparkline(curves: Sequence[Curve], x: Axis, y: Axis, *, title: str) -> str:
    """Draw curves over a grid with no text but the axes' own labels, small."""
    shapes = "".join(_grid(x, y)) + "".join(_shape(curve, x, y) for curve in curves)
    return (
        '<div class="plot small">'
        f'<svg viewBox="0 0 {UNITS} {UNITS}" preserveAspectRatio="none" role="img" '
        f'aria-label="{html.escape(title)}">{shapes}</svg>{_labels(x, y)}</div>'
    )


def _grid(x: Axis, y: Axis) -> list[str]:
    upright = x.fraction(np.array(x.ticks))
    lines = [f'<path class="grid" d="M{_unit(place)} 0V{UNITS}"/>' for place in upright]
    for value, place in zip(y.ticks, y.fraction(np.array(y.ticks)), strict=True):
        style = "grid zero" if value == 0 else "grid"
        lines.append(f'<path class="{style}" d="M0 {_unit(1 - place)}H{UNITS}"/>')
    return lines


def _shape(curve: Curve, x: Axis, y: Axis) -> str:
    step = max(1, len(curve.x) // MOST_POINTS)
    across, up = x.fraction(curve.x[::step]), y.fraction(curve.y[::step])
    visible = np.isfinite(curve.y[::step])
    parts = []
    for first, last in _runs(visible):
        points = " ".join(
            f"{_unit(a)},{_unit(1 - b)}"
            for a, b in zip(across[first:last], up[first:last], strict=True)
        )
        parts.append(f'<polyline class="line {curve.style}" points="{points}"/>')
        if curve.fill_to is not None:
            base = _unit(1 - float(y.fraction(np.array(curve.fill_to))))
            corners = f"{_unit(across[first])},{base} {points} {_unit(across[last - 1])},{base}"
            parts.insert(0, f'<polygon class="area {curve.style}" points="{corners}"/>')
    return "".join(parts)


def _runs(visible: np.ndarray) -> list[tuple[int, int]]:
    """First and last-plus-one index of each stretch of at least two true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], visible, [False]]).astype(int)))
    pairs = edges.reshape(-1, 2)
    return [(int(first), int(last)) for first, last in pairs if last - first > 1]


def _labels(x: Axis, y: Axis) -> str:
    parts = []
    for text, place in zip(x.labels, x.fraction(np.array(x.ticks)), strict=True):
        parts.append(f'<span class="tick x" style="left:{100 * place:.2f}%">{text}</span>')
    for text, place in zip(y.labels, y.fraction(np.array(y.ticks)), strict=True):
        parts.append(f'<span class="tick y" style="top:{100 - 100 * place:.2f}%">{text}</span>')
    return "".join(parts)


def _legend(curves: Sequence[Curve], unit: str) -> str:
    named = [curve for curve in curves if curve.name]
    items = "".join(
        f'<span class="key {curve.style}"><i></i>{html.escape(curve.name)}</span>'
        for curve in named
    )
    return f'<figcaption>{items}<span class="unit">{html.escape(unit)}</span></figcaption>'


def _unit(fraction: float) -> str:
    return f"{UNITS * float(fraction):.1f}"

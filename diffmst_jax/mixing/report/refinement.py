"""What refinement did, for the report: distances before and after, and the way between."""

import math
from html import escape

import numpy as np

from diffmst_jax.mixing.refining.refine import BeforeAfter, Refinement
from diffmst_jax.mixing.report.charts import Axis, Curve, chart, plain
from diffmst_jax.mixing.report.words import significant

SECTION = """\
<h2>Refinement</h2>
<p class="note">{note}</p>
<div class="two"><section class="card">{bars}</section><section class="card">{path}</section></div>
"""

NOTE = (
    "Starting from the prediction, the settings were moved step by step towards the reference, "
    "listening to "
)
PIECES = "short pieces from all over the song, except a stretch that was held back as a check. "
WHOLE = "all of the song, so no stretch could be held back as a check. "
KEPT = (
    "Of the way from the prediction, {percent:.0f}\N{NO-BREAK SPACE}% was kept: what is best by "
    "the distance to the reference, by how far the settings moved, and by how well faint tracks "
    "are heard."
)
HELD_BACK = (
    " The lower bars show where the song would be if all of it had changed as that stretch did. If "
    "that is much farther from the reference than the upper bars, the settings suit only what was "
    "listened to."
)
BARS = " The bars show the mix as it is heard; the curve shows the whole way, before the limiter"
AMOUNT = " and the amount asked for"
SHORTEST_BAR = 2.0
SMALLEST = 1e-6


def refinement_section(refinement: Refinement | None, *, is_scaled: bool) -> str:
    """Draw the section; nothing when the mix was not refined.

    Args:
        refinement: what it did.
        is_scaled: whether the mix goes only a part of the way, by its amount.
    """
    if refinement is None:
        return ""
    is_whole = refinement.unseen is None
    note = NOTE + (WHOLE if is_whole else PIECES) + KEPT.format(percent=100 * refinement.share)
    if not is_whole:
        note += HELD_BACK
    note += BARS + (AMOUNT if is_scaled else "") + "."
    return SECTION.format(note=note, bars=_bars(refinement), path=_path(refinement))


def _bars(refinement: Refinement) -> str:
    pairs = [("The song", refinement.seen)]
    if refinement.unseen is not None:
        pairs = [
            ("The song without the stretch held back", refinement.seen),
            ("If all of it had changed as that stretch did", refinement.unseen),
        ]
    most = max(float(distance.total) for _, pair in pairs for distance in pair)
    return (
        '<div class="pairs">' + "".join(_pair(name, pair, most) for name, pair in pairs) + "</div>"
    )


def _pair(name: str, pair: BeforeAfter, most: float) -> str:
    rows = []
    for label, style, distance in zip(("before", "after"), ("before", "mix"), pair, strict=True):
        value = float(distance.total)
        width = max(SHORTEST_BAR, 100 * value / most) if most > 0 else SHORTEST_BAR
        rows.append(
            f'<span>{label}</span><span class="track {style}"><i style="width:{width:.1f}%"></i>'
            f"</span><b>{significant(value)}</b>"
        )
    return f'<h3>{escape(name)}</h3><div class="bars">{"".join(rows)}</div>'


def _path(refinement: Refinement) -> str:
    """Style distance at every step, on a logarithmic scale."""
    distances = np.maximum(np.array(refinement.distances), SMALLEST)
    ticks = _ticks(float(np.min(distances)), float(np.max(distances)))
    steps = max(1, len(distances) - 1)
    stride = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 1000) if steps / s <= 7)
    across = Axis(0, steps, range(0, steps + 1, stride))
    up = Axis(ticks[0], ticks[-1], ticks, [plain(tick) for tick in ticks], log=True)
    curve = Curve("Style distance on the pieces", "mix", np.arange(len(distances)), distances)
    return chart([curve], across, up, title="Style distance over steps", unit="over steps")


def _ticks(lowest: float, highest: float) -> list[float]:
    """Round numbers (1, 2, 5 times powers of ten) from below the lowest to above the highest."""
    first = math.floor(math.log10(lowest))
    last = math.ceil(math.log10(highest))
    numbers = [float(f"{m}e{power}") for power in range(first, last + 1) for m in (1, 2, 5)]
    below = [number for number in numbers if number <= lowest]
    above = [number for number in numbers if number >= highest]
    return [number for number in numbers if below[-1] <= number <= max(above[0], numbers[1])]

"""Pictures of the tracks for the report: where each sits, and a card for each."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from diffmst_jax.mixing.report.charts import MINUS, Axis, Curve, frequency_axis, signed, sparkline
from diffmst_jax.mixing.report.equalizer_curve import EQUALIZER_HZ

VISIBLE_REDUCTION_DB = 0.2
REDUCTION_REACH_DB = (6, 12, 24, 60)
STAGE_DB = 12
TAG_HEIGHT, TAG_WIDTH, TAG_TURNS_AT, DOT_WIDTH = 6.0, 34.0, 60.0, 4.0
"""Room that the longest name needs on the stage, where names move to the left of their dots, and a
dot's width: in per cent."""

TAG_GAP, CHARACTER_WIDTH = 4.0, 2.4
"""From a dot to its name, and what a character takes, in per cent of a stage on a phone."""


class StripView(NamedTuple):
    """One input of the console, or the master bus, as its card shows it.

    Attributes:
        name: its headline.
        origin: where it comes from: file name, channels.
        level_db: how much louder it is in the mix than in the plain sum, both at `MATCHED_LUFS`;
            what fader, equalizer and compressor did together.
        share: how much it changes the mix, relative to the track that does most, in [0, 1].
        pan: position, or both ends of a stereo pair, 0 left to 1 right; empty for none.
        loudness_lufs: about its loudness in the mix at `MATCHED_LUFS`: of the recording, moved by
            `level_db`, so K-weighted as recorded.
        equalizer_db: response at `EQUALIZER_HZ`; None where the console has no equalizer.
        reduction_db: gain of the compressor over a passage, 0 or less; None where there is none.
        limiting_db: the same, of the limiter behind it.
        settings: what to list below the curve: a label and a text each.
        moved: what was done to it most, in words.
        audibility: share of its own loudness that it keeps in the mix; None where it has none.
    """

    name: str
    origin: str
    level_db: float | None
    share: float
    pan: tuple[float, ...]
    loudness_lufs: float
    equalizer_db: np.ndarray | None
    reduction_db: np.ndarray | None
    settings: tuple[tuple[str, str], ...]
    moved: str = ""
    audibility: float | None = None
    limiting_db: np.ndarray | None = None


def glance(strips: Sequence[StripView]) -> str:
    """Tabulate all tracks in a line each: how much they matter, what moved most, how they sit."""
    rows = "".join(_glance_row(strip) for strip in strips)
    return (
        "<table><thead><tr><th>Track</th><th>Changes the mix</th><th>Moved most</th><th>Level</th>"
        f"<th>Place</th><th>Heard</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _glance_row(strip: StripView) -> str:
    level = "muted" if strip.level_db is None else f"{signed(strip.level_db)} dB"
    heard = ""
    if strip.audibility is not None:
        heard = _cell_meter(strip.audibility, f"{100 * strip.audibility:.0f} %")
    return (
        f'<tr class="mix"><td>{escape(strip.name)}</td><td>{_cell_meter(strip.share, "")}</td>'
        f"<td>{escape(strip.moved)}</td><td>{level}</td><td>{_pan(strip.pan)}</td>"
        f"<td>{heard}</td></tr>"
    )


def _cell_meter(share: float, text: str) -> str:
    return f'{text}<span class="meter"><i style="width:{100 * share:.0f}%"></i></span>'


def stage(strips: Sequence[StripView]) -> str:
    """Draw every track at its place between left and right and at its loudness."""
    heard = [strip for strip in strips if math.isfinite(strip.loudness_lufs)]
    if not heard:
        return ""
    loudness = [strip.loudness_lufs for strip in heard]
    top = 3 * math.ceil((max(loudness) + 1) / 3)
    low = min(top - STAGE_DB, 3 * math.floor((min(loudness) - 1) / 3))
    axis = Axis(low, top, range(top, low - 1, -3 if top - low <= 2 * STAGE_DB else -6))
    marks = ['<div class="mid"></div>']
    heard.sort(key=lambda strip: -strip.loudness_lufs)
    across = [50 * (min(strip.pan) + max(strip.pan)) for strip in heard]
    down = 100 - 100 * axis.fraction(np.array([strip.loudness_lufs for strip in heard]))
    dots = list(zip(across, down.tolist(), strict=True))
    taken: list[tuple[float, float, float]] = []
    for strip, (x, y) in zip(heard, dots, strict=True):
        width = min(TAG_WIDTH, TAG_GAP + CHARACTER_WIDTH * len(strip.name))
        left, right = (x - width, x) if x > TAG_TURNS_AT else (x, x + width)
        name_y = _free_height((left, right), (x, y), dots, taken)
        if name_y is not None:
            taken.append((left, right, name_y))
        marks += _stage_marks(strip, x, y, name_y)
    for label, place in (("left", 0), ("centre", 50), ("right", 100)):
        marks.append(f'<span class="tick x" style="left:{place}%">{label}</span>')
    for label, place in zip(axis.labels, axis.fraction(np.array(axis.ticks)), strict=True):
        marks.append(f'<span class="tick y" style="top:{100 - 100 * place:.1f}%">{label}</span>')
    caption = (
        '<figcaption><span>Tracks in the mix</span><span class="unit">LUFS</span></figcaption>'
    )
    return f'<figure class="chart">{caption}<div class="stage">{"".join(marks)}</div></figure>'


def _free_height(
    across: tuple[float, float],
    dot: tuple[float, float],
    dots: Sequence[tuple[float, float]],
    taken: Sequence[tuple[float, float, float]],
) -> float | None:
    """Find a height for a name where it covers no name or dot and its own dot is the nearest."""
    (left, right), (x, y) = across, dot
    for height in (y + turn * TAG_HEIGHT for turn in (0, 0.5, -0.5, 1, -1)):
        apart = all(abs(height - h) >= TAG_HEIGHT or right < a or b < left for a, b, h in taken)
        clear = all(
            abs(height - b) > (abs(height - y) if abs(x - a) < DOT_WIDTH else TAG_HEIGHT / 2)
            for a, b in dots
            if (a, b) != dot and left - DOT_WIDTH < a < right + DOT_WIDTH
        )
        if apart and clear:
            return height
    return None


def _stage_marks(strip: StripView, x: float, y: float, name_y: float | None) -> list[str]:
    """A dot, a bar over a stereo pair's spread, and the name where it fits."""
    name = escape(strip.name)
    marks = [f'<div class="dot" style="left:{x:.1f}%;top:{y:.1f}%" title="{name}"></div>']
    low, high = 100 * min(strip.pan), 100 * max(strip.pan)
    if high - low > 1:
        extent = f"left:{low:.1f}%;width:{high - low:.1f}%;top:{y:.1f}%"
        marks.insert(0, f'<div class="span" style="{extent}"></div>')
    if name_y is not None:
        side = " left" if x > TAG_TURNS_AT else ""
        place = f"left:{x:.1f}%;top:{name_y:.1f}%"
        marks.append(f'<span class="tag{side}" style="{place}">{name}</span>')
    return marks


def strip_card(strip: StripView) -> str:
    """Draw the card of a track or of the master bus."""
    level = "" if strip.level_db is None else f"{signed(strip.level_db)} dB"
    rows = "".join(
        f"<li><span>{escape(label)}</span><span>{escape(text)}</span></li>"
        for label, text in strip.settings
    )
    bar = f'<i style="width:{100 * strip.share:.0f}%"></i>'
    share = f'<div class="share" title="how much it changes the mix">{bar}</div>'
    return (
        f'<section class="card strip mix"><header><h3>{escape(strip.name)}</h3>'
        f'<span class="level">{level}</span></header><p class="sub">{escape(strip.origin)}</p>'
        f"{_equalizer(strip)}{_reduction(strip.reduction_db, f'compressor of {strip.name}')}"
        f"{_reduction(strip.limiting_db, f'limiter after {strip.name}')}"
        f"{_pan(strip.pan)}<ul>{rows}</ul>"
        f"{share if strip.pan else ''}</section>"
    )


def _equalizer(strip: StripView) -> str:
    if strip.equalizer_db is None:
        return ""
    reach = 12 * max(1, math.ceil(float(np.max(np.abs(strip.equalizer_db))) / 12))
    curve = Curve("", "mix", EQUALIZER_HZ, strip.equalizer_db, fill_to=0.0)
    axis = Axis(-reach, reach, (-reach, 0, reach), (f"{MINUS}{reach}", "0", f"+{reach}"))
    return sparkline([curve], frequency_axis(sparse=True), axis, title=f"Equalizer of {strip.name}")


def _reduction(reduction_db: np.ndarray | None, of_what: str) -> str:
    """Gain of a compressor or limiter, hanging from 0 dB, where it does enough to be seen."""
    if reduction_db is None or float(np.min(reduction_db)) > -VISIBLE_REDUCTION_DB:
        return ""
    reach = next((r for r in REDUCTION_REACH_DB if r >= -float(np.min(reduction_db))), 60)
    passage = np.linspace(0.0, 1.0, len(reduction_db))
    curve = Curve("", "", passage, reduction_db, fill_to=0.0)
    axis = Axis(-reach, 0, (-reach, 0))
    drawn = sparkline([curve], Axis(0, 1, ()), axis, title=f"Gain of the {of_what}")
    return f'<div class="reduction">{drawn}</div>'


def _pan(pan: tuple[float, ...]) -> str:
    if not pan:
        return ""
    low, high = 100 * min(pan), 100 * max(pan)
    span = f'<s style="left:{low:.1f}%;width:{high - low:.1f}%"></s>' if high > low else ""
    ends = "".join(f'<i style="left:{100 * place:.1f}%"></i>' for place in pan)
    return f'<div class="pan" title="left to right">{span}{ends}</div>'

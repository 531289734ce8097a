"""How close a mix came, for the head of the report: a figure, sentences, bars."""

import math
from collections.abc import Sequence
from html import escape

from diffmst_jax.mixing.comparing.compare import Comparison, View
from diffmst_jax.mixing.report.words import listed, significant

DISTANCE_ROWS = (
    ("rms", "Density", "RMS level of left and right"),
    ("crest_factor", "Punch", "crest factor: peak over RMS"),
    ("stereo_width", "Width", "energy of side against mid"),
    ("stereo_imbalance", "Balance", "right against left"),
    ("bark_spectrum", "Tone", "spectrum of mid and side in 24 Bark bands"),
    ("total", "Style distance", "the sum"),
)

PARTS_OF_ONE_SONG = 0.057
"""Style distance of two halves of one finished song: `benchmarks/style_transfer.py` on eight."""

YARDSTICK = f"Two halves of one finished song are about {PARTS_OF_ONE_SONG} apart."

MOST_OF_IT, MOST_TERMS = 0.9, 3
"""Terms are named until they make up so much of what was gained, and no more of them than these."""

NOTEWORTHY = 0.01
"""Terms that went away by less than this share of the distance are not worth a mention."""


def total(view: View) -> float:
    """Style distance of a view; infinite for the reference, which has none."""
    return math.inf if view.distance is None else float(view.distance.total)


def headline(views: Comparison) -> tuple[str, str]:
    """Say in a figure, and a text that goes with it, how much closer the mix came."""
    before, mix = total(views.plain), total(views.mix)
    if before <= 0 or mix <= 0:
        return significant(mix), "style distance of the mix to the reference"
    change = 1 - mix / before
    texts = f"style distance {significant(mix)}, against {significant(before)} for the plain sum"
    if change >= 0:
        return f"{math.floor(1000 * change) / 10:g} %", f"closer to the reference: {texts}"
    return significant(mix), f"no closer to the reference: {texts}"


def reasons(views: Comparison) -> list[str]:
    """Say which terms closed the gap, which went away, and what all of it is measured on."""
    before, mix = views.plain.distance, views.mix.distance
    moves = {
        name: (float(getattr(before, term)), float(getattr(mix, term)))
        for term, name, _ in DISTANCE_ROWS[:-1]
    }
    gains = {name: old - new for name, (old, new) in moves.items()}
    least = NOTEWORTHY * max(total(views.plain), total(views.mix))
    closer = _leading({name: gain for name, gain in gains.items() if gain > least})
    further = sorted((n for n, gain in gains.items() if -gain > least), key=lambda n: gains[n])
    texts = []
    if closer:
        texts.append(f"{_named(closer, moves)} closed most of the gap.")
    if further:
        texts.append(f"{_named(further, moves)} went further away.")
    elif closer:
        texts.append("No term went noticeably further away.")
    else:
        texts.append("No term moved noticeably.")
    return [*texts, "Distances are measured on the whole of each, at one loudness.", YARDSTICK]


def bars(views: Comparison) -> str:
    """Draw the distances as they are, so that the bars say what the percentage says."""
    most = max(total(view) for view in views.mixes)
    return "".join(
        f'<span>{escape(view.name)}</span><span class="track {view.style}">'
        f'<i style="width:{_share(total(view), most):.1f}%"></i></span>'
        f"<b>{significant(total(view))}</b>"
        for view in views.mixes
    )


def _leading(gains: dict[str, float]) -> list[str]:
    """Names of the largest gains, the fewest that make up most of the sum."""
    ordered = sorted(gains, key=lambda name: -gains[name])
    enough, reached = [], 0.0
    for name in ordered[:MOST_TERMS]:
        enough.append(name)
        reached += gains[name]
        if reached >= MOST_OF_IT * sum(gains.values()):
            break
    return enough


def _named(names: Sequence[str], moves: dict[str, tuple[float, float]]) -> str:
    """Name terms and their way: `Tone (0.310 to 0.0210) and width (0.0500 to 0.00400)`."""
    parts = [f"{name.lower()} ({' to '.join(map(significant, moves[name]))})" for name in names]
    text = listed(parts)
    return text[0].upper() + text[1:]


def _share(value: float, most: float) -> float:
    return max(2.0, 100 * value / most) if 0 < most < math.inf else 2.0

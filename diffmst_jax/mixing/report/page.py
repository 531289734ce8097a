"""The report: one self-contained HTML page that shows, explains and plays a mix.

Everything in it is drawn as inline SVG and plain HTML, and the excerpts are embedded as MP3, so
the page works without a network, in light and dark, on a phone and on paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template

import numpy as np

from diffmst_jax.losses import AudioFeatureLoss
from diffmst_jax.mixing.comparing.compare import SPECTRUM_HZ, Comparison, View
from diffmst_jax.mixing.refining.refine import Refinement
from diffmst_jax.mixing.report.charts import Axis, Curve, chart, frequency_axis, plain
from diffmst_jax.mixing.report.player import listening
from diffmst_jax.mixing.report.refinement import refinement_section
from diffmst_jax.mixing.report.tracks import StripView, glance, stage, strip_card
from diffmst_jax.mixing.report.verdict import DISTANCE_ROWS, bars, headline, reasons
from diffmst_jax.mixing.report.words import significant
from diffmst_jax.mixing.signals.measure import MOMENTARY_STEPS, SHORT_TERM_STEPS, sliding_loudness
from diffmst_jax.mixing.sources.style import MATCHED_LUFS
from dsp.loudness import HOP_S

METER_DECADES = 4
"""The small bars in the table are logarithmic and span this many powers of ten."""

SHORT_TERM_FROM_S = 90.0


@dataclass(frozen=True)
class ReportContent:
    """All that a report says.

    Attributes:
        song: headline.
        subtitle: the sentence under it.
        views: the compared signals.
        excerpt_starts: first sample of the passage to play, for the mixes and the reference.
        strips: the inputs, most important first.
        master: the master bus.
        numbers: rows of the table of plain measurements: a label and a text per view.
        warnings: sentences that the user should not miss.
        about: term and text pairs about how the mix was made.
        refinement: what refining did; None when the mix was not refined.
        is_scaled: whether the mix goes a part of the way only, by its amount.
    """

    song: str
    subtitle: str
    views: Comparison
    excerpt_starts: tuple[int, int]
    strips: Sequence[StripView]
    master: StripView
    numbers: Sequence[tuple[str, Sequence[str]]]
    warnings: Sequence[str]
    about: Sequence[tuple[str, str]]
    refinement: Refinement | None = None
    is_scaled: bool = False


def report_html(content: ReportContent) -> str:
    """Build the page."""
    template = resources.files(__package__).joinpath("template.html")
    figure, figure_text = headline(content.views)
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=escape(f"{content.song}: mix report"),
        song=escape(content.song),
        subtitle=escape(content.subtitle),
        headline=figure,
        headline_text=figure_text,
        reasons=escape(" ".join(reasons(content.views))),
        bars=bars(content.views),
        warnings="".join(f'<p class="warn">{escape(text)}</p>' for text in content.warnings),
        **listening(content.views, content.excerpt_starts),
        distance_note=(
            "Weighted squared differences to the reference (the audio-feature loss), lower is "
            "closer. The bars are logarithmic."
        ),
        distance_table=_distance_table(content.views),
        spectrum_chart=_spectrum_chart(content.views),
        loudness_note=_loudness_note(content.views),
        loudness_chart=_loudness_chart(content.views),
        width_chart=_width_chart(content.views),
        dynamics_chart=_dynamics_chart(content.views),
        refinement=refinement_section(content.refinement, is_scaled=content.is_scaled),
        stage=stage(content.strips),
        glance=glance(content.strips),
        numbers_table=_numbers_table(content.views, content.numbers),
        strips="".join(strip_card(strip) for strip in content.strips),
        master=strip_card(content.master),
        about="".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in content.about),
    )


def _meter(value: float, views: Comparison, term: str) -> float:
    """Length of a logarithmic bar in per cent of the row's longest."""
    most = max(getattr(view.distance, term) for view in views.mixes)
    if value <= 0 or most <= 0:
        return 0.0
    return max(2.0, 100 * (1 + math.log10(value / most) / METER_DECADES))


def _distance_table(views: Comparison) -> str:
    rows = []
    for term, name, meaning in DISTANCE_ROWS:
        cells = "".join(_distance_cell(view, views, term) for view in views.mixes)
        style = ' class="total"' if term == "total" else ""
        rows.append(
            f"<tr{style}><td>{escape(name)}<small>{escape(meaning)}</small></td>{cells}</tr>"
        )
    return f"<table>{_head('Term', views.mixes)}<tbody>{''.join(rows)}</tbody></table>"


def _distance_cell(view: View, views: Comparison, term: str) -> str:
    distance: AudioFeatureLoss | None = view.distance
    value = float(getattr(distance, term))
    return (
        f'<td class="{view.style}">{significant(value)}<span class="meter">'
        f'<i style="width:{_meter(value, views, term):.1f}%"></i></span></td>'
    )


def _head(first: str, views: Sequence[View]) -> str:
    cells = "".join(f'<th class="{v.style}"><i></i>{escape(v.name)}</th>' for v in views)
    return f"<thead><tr><th>{first}</th>{cells}</tr></thead>"


def _numbers_table(views: Comparison, numbers: Sequence[tuple[str, Sequence[str]]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(label)}</td>" + "".join(f"<td>{escape(t)}</td>" for t in texts) + "</tr>"
        for label, texts in numbers
    )
    return f"<table>{_head('Measure', views)}<tbody>{rows}</tbody></table>"


def _spectrum_chart(views: Comparison) -> str:
    order = [views.plain, views.reference, views.mix]
    top = 5 * math.ceil(max(float(np.max(view.spectrum_db)) for view in order) / 5)
    curves = [Curve(v.name, v.style, SPECTRUM_HZ, v.spectrum_db) for v in order]
    axis = Axis(top - 60, top, range(top - 60, top + 1, 20))
    return chart(
        curves, frequency_axis(), axis, title="Spectra of mix and reference", unit="dB over Hz"
    )


def _width_chart(views: Comparison) -> str:
    order = [views.plain, views.reference, views.mix]
    curves = [Curve(v.name, v.style, SPECTRUM_HZ, v.width_db) for v in order]
    axis = Axis(-40, 10, (-40, -30, -20, -10, 0, 10))
    return chart(curves, frequency_axis(sparse=True), axis, title="Stereo width", unit="dB over Hz")


def _loudness_window(views: Comparison) -> int:
    """Steps over which loudness is taken: short-term in a song, momentary in a short piece."""
    long = len(views.mix.step_powers) * HOP_S > SHORT_TERM_FROM_S
    return SHORT_TERM_STEPS if long else MOMENTARY_STEPS


def _loudness_note(views: Comparison) -> str:
    window_s = _loudness_window(views) * HOP_S
    return (
        f"Loudness over a sliding {window_s:.1f} s; both have the same loudness overall, "
        f"{plain(MATCHED_LUFS)} LUFS."
    )


def _loudness_chart(views: Comparison) -> str:
    steps = _loudness_window(views)
    low, high = MATCHED_LUFS - 24, MATCHED_LUFS + 8
    curves = []
    for view, base in ((views.plain, None), (views.mix, low)):
        loudness = sliding_loudness(view.step_powers, steps)
        seconds = HOP_S * (steps + np.arange(len(loudness)))
        curves.append(Curve(view.name, view.style, seconds, loudness, fill_to=base))
    last = HOP_S * len(views.mix.step_powers)
    ticks = nice_ticks(last)
    labels = [f"{int(t) // 60}:{int(t) % 60:02d}" for t in ticks]
    axis = Axis(low, high, np.arange(low, high + 1, 8).tolist())
    return chart(
        curves, Axis(0, last, ticks, labels), axis, title="Loudness over time", unit="LUFS"
    )


def _dynamics_chart(views: Comparison) -> str:
    """How much of the time each signal is at least how loud: flat and far is dynamic."""
    low, high = MATCHED_LUFS - 14, MATCHED_LUFS + 8
    levels = np.linspace(low, high, 141)
    curves = []
    for view in (views.plain, views.reference, views.mix):
        loudness = sliding_loudness(view.step_powers, MOMENTARY_STEPS)
        share = [100.0 * np.mean(loudness >= level) if loudness.size else 0.0 for level in levels]
        curves.append(Curve(view.name, view.style, levels, np.array(share)))
    across = Axis(low, high, np.arange(low, high + 1, 4).tolist())
    return chart(
        curves,
        across,
        Axis(0, 100, (0, 25, 50, 75, 100)),
        title="Share of the time at or above a loudness",
        unit="% of the time over LUFS",
    )


def nice_ticks(last_s: float) -> list[float]:
    """Choose about six round times from 0 up to `last_s` seconds."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600)
    step = next((s for s in steps if last_s / s <= 7), steps[-1])
    return [float(t) for t in range(0, math.floor(last_s) + 1, step)]

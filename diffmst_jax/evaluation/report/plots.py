"""The report's plots: inline SVG that stretches, labels in HTML, colours from the page."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.evaluation.metrics import (
    CATALOGUE,
    DB_PER_NEPER,
    LEAST_AUDIBILITY,
    MEAN_AUDIBILITY,
    TERMS,
    TOTAL,
)
from diffmst_jax.evaluation.report.more_tables import number
from diffmst_jax.evaluation.store import OK, REFERENCE, Row, systems_of
from diffmst_jax.evaluation.summary import Statistic, Summary
from diffmst_jax.mixing.report.charts import Axis, Curve, chart, frequency_axis
from diffmst_jax.models.compact.bands import style_band_hz

SHOWN = (TOTAL, *TERMS, MEAN_AUDIBILITY, LEAST_AUDIBILITY, "mrstft", "controls_rmse")
COLOURS = 8
LOWEST_POWER = -6
HISTOGRAM_BINS = 20
SPECTRUM_RANGE_DB = 60


def colour(index: int) -> str:
    """Class name of the colour of a system."""
    return f"c{index % COLOURS}"


def distributions(summary: Summary, rows: Sequence[Row]) -> str:
    """A strip of dots per metric and system, with mean and interval; losses on a log axis."""
    figures = []
    names = systems_of(rows)
    good = [row for row in rows if row.status == OK]
    for metric in SHOWN:
        values = {
            name: [r.values[metric] for r in good if r.system == name and metric in r.values]
            for name in names
        }
        if any(values.values()):
            found = {name: summary.systems[name].metrics.get(metric) for name in names}
            figures.append(_strips(metric, values, found))
    note = (
        '<p class="note">A dot is an example, the line the mean with its 95 % interval. '
        "Losses are drawn on a logarithmic axis.</p>"
    )
    return f'{note}<div class="grid-2">{"".join(figures)}</div>' if figures else ""


def _strips(
    metric: str, values: dict[str, list[float]], statistics: dict[str, Statistic | None]
) -> str:
    every = np.array([v for found in values.values() for v in found])
    axis = _axis(every, log=CATALOGUE[metric].better == "lower")
    lanes = []
    for index, (name, statistic) in enumerate(statistics.items()):
        if statistic is None:
            lanes.append(_lane(name, index, '<span class="none">failed</span>', ""))
            continue
        places = 100 * axis.fraction(np.array(values[name]))
        jitter = np.random.default_rng(0).uniform(25, 75, places.size)
        dots = "".join(
            f'<i style="left:{x:.1f}%;top:{y:.0f}%"></i>'
            for x, y in zip(places, jitter, strict=True)
        )
        ends = np.array([statistic.low, statistic.high, statistic.mean])
        low, high, mean = 100 * axis.fraction(ends)
        if np.isfinite(low):
            dots += f'<u style="left:{low:.1f}%;width:{high - low:.1f}%"></u>'
        dots += f'<b style="left:{mean:.1f}%"></b>'
        lanes.append(_lane(name, index, dots, number(statistic.mean, 3)))
    ticks = "".join(
        f'<span style="left:{100 * x:.1f}%">{t}</span>'
        for t, x in zip(axis.labels, axis.fraction(np.array(axis.ticks)), strict=True)
    )
    return (
        f'<figure class="card strips"><figcaption>{escape(CATALOGUE[metric].label)}</figcaption>'
        f'{"".join(lanes)}<div class="lane"><em></em><div class="ticks">{ticks}</div><em></em>'
        "</div></figure>"
    )


def _lane(name: str, index: int, inside: str, text: str) -> str:
    return (
        f'<div class="lane {colour(index)}"><em>{_breakable(name)}</em>'
        f'<div class="dots">{inside}</div><em class="value">{escape(text)}</em></div>'
    )


def _breakable(name: str) -> str:
    """A name that may go on in a second line after an underscore."""
    return escape(name).replace("_", "_<wbr>")


def _axis(values: np.ndarray, *, log: bool) -> Axis:
    """An axis around values, with powers of ten or five round steps."""
    if log:
        positive = values[values > 10.0**LOWEST_POWER]
        if not positive.size:
            positive = np.array([1.0])
        low = math.floor(math.log10(positive.min()))
        high = max(low + 1, math.ceil(math.log10(positive.max())))
        step = math.ceil((high - low) / 4)
        ticks = [10.0**p for p in range(low, high + 1, step)]
        return Axis(10.0**low, 10.0**high, ticks, [f"{t:g}" for t in ticks], log=True)
    first, last = min(0.0, float(values.min())), max(1.0, float(values.max()))
    ticks = np.linspace(first, last, 5).tolist()
    return Axis(first, last, ticks, [f"{t:.2g}" for t in ticks])


def terms_plot(summary: Summary) -> str:
    """The weighted terms of each system, stacked to their share of the whole."""
    lanes = []
    for name, system in summary.systems.items():
        if TOTAL not in system.metrics:
            continue
        means = [system.metrics[term].mean for term in TERMS]
        total = max(sum(means), 1e-12)
        parts = "".join(
            f'<i class="t{i}" style="width:{100 * mean / total:.2f}%" '
            f'title="{CATALOGUE[term].label}: {number(mean, 3)}"></i>'
            for i, (term, mean) in enumerate(zip(TERMS, means, strict=True))
        )
        lanes.append(
            f'<div class="lane"><em>{_breakable(name)}</em>'
            f'<div class="stack">{parts}</div><em class="value">{number(total, 3)}</em></div>'
        )
    keys = "".join(
        f'<span class="t{i}"><i></i>{CATALOGUE[term].label}</span>' for i, term in enumerate(TERMS)
    )
    return (
        '<p class="note">Share of each weighted term in the AF loss, and the loss.</p>'
        f'<figure class="card strips"><div class="keys">{keys}</div>{"".join(lanes)}</figure>'
    )


def spectra(rows: Sequence[Row]) -> str:
    """Mean Bark spectra of mid and side, systems over the reference."""
    names = [*systems_of(rows), REFERENCE]
    found = {
        name: np.array([row.spectrum for row in rows if row.system == name and row.spectrum])
        for name in names
    }
    figures = []
    for channel, title in enumerate(("Mid", "Side")):
        levels = {n: DB_PER_NEPER * f[:, channel].mean(axis=0) for n, f in found.items() if f.size}
        if REFERENCE not in levels:
            return ""
        top = 10 * math.ceil(max(float(v.max()) for v in levels.values()) / 10)
        bottom = top - SPECTRUM_RANGE_DB
        curves = [
            Curve(n, "reference" if n == REFERENCE else colour(i), style_band_hz(), levels[n])
            for i, n in enumerate(names)
            if n in levels
        ]
        axis = Axis(bottom, top, range(bottom, top + 1, 20))
        drawn = chart(
            curves, frequency_axis(sparse=True), axis, title=f"{title} spectra", unit="dB over Hz"
        )
        figures.append(f'<div class="card"><h3>{title}</h3>{drawn}</div>')
    return f'<div class="grid-2">{"".join(figures)}</div>'


def by_tracks_plot(summary: Summary) -> str:
    """Mean loss over the number of tracks; nothing where no system has several numbers."""
    counts = sorted({c for s in summary.systems.values() for c in s.by_tracks})
    if len(counts) < 3:
        return ""
    curves, every = [], []
    for index, (name, system) in enumerate(summary.systems.items()):
        found = {c: s.mean for c, s in system.by_tracks.items()}
        if len(found) > 1:
            means = np.maximum(np.array([found[c] for c in sorted(found)]), 10.0**LOWEST_POWER)
            every += means.tolist()
            curves.append(Curve(name, colour(index), np.array(sorted(found)), np.log10(means)))
    if not curves:  # compared runs may have one number each
        return ""
    low, high = math.floor(np.log10(min(every))), math.ceil(np.log10(max(every)))
    ticks = range(low, max(high, low + 1) + 1)
    y = Axis(ticks[0], ticks[-1], ticks, [f"{10.0**t:g}" for t in ticks])
    x_ticks = [c for c in (2, 4, 8, 12, 16, 24, 32) if counts[0] <= c <= counts[-1]]
    x = Axis(counts[0], counts[-1], x_ticks, log=True)
    drawn = chart(curves, x, y, title="Loss over tracks", unit="AF loss over tracks")
    return f'<div class="card">{drawn}</div>'


def controls_plot(rows: Sequence[Row]) -> str:
    """How often each control of the tracks stood where, per system with a console."""
    figures = []
    for index, name in enumerate(systems_of(rows)):
        vectors = [v for row in rows if row.system == name for v in row.controls[:-1]]
        if not vectors:
            continue
        shares = np.stack(
            [
                np.histogram(column, HISTOGRAM_BINS, (0.0, 1.0))[0] / len(vectors)
                for column in np.array(vectors).T
            ]
        )
        cells = "".join(
            f'<div class="hist"><em>{escape(label)}</em><div>'
            + "".join(f'<i style="opacity:{min(1.0, 3 * s):.2f}"></i>' for s in row)
            + "</div></div>"
            for label, row in zip(control_names(), shares, strict=True)
        )
        figures.append(
            f'<figure class="card {colour(index)}"><figcaption>{escape(name)}</figcaption>'
            f"{cells}</figure>"
        )
    note = (
        '<p class="note">Every control of the tracks over its range, left the lowest setting; '
        "the darker, the more often.</p>"
    )
    return f'{note}<div class="grid-2">{"".join(figures)}</div>' if figures else ""


def control_names() -> list[str]:
    """Names of a track's controls in the order of its vector."""
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE).tracks
    bands = len(ranges.equalizer.gain_db.low)
    equalizer = [f"EQ {b + 1} {part}" for b in range(bands) for part in ("gain", "Hz", "Q")]
    compressor = [f"comp. {f.split('_')[0]}" for f in dsp.CompressorParams._fields]
    return ["gain", *equalizer, *compressor, "pan", "send"]

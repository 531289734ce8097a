"""The report's tables as HTML; cells carry their value, so that the page can sort them."""

import math
from collections.abc import Sequence
from html import escape

from diffmst_jax.evaluation.metrics import BANDS, CATALOGUE, LEAST_AUDIBILITY, TOTAL
from diffmst_jax.evaluation.statistics import FEWEST_PAIRS
from diffmst_jax.evaluation.store import OK, REFERENCE, Row
from diffmst_jax.evaluation.summary import Summary
from diffmst_jax.evaluation.tables import (
    FAILED,
    OTHER_CORPUS,
    cell,
    columns,
    head,
    interval,
    lines,
    p_text,
    paper_lines,
    table_note,
)

Cell = tuple[str, float | None]
"""Text and the value to sort by; None sorts by the text."""


def table(
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], *, after: str = "", tall: bool = False
) -> str:
    """A table that sorts.

    Args:
      heads: of the columns.
      rows: cells in their order.
      after: HTML of rows that stay at the end.
      tall: whether it may be long, so that it scrolls within the page.
    """
    body = ["".join(_cell(*cell) for cell in row) for row in rows]
    texts = [value is None for _, value in rows[0]] if rows else [False] * len(heads)
    return table_of(heads, body, texts, after=after, tall=tall)


def table_of(
    heads: Sequence[str], body: Sequence[str], texts: Sequence[bool], *, after: str, tall: bool
) -> str:
    """A table of rows that are HTML already; `texts` says which columns hold text."""
    top = "".join(
        f'<th aria-sort="none"{" class=text" if text else ""}>'
        f'<button type="button">{escape(label)}</button></th>'
        for label, text in zip(heads, texts, strict=True)
    )
    rows = "".join(f"<tr>{row}</tr>" for row in body)
    return (
        f'<div class="card scroll{" tall" if tall else ""}"><table class="sortable">'
        f"<thead><tr>{top}</tr></thead><tbody>{rows}</tbody>{after}</table></div>"
    )


def _cell(text: str, value: float | None) -> str:
    if value is None:
        return f"<td class=text>{escape(text)}</td>"
    shown = value if math.isfinite(value) else 1e300
    return f'<td data-value="{shown!r}">{escape(text)}</td>'


def number(value: float, digits: int = 4) -> str:
    """Write a number for people."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "-"


def paper_table(summary: Summary, kind: str) -> str:
    """The paper's layout, our systems sortable, its own lines below."""
    shown = columns(kind)
    rows = []
    for line in lines(summary, kind):
        system = summary.systems[line.system]
        cells: list[Cell] = [(line.system, None)]
        cells += [
            (cell(v, c), math.inf if v is None else v)
            for v, c in zip(line.values, shown, strict=True)
        ]
        total = system.metrics.get(TOTAL)
        cells += [
            (interval(system), total.low if total else math.inf),
            (str(system.examples), system.examples),
        ]
        rows.append([*cells, (str(system.failed), system.failed)])
    heads = ["System", *map(head, shown), "95 % of AF loss", "Examples", "Failed"]
    theirs = "".join(
        f"<tr><td>{escape(line.system)}</td>"
        + "".join(f"<td>{cell(v, c)}</td>" for v, c in zip(line.values, shown, strict=True))
        + "<td></td><td></td><td></td></tr>"
        for line in paper_lines(kind)
    )
    if theirs:
        span = len(heads)
        title = f'<tr><th colspan="{span}">{escape(OTHER_CORPUS)}: not comparable</th></tr>'
        theirs = f'<tbody class="paper">{title}{theirs}</tbody>'
    note = f"{table_note(summary, kind)} Choose a heading to sort."
    return f'<p class="note">{escape(note)}</p>{table(heads, rows, after=theirs)}'


def metrics_table(summary: Summary) -> str:
    """Mean and interval of every metric but the single bands."""
    names = list(summary.systems)
    metrics = [
        m
        for m in CATALOGUE
        if m not in BANDS and any(m in s.metrics for s in summary.systems.values())
    ]
    rows = []
    for metric in metrics:
        about = CATALOGUE[metric]
        arrow = {"lower": " \N{DOWNWARDS ARROW}", "higher": " \N{UPWARDS ARROW}", "": ""}
        unit = f" ({about.unit})" if about.unit else ""
        cells: list[Cell] = [(about.label + unit + arrow[about.better], None)]
        for name in names:
            found = summary.systems[name].metrics.get(metric)
            low_high = f" ({number(found.low, 3)} to {number(found.high, 3)})" if found else ""
            cells.append((number(found.mean) + low_high, found.mean) if found else ("-", math.inf))
        rows.append(cells)
    note = '<p class="note">Mean, and the 95 % bootstrap interval of the mean.</p>'
    return note + table(["Metric", *names], rows)


def tests_table(summary: Summary) -> str:
    """Paired tests of the audio-feature loss and the least audible track."""
    rows: list[list[Cell]] = []
    for metric in (TOTAL, LEAST_AUDIBILITY):
        rows += [
            [
                (CATALOGUE[metric].label, None),
                (t.first, None),
                (t.second, None),
                (f"{t.wins:.0%}", t.wins),
                (number(t.difference, 3), t.difference),
                (p_text(t.p_holm), t.p_holm),
                (str(t.pairs), t.pairs),
            ]
            for t in summary.tests.get(metric, [])
            if t.pairs
        ]
    if not rows:
        return ""
    heads = ["Metric", "System", "against", "better in", "Median difference", "p (Holm)", "Pairs"]
    note = (
        '<p class="note">Two-sided Wilcoxon signed-rank tests on the examples that both systems '
        "mixed, corrected for their number after Holm; none with fewer than "
        f"{FEWEST_PAIRS} pairs.</p>"
    )
    return note + table(heads, rows, tall=True)


def spread_table(summary: Summary) -> str:
    """Best, worst and deviation over sections."""
    rows: list[list[Cell]] = [
        [
            (name, None),
            (number(s.best), s.best),
            (number(s.worst), s.worst),
            (number(s.deviation), s.deviation),
            (str(s.groups), s.groups),
        ]
        for name, system in summary.systems.items()
        if (s := system.spread) is not None
    ]
    heads = ["System", "AF loss, best", "worst", "Standard deviation", "Songs"]
    return table(heads, rows) if rows else ""


def frechet_table(summary: Summary) -> str:
    """Frechet distances with what their bias from few samples is."""
    rows: list[list[Cell]] = [
        [
            (name, None),
            (embedding, None),
            (number(f.distance), f.distance),
            (number(f.extrapolated), f.extrapolated),
            (number(f.bias), f.bias),
            (str(f.samples), f.samples),
        ]
        for name, system in summary.systems.items()
        for embedding, f in system.frechet.items()
    ]
    heads = ["System", "Embedding", "Frechet distance", "for infinitely many", "Bias", "Samples"]
    note = (
        '<p class="note">Between all mixes of a system and all references. Few samples make it '
        "too large; the extrapolation to infinitely many takes that away.</p>"
    )
    return note + table(heads, rows) if rows else ""


def trouble(summary: Summary) -> str:
    """What failed, and what should be known."""
    rows: list[list[Cell]] = []
    for name, system in summary.systems.items():
        for kind, texts in ((FAILED, system.reasons), ("noted", system.notes)):
            rows += [
                [(name, None), (kind, None), (str(n), n), (text, None)] for text, n in texts.items()
            ]
    return table(["System", "", "Examples", "What"], rows) if rows else ""


def examples_table(rows: Sequence[Row]) -> str:
    """A row per example with the loss of every system; its button opens the players."""
    systems = [s for s in dict.fromkeys(row.system for row in rows) if s != REFERENCE]
    found: dict[int, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.example, {})[row.system] = row
    body = []
    for example in sorted(found):
        any_row = next(iter(found[example].values()))
        title = escape(f"{any_row.song} like {any_row.reference}")
        button = (
            f'<td data-value="{example}"><button type="button" class="listen" '
            f'data-example="{example}" data-title="{title}">Listen</button></td>'
        )
        cells = [
            (any_row.song, None),
            (any_row.reference, None),
            (str(any_row.tracks), any_row.tracks),
            *(_loss_cell(found[example].get(system)) for system in systems),
        ]
        body.append(button + "".join(_cell(*cell) for cell in cells))
    heads = ["Example", "Song", "Reference", "Tracks", *systems]
    texts = [True, True, True, *[False] * (1 + len(systems))]
    return table_of(heads, body, texts, after="", tall=True)


def _loss_cell(row: Row | None) -> Cell:
    if row is None:
        return "-", math.inf
    return (
        (number(row.values[TOTAL]), row.values[TOTAL]) if row.status == OK else (FAILED, math.inf)
    )

"""The report's tables as HTML; cells carry their value, so that the page can sort them."""

import math
from collections.abc import Sequence
from html import escape

from diffmst_jax.evaluation.metrics import BANDS, CATALOGUE, TOTAL
from diffmst_jax.evaluation.report.more_tables import (
    FAILED,
    Cell,
    TextTable,
    count_cell,
    mean_cell,
    number_cell,
)
from diffmst_jax.evaluation.report.tables import (
    OTHER_CORPUS,
    cell,
    columns,
    head,
    interval,
    lines,
    paper_lines,
    table_note,
)
from diffmst_jax.evaluation.store import OK, Row, systems_of
from diffmst_jax.evaluation.summary import Summary


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
    body = ["".join(map(_cell, row)) for row in rows]
    texts = [cell.value is None for cell in rows[0]] if rows else [False] * len(heads)
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


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.value is None:
        hint = f' title="{escape(cell.hint)}"' if cell.hint else ""
        return f"<td class=text{hint}>{text}</td>"
    value = cell.value if math.isfinite(cell.value) else 1e300
    return f'<td data-value="{value!r}">{text}</td>'


def section_table(shown: TextTable, *, tall: bool = False) -> str:
    """A table and its note; nothing if it has no rows."""
    if not shown.rows:
        return ""
    note = f'<p class="note">{escape(shown.note)}</p>' if shown.note else ""
    return note + table(shown.heads, shown.rows, tall=tall)


def paper_table(summary: Summary, kind: str) -> str:
    """The paper's layout, our systems sortable, its own lines below."""
    shown = columns(kind)
    rows = []
    for line in lines(summary, kind):
        system = summary.systems[line.system]
        values = [
            Cell(cell(v, c), math.inf if v is None else v)
            for v, c in zip(line.values, shown, strict=True)
        ]
        total = system.metrics.get(TOTAL)
        low = Cell(interval(system), total.low if total else math.inf)
        counts = map(count_cell, (system.examples, system.failed))
        rows.append([Cell(line.system), *values, low, *counts])
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
        head = Cell(about.label + unit + arrow[about.better], hint=about.meaning)
        found = (summary.systems[name].metrics.get(metric) for name in names)
        rows.append([head, *map(mean_cell, found)])
    note = '<p class="note">Mean, and the 95 % bootstrap interval of the mean.</p>'
    return note + table(["Metric", *names], rows)


def examples_table(rows: Sequence[Row]) -> str:
    """A row per example with the loss of every system; its button opens the players."""
    systems = systems_of(rows)
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
            *(Cell(any_row.song), Cell(any_row.reference), count_cell(any_row.tracks)),
            *(_loss_cell(found[example].get(system)) for system in systems),
        ]
        body.append(button + "".join(map(_cell, cells)))
    heads = ["Example", "Song", "Reference", "Tracks", *systems]
    texts = [True, True, True, *[False] * (1 + len(systems))]
    return table_of(heads, body, texts, after="", tall=True)


def _loss_cell(row: Row | None) -> Cell:
    if row is None or row.status != OK:
        return Cell("-" if row is None else FAILED, math.inf)
    return number_cell(row.values[TOTAL])

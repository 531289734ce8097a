"""The paper's tables with our systems: their columns and lines; on the terminal, in Markdown."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table

from diffmst_jax.evaluation.metrics import (
    CATALOGUE,
    LEAST_AUDIBILITY,
    MEAN_AUDIBILITY,
    TERMS,
    TOTAL,
)
from diffmst_jax.evaluation.report.more_tables import FAILED, TextTable, more_tables
from diffmst_jax.evaluation.report.paper import CITATION, TABLES, PaperRow
from diffmst_jax.evaluation.summary import Summary, SystemSummary

FRECHET = "frechet"
PAPERS_EMBEDDING = "vggish"
TABLE_NOTE = "Means, lower is better. Terms are weighted; their sum is the AF loss."
OTHER_CORPUS = f"{CITATION}, another corpus"
SHORT_NAMES = dict(zip(TERMS, ("RMS", "CF", "SW", "SI", "BS"), strict=True))
EXTRA = (MEAN_AUDIBILITY, LEAST_AUDIBILITY, "mrstft", "controls_rmse")


class Column(NamedTuple):
    """A column of the paper's tables.

    Attributes:
      metric: what it holds; `FRECHET` for Frechet audio distance.
      label: its head.
      exponent: values are divided by ten to this; None for scientific notation.
    """

    metric: str
    label: str
    exponent: int | None


class Line(NamedTuple):
    """A row of the paper's tables: a system and its values, None where there is none."""

    system: str
    values: tuple[float | None, ...]


def columns(kind: str) -> tuple[Column, ...]:
    """Columns and units of the paper's table 2 for that protocol, of its table 1 for others."""
    second = kind == "table2"
    exponents = (-4, -1, -2, -2, 0) if second else (None, -2, -2, -2, 0)
    terms = [Column(term, SHORT_NAMES[term], e) for term, e in zip(TERMS, exponents, strict=True)]
    loss = Column(TOTAL, "AF loss", 0 if second else None)
    return (*terms, loss) if second else (*terms, loss, Column(FRECHET, "FAD", 0))


def lines(summary: Summary, kind: str) -> list[Line]:
    """A line per system."""
    embedding = _embedding(summary)
    return [
        Line(name, tuple(_value(system, column.metric, embedding) for column in columns(kind)))
        for name, system in summary.systems.items()
    ]


def paper_lines(kind: str) -> list[Line]:
    """The paper's own lines for a protocol that it has."""
    return [
        Line(row.system, tuple(getattr(row, column.metric) for column in columns(kind)))
        for row in _paper(kind)
    ]


def cell(value: float | None, column: Column) -> str:
    """Write a value in the unit of its column."""
    if value is None or not math.isfinite(value):
        return FAILED if value is None and column.metric != FRECHET else "-"
    if column.metric == FRECHET:
        return f"{value:#.3g}".rstrip(".")
    if column.exponent is None:
        return f"{value:.2e}"
    scaled = value / 10**column.exponent
    return f"{scaled:.3f}" if column.metric == TOTAL else f"{scaled:.2f}"


def head(column: Column) -> str:
    """Label with its unit."""
    unit = f" (e{column.exponent:+03d})" if column.exponent else ""
    return column.label + unit


def markdown(summary: Summary, kind: str) -> str:
    """The whole summary as Markdown."""
    parts = [f"# {summary.about['protocol']}", ""]
    parts += [f"- {k}: {v}" for k, v in summary.about.items() if k != "protocol"]
    parts += ["", *paper_markdown(summary, kind), "", *_more_markdown(summary)]
    for table in more_tables(summary, kind):
        parts += _table_markdown(table)
    return "\n".join([*parts, ""])


def paper_markdown(summary: Summary, kind: str) -> list[str]:
    """The paper's table with our systems first, then its own lines."""
    heads = ["system", *map(head, columns(kind)), "examples", "failed"]
    rows = _markdown_heads(heads)
    for line in lines(summary, kind):
        system = summary.systems[line.system]
        counts = [str(system.examples), str(system.failed)]
        rows.append(_markdown_row([line.system, *cells_of(line, kind), *counts]))
    rows += [
        _markdown_row([f"*{line.system}, paper*", *cells_of(line, kind), "", ""])
        for line in paper_lines(kind)
    ]
    return [*rows, "", table_note(summary, kind)]


def table_note(summary: Summary, kind: str) -> str:
    """Say what a reader of the paper's table has to know."""
    sentences = [TABLE_NOTE]
    embedding = _embedding(summary)
    if columns(kind)[-1].metric == FRECHET:
        if embedding is not None:
            sentences.append(f"FAD is on the embedding {embedding}, the paper's on VGGish.")
        elif any(system.frechet for system in summary.systems.values()):
            sentences.append("FAD is on no embedding that all systems have, so it is left out.")
    if paper_lines(kind):
        sentences.append(f"The paper's own lines: {OTHER_CORPUS}, so not comparable.")
    return " ".join(sentences)


def terminal_table(summary: Summary, kind: str) -> Table:
    """The paper's table and what it lacks, for a terminal."""
    table = Table(title=summary.about["protocol"])
    table.add_column("system")
    shown = [*map(head, columns(kind)), "95 % of AF loss", "least audible", "examples", "failed"]
    for name in shown:
        table.add_column(name, justify="right")
    for line in lines(summary, kind):
        system = summary.systems[line.system]
        least = system.metrics.get(LEAST_AUDIBILITY)
        table.add_row(
            line.system,
            *cells_of(line, kind),
            interval(system),
            f"{least.mean:.2f}" if least else "-",
            str(system.examples),
            str(system.failed),
        )
    return table


def interval(system: SystemSummary) -> str:
    """Confidence interval of the mean audio-feature loss, written out; a dash where none is."""
    found = system.metrics.get(TOTAL)
    return f"{found.low:.3g} to {found.high:.3g}" if found and math.isfinite(found.low) else "-"


def _value(system: SystemSummary, metric: str, embedding: str | None) -> float | None:
    if metric == FRECHET:
        chosen = None if embedding is None else system.frechet.get(embedding)
        return chosen.distance if chosen else None
    found = system.metrics.get(metric)
    return found.mean if found else None


def _embedding(summary: Summary) -> str | None:
    """The embedding of the column FAD: one on which all have theirs, the paper's if they can."""
    having = [system.frechet for system in summary.systems.values() if system.frechet]
    shared = [name for name in having[0] if all(name in own for own in having)] if having else []
    return min(shared, key=lambda name: not name.startswith(PAPERS_EMBEDDING), default=None)


def cells_of(line: Line, kind: str) -> list[str]:
    """Write the values of a line, each in the unit of its column."""
    return [cell(v, column) for v, column in zip(line.values, columns(kind), strict=True)]


def _paper(kind: str) -> Sequence[PaperRow]:
    return TABLES.get(kind, ())


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in cells)} |"


def _markdown_heads(heads: Sequence[str]) -> list[str]:
    return [_markdown_row(heads), "|" + "---|" * len(heads)]


def _table_markdown(table: TextTable) -> list[str]:
    if not table.rows:
        return []
    rows = [_markdown_row([cell.text for cell in row]) for row in table.rows]
    note = ["", table.note] if table.note else []
    return ["", f"## {table.title}", "", *_markdown_heads(table.heads), *rows, *note]


def _more_markdown(summary: Summary) -> list[str]:
    """Intervals, medians, and the metrics that the paper has not."""
    extra = [m for m in EXTRA if any(m in s.metrics for s in summary.systems.values())]
    heads = ["system", "AF loss, mean (95 %)", "median", *(CATALOGUE[m].label for m in extra)]
    rows = _markdown_heads(heads)
    for name, system in summary.systems.items():
        total = system.metrics.get(TOTAL)
        texts = [FAILED, "-"]
        if total:
            texts = [f"{total.mean:.4g} ({interval(system)})", f"{total.median:.4g}"]
        found = [system.metrics.get(m) for m in extra]
        texts += [f"{f.mean:.3g}" if f else "-" for f in found]
        rows.append(_markdown_row([name, *texts]))
    return rows

"""The paper's tables with our systems: their columns and lines; on the terminal, in Markdown."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table

from diffmst_jax.evaluation.frechet import FrechetDistance
from diffmst_jax.evaluation.metrics import (
    CATALOGUE,
    LEAST_AUDIBILITY,
    MEAN_AUDIBILITY,
    TERMS,
    TOTAL,
)
from diffmst_jax.evaluation.paper import CITATION, TABLES, PaperRow
from diffmst_jax.evaluation.summary import Summary, SystemSummary

FAILED = "failed"
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
    return [
        Line(name, tuple(_value(system, column.metric) for column in columns(kind)))
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
    parts += _frechet_markdown(summary) + _spread_markdown(summary)
    parts += _tests_markdown(summary) + _trouble_markdown(summary)
    return "\n".join([*parts, ""])


def paper_markdown(summary: Summary, kind: str) -> list[str]:
    """The paper's table with our systems first, then its own lines."""
    heads = ["system", *map(head, columns(kind)), "examples", "failed"]
    rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
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
    used = dict.fromkeys(f[0] for s in summary.systems.values() if (f := _frechet(s)) is not None)
    if used and columns(kind)[-1].metric == FRECHET:
        sentences.append(f"FAD is on the embedding {' or '.join(used)}, the paper's on VGGish.")
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
    """Confidence interval of the mean audio-feature loss, written out."""
    found = system.metrics.get(TOTAL)
    return f"{found.low:.3g} to {found.high:.3g}" if found else "-"


def _value(system: SystemSummary, metric: str) -> float | None:
    if metric == FRECHET:
        chosen = _frechet(system)
        return chosen[1].distance if chosen else None
    found = system.metrics.get(metric)
    return found.mean if found else None


def _frechet(system: SystemSummary) -> tuple[str, FrechetDistance] | None:
    """The distance of the column FAD and its embedding: the paper's where there is one."""
    ordered = sorted(system.frechet.items(), key=lambda f: not f[0].startswith(PAPERS_EMBEDDING))
    return ordered[0] if ordered else None


def cells_of(line: Line, kind: str) -> list[str]:
    """Write the values of a line, each in the unit of its column."""
    return [cell(v, column) for v, column in zip(line.values, columns(kind), strict=True)]


def _paper(kind: str) -> Sequence[PaperRow]:
    return TABLES.get(kind, ())


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in cells)} |"


def _more_markdown(summary: Summary) -> list[str]:
    """Intervals, medians, and the metrics that the paper has not."""
    extra = [m for m in EXTRA if any(m in s.metrics for s in summary.systems.values())]
    heads = ["system", "AF loss, mean (95 %)", "median", *(CATALOGUE[m].label for m in extra)]
    rows = [_markdown_row(heads), "|" + "---|" * len(heads)]
    for name, system in summary.systems.items():
        total = system.metrics.get(TOTAL)
        texts = [FAILED, "-"]
        if total:
            texts = [f"{total.mean:.4g} ({interval(system)})", f"{total.median:.4g}"]
        found = [system.metrics.get(m) for m in extra]
        texts += [f"{f.mean:.3g}" if f else "-" for f in found]
        rows.append(_markdown_row([name, *texts]))
    return rows


def _frechet_markdown(summary: Summary) -> list[str]:
    rows = [
        _markdown_row(
            [
                name,
                embedding,
                _finite_text(f.distance),
                _finite_text(f.extrapolated),
                str(f.samples),
            ]
        )
        for name, system in summary.systems.items()
        for embedding, f in system.frechet.items()
    ]
    if not rows:
        return []
    heads = ["system", "embedding", "Frechet distance", "without the samples' bias", "samples"]
    return ["", _markdown_row(heads), "|" + "---|" * len(heads), *rows]


def _finite_text(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "-"


def _spread_markdown(summary: Summary) -> list[str]:
    rows = [
        _markdown_row(
            [name, f"{s.best:.4g}", f"{s.worst:.4g}", f"{s.deviation:.3g}", str(s.groups)]
        )
        for name, system in summary.systems.items()
        if (s := system.spread) is not None
    ]
    if not rows:
        return []
    heads = ["system", "AF loss, best section", "worst", "standard deviation", "songs"]
    title = ["", "Over the sections of one song and reference:", ""]
    return [*title, _markdown_row(heads), "|" + "---|" * len(heads), *rows]


def _tests_markdown(summary: Summary) -> list[str]:
    tests = summary.tests.get(TOTAL, [])
    if not tests:
        return []
    heads = ["AF loss", "against", "wins", "median difference", "p (Holm)", "pairs"]
    rows = [
        _markdown_row(
            [
                *(t.first, t.second, f"{t.wins:.0%}", f"{t.difference:+.3g}"),
                *(p_text(t.p_holm), str(t.pairs)),
            ]
        )
        for t in tests
    ]
    note = "Two-sided Wilcoxon signed-rank tests on the same examples."
    return ["", _markdown_row(heads), "|" + "---|" * len(heads), *rows, "", note]


def _trouble_markdown(summary: Summary) -> list[str]:
    rows = [
        f"- {name}, {count} failed: {reason}"
        for name, system in summary.systems.items()
        for reason, count in system.reasons.items()
    ]
    rows += [
        f"- {name}, {count} noted: {note}"
        for name, system in summary.systems.items()
        for note, count in system.notes.items()
    ]
    return ["", *rows] if rows else []


def p_text(p_value: float) -> str:
    """Write a p-value."""
    if not math.isfinite(p_value):
        return "-"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"

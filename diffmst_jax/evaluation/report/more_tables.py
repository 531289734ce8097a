"""The tables of a summary that the paper has not, for the report and for Markdown alike."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from diffmst_jax.evaluation.metrics import CATALOGUE, LEAST_AUDIBILITY, TOTAL
from diffmst_jax.evaluation.statistics import FEWEST_PAIRS
from diffmst_jax.evaluation.summary import Statistic, Summary

FAILED = "failed"


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
      text: what it shows.
      value: to sort by; None sorts by the text.
      hint: a sentence for who points at it.
    """

    text: str
    value: float | None = None
    hint: str = ""


class TextTable(NamedTuple):
    """A table as text.

    Attributes:
      title: over it.
      heads: of its columns.
      rows: cells in their order; a table without rows is not shown.
      note: what a reader has to know.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


class MoreTables(NamedTuple):
    """All of them, in the order in which they are shown."""

    tracks: TextTable
    spread: TextTable
    tests: TextTable
    distances: TextTable
    trouble: TextTable


def more_tables(summary: Summary, kind: str) -> MoreTables:
    """Make all of them; that of the number of tracks has rows for the protocol "tracks" alone."""
    tables = (_spread(summary), _tests(summary), _frechet(summary), _trouble(summary))
    return MoreTables(tracks_table(summary, kind), *tables)


def number(value: float, digits: int = 4) -> str:
    """Write a number, a dash where there is none."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "-"


def number_cell(value: float, digits: int = 4) -> Cell:
    """Write a number to sort by."""
    return Cell(number(value, digits), value)


def mean_cell(found: Statistic | None) -> Cell:
    """Write a mean with its interval, where it has one, to sort by the mean; a dash for none."""
    if found is None:
        return Cell("-", math.inf)
    ends = f" ({number(found.low, 3)} to {number(found.high, 3)})"
    return Cell(number(found.mean) + (ends if math.isfinite(found.low) else ""), found.mean)


def count_cell(value: int) -> Cell:
    """Write how many there are."""
    return Cell(str(value), value)


def tracks_table(summary: Summary, kind: str) -> TextTable:
    """Loss of every system by the number of tracks; of other protocols the songs differ in more."""
    found = {name: system.by_tracks for name, system in summary.systems.items()}
    counts = sorted({c for by_tracks in found.values() for c in by_tracks if kind == "tracks"})
    rows = []
    for count in counts:
        cells = [by_tracks.get(count) for by_tracks in found.values()]
        examples = [cell.examples for cell in cells if cell]
        ends = dict.fromkeys((min(examples), max(examples)))
        often = Cell(" to ".join(map(str, ends)), max(examples))
        rows.append([count_cell(count), often, *map(mean_cell, cells)])
    note = "AF loss by the number of tracks: mean, and the 95 % bootstrap interval of the mean."
    return TextTable("Number of tracks", ["Tracks", "Examples", *found], rows, note)


def _spread(summary: Summary) -> TextTable:
    """Best, worst and deviation over its sections, or numbers of tracks."""
    rows = [
        [Cell(name), *map(number_cell, (s.best, s.worst, s.deviation)), count_cell(s.groups)]
        for name, system in summary.systems.items()
        if (s := system.spread) is not None
    ]
    heads = ["System", "AF loss, best", "worst", "Standard deviation", "Songs"]
    return TextTable("Within one song and reference", heads, rows)


def _tests(summary: Summary) -> TextTable:
    """Paired tests of the audio-feature loss and the least audible track."""
    rows = [
        [
            *(Cell(CATALOGUE[metric].label), Cell(t.first), Cell(t.second)),
            *(Cell(f"{t.wins:.0%}", t.wins), number_cell(t.difference, 3)),
            *(Cell(_p_text(t.p_holm), t.p_holm), count_cell(t.pairs)),
        ]
        for metric in (TOTAL, LEAST_AUDIBILITY)
        for t in summary.tests.get(metric, [])
        if t.pairs
    ]
    heads = ["Metric", "System", "against", "better in", "Median difference", "p (Holm)", "Pairs"]
    note = (
        "Two-sided Wilcoxon signed-rank tests on the examples that both systems mixed, corrected "
        f"for their number after Holm; none with fewer than {FEWEST_PAIRS} pairs. All that was "
        "made of one song and reference is one pair, by its mean."
    )
    return TextTable("Is the difference real?", heads, rows, note)


def _p_text(p_value: float) -> str:
    if not math.isfinite(p_value):
        return "-"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _frechet(summary: Summary) -> TextTable:
    """Frechet distances with what their bias from few samples is."""
    rows = [
        [
            *(Cell(name), Cell(embedding)),
            *map(number_cell, (f.distance, f.extrapolated, f.bias)),
            count_cell(f.samples),
        ]
        for name, system in summary.systems.items()
        for embedding, f in system.frechet.items()
    ]
    heads = ["System", "Embedding", "Frechet distance", "for infinitely many", "Bias", "Samples"]
    note = (
        "Between all mixes of a system and all references. Few samples make it too large; the "
        "extrapolation to infinitely many takes that away."
    )
    return TextTable("Distance of sets", heads, rows, note)


def _trouble(summary: Summary) -> TextTable:
    """What failed, and what should be known."""
    rows = [
        [Cell(name), Cell(kind), count_cell(count), Cell(text)]
        for name, system in summary.systems.items()
        for kind, texts in ((FAILED, system.reasons), ("noted", system.notes))
        for text, count in texts.items()
    ]
    return TextTable("Failed and noted", ["System", "", "Examples", "What"], rows)

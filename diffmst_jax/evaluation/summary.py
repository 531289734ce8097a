"""From scores to tables: CSV row by row, means with confidence intervals, Markdown."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from diffmst_jax.evaluation.metrics import TERMS, TOTAL
from diffmst_jax.evaluation.statistics import confidence_interval
from diffmst_jax.files import written_beside

METRICS = (TOTAL, *TERMS, "loudness_lufs", "true_peak_dbtp")
OK = "ok"
TABLE_COLUMNS = (TOTAL, *TERMS)
MISSING = "failed"


@dataclass(frozen=True)
class Score:
    """What one system got on one example.

    Attributes:
      example: number of the example in the manifest.
      song: name of the song.
      reference: name of the finished mix.
      system: name of the system.
      status: "ok", or why there are no values.
      values: by metric; empty if it failed.
    """

    example: int
    song: str
    reference: str
    system: str
    status: str
    values: dict[str, float]


def summarize(scores: list[Score]) -> dict[str, dict[str, object]]:
    """Mean, median, interval of every metric, and counts, by system in order of appearance."""
    summary: dict[str, dict[str, object]] = {}
    for system in dict.fromkeys(score.system for score in scores):
        good = [s for s in scores if s.system == system and s.status == OK]
        entry: dict[str, object] = {
            "examples": len(good),
            "failed": sum(s.system == system and s.status != OK for s in scores),
        }
        for metric in METRICS if good else ():
            values = [score.values[metric] for score in good]
            low, high = confidence_interval(values)
            entry[metric] = {
                "mean": float(np.mean(values)),
                "median": float(np.median(values)),
                "low": low,
                "high": high,
            }
        summary[system] = entry
    return summary


def write_results(folder: Path, scores: list[Score], about: dict[str, object]) -> None:
    """Write metrics.csv, summary.json and summary.md."""
    summary = summarize(scores)
    with written_beside(folder / "metrics.csv") as path, path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["example", "song", "reference", "system", "status", *METRICS])
        for s in scores:
            values = [s.values.get(metric, "") for metric in METRICS]
            table.writerow([s.example, s.song, s.reference, s.system, s.status, *values])
    with written_beside(folder / "summary.json") as path:
        path.write_text(json.dumps({"about": about, "systems": summary}, indent=1))
    with written_beside(folder / "summary.md") as path:
        path.write_text(markdown(summary, about))


def markdown(summary: dict[str, dict[str, object]], about: dict[str, object]) -> str:
    """The summary as a Markdown table, means over the examples."""
    head = ["system", *TABLE_COLUMNS, "examples", "failed"]
    lines = [f"# {about['protocol']}", ""]
    lines += [f"- {name}: {value}" for name, value in about.items() if name != "protocol"]
    lines += ["", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for system, entry in summary.items():
        cells = [_cell(entry, metric) for metric in TABLE_COLUMNS]
        counts = [str(entry["examples"]), str(entry["failed"])]
        lines.append(f"| {' | '.join([system, *cells, *counts])} |")
    return "\n".join([*lines, ""])


def terminal_table(summary: dict[str, dict[str, object]], title: str) -> Table:
    """The summary for a terminal."""
    table = Table(title=title)
    table.add_column("system")
    for name in (*TABLE_COLUMNS, "examples"):
        table.add_column(name.replace("_", " "), justify="right")
    for system, entry in summary.items():
        cells = [_cell(entry, metric) for metric in TABLE_COLUMNS]
        table.add_row(system, *cells, str(entry["examples"]))
    return table


def _cell(entry: dict[str, object], metric: str) -> str:
    stored = entry.get(metric)
    if not isinstance(stored, dict):
        return MISSING
    if metric == TOTAL:
        return f"{stored['mean']:.4f} ({stored['low']:.4f} to {stored['high']:.4f})"
    return f"{stored['mean']:.4f}"

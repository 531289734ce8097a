"""The files of an evaluation: metrics.csv, summary.json, summary.md, table.tex and report.html."""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from diffmst_jax.evaluation.config import EvaluationConfig, ReportConfig
from diffmst_jax.evaluation.report import report_html
from diffmst_jax.evaluation.store import OK, REFERENCE, Row, Store
from diffmst_jax.evaluation.summary import Summary, summarize
from diffmst_jax.evaluation.tables import latex, markdown
from diffmst_jax.files import written_beside
from diffmst_jax.training.config import Folders
from diffmst_jax.training.corpora import folders

CSV_HEAD = ("example", "song", "reference", "tracks", "system", "metric", "value", "status")


def about(config: EvaluationConfig, examples: int) -> dict[str, str]:
    """What was evaluated, term and text."""
    protocol, data = config.protocol, config.data
    made = f"synthetic, seed {data.synthetic.seed}"
    return {
        "protocol": protocol.name,
        "examples": str(examples),
        "section": f"{protocol.duration_s:g} s",
        "mixes at": f"{protocol.mix_lufs:g} LUFS",
        "references at": f"{protocol.reference_lufs:g} LUFS",
        "songs": _corpora(data.songs) or made,
        "references": _corpora(data.references) or made,
        "seed": str(config.seed),
    }


def _corpora(given: Folders) -> str:
    return ", ".join(Path(folder).name for folder in folders(given))


def write_results(store: Store, config: EvaluationConfig) -> Summary:
    """Write every result file of a run."""
    summary = summarize(store.rows, store.embeddings(), about(config, len(store.examples)))
    write_csv(store.folder / "metrics.csv", store.rows)
    write_texts(store.folder, summary, config.protocol.kind)
    page = report_html(summary, [store], config.protocol.kind, config.report)
    _write(store.folder / "report.html", page)
    return summary


def write_texts(folder: Path, summary: Summary, kind: str) -> None:
    """Write the summary as JSON, Markdown and LaTeX."""
    _write(folder / "summary.json", json.dumps(summary.as_json(), indent=1))
    _write(folder / "summary.md", markdown(summary, kind))
    _write(folder / "table.tex", latex(summary, kind))


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write a line per example, system and metric; a failed example has one line that says why."""
    with written_beside(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as f:
        table = csv.writer(f)
        table.writerow(CSV_HEAD)
        for row in rows:
            if row.system == REFERENCE:
                continue
            place = (row.example, row.song, row.reference, row.tracks, row.system)
            if row.status != OK:
                table.writerow([*place, "", "", row.status])
            table.writerows([*place, name, value, OK] for name, value in row.values.items())


def _write(path: Path, text: str) -> None:
    with written_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def compare_runs(runs: Sequence[Path], folder: Path, report: ReportConfig) -> tuple[Summary, str]:
    """Put several runs into one report: their systems side by side, named after their runs.

    Runs of the same examples are tested against each other pair by pair.

    Returns:
      The summary of all, and the protocol's kind.

    Raises:
      InputError: a folder without an evaluation.
    """
    stores = [Store.open(path) for path in runs]
    names = run_names(runs)
    configs = [store.config for store in stores]
    same = all(store.examples == stores[0].examples for store in stores)
    rows: list[Row] = []
    embeddings: dict[str, np.ndarray] = {}
    offset = 0
    for name, store in zip(names, stores, strict=True):
        shift = 0 if same else offset
        store.rows = [
            replace(row, example=row.example + shift, group=row.group + shift)
            if row.system == REFERENCE
            else replace(
                row,
                system=f"{name}: {row.system}",
                example=row.example + shift,
                group=row.group + shift,
            )
            for row in store.rows
        ]
        rows += store.rows
        offset += len(store.examples)
        for key, vectors in store.embeddings().items():
            embedding, system = key.split("/", 1)
            label = system if system == REFERENCE else f"{name}: {system}"
            embeddings.setdefault(f"{embedding}/{label}", vectors)
    protocols = {config.protocol.name for config in configs}
    kind = configs[0].protocol.kind if len(protocols) == 1 else "table1"
    about_all = {
        "protocol": " and ".join(sorted(protocols)),
        "runs": ", ".join(names),
        "examples": "the same in all" if same else "different ones",
    }
    summary = summarize(rows, embeddings, about_all)
    write_csv(folder / "metrics.csv", rows)
    write_texts(folder, summary, kind)
    _write(folder / "report.html", report_html(summary, stores, kind, report))
    return summary, kind


def run_names(runs: Sequence[Path]) -> list[str]:
    """What runs are called: by their folders, or by their paths where folders share a name."""
    counts = Counter(path.name for path in runs)
    return [path.name if counts[path.name] == 1 else path.as_posix() for path in runs]

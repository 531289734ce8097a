"""The files of an evaluation: metrics.csv, summary.json, summary.md, table.tex and report.html."""

import csv
import json
from pathlib import Path

from diffmst_jax.evaluation.config import EvaluationConfig
from diffmst_jax.evaluation.report import report_html
from diffmst_jax.evaluation.store import OK, REFERENCE, Row, Store
from diffmst_jax.evaluation.summary import Summary, summarize
from diffmst_jax.evaluation.tables import latex, markdown
from diffmst_jax.files import written_beside

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
        "songs": Path(data.songs).name if data.songs else made,
        "references": Path(data.references).name if data.references else made,
        "seed": str(config.seed),
    }


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

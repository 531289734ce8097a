"""The report of an evaluation: one self-contained HTML page of tables, plots and players.

It needs no network and no server. Tables sort by a click or the keyboard, every example's mixes
can be compared at one loudness, and the page follows light and dark, wide and narrow screens.
"""

import base64
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from string import Template

from diffmst_jax.evaluation.config import ReportConfig
from diffmst_jax.evaluation.report_plots import (
    by_tracks_plot,
    controls_plot,
    distributions,
    spectra,
    terms_plot,
)
from diffmst_jax.evaluation.report_tables import (
    examples_table,
    frechet_table,
    metrics_table,
    paper_table,
    spread_table,
    tests_table,
    trouble,
)
from diffmst_jax.evaluation.store import REFERENCE, Store
from diffmst_jax.evaluation.summary import Summary

BASE64 = 4 / 3


def report_html(summary: Summary, stores: Sequence[Store], kind: str, config: ReportConfig) -> str:
    """Build the page.

    Args:
      summary: of all rows of the runs.
      stores: the runs; systems of several are told apart by the summary's names already.
      kind: of the protocol.
      config: how much audio it may hold.
    """
    rows = [row for store in stores for row in store.rows]
    template = resources.files(__package__).joinpath("report_template.html")
    parts = {
        "Results": paper_table(summary, kind),
        "Over the sections of one song and reference": spread_table(summary),
        "Every metric": metrics_table(summary),
        "Is the difference real?": tests_table(summary),
        "Distribution over the examples": distributions(rows),
        "What the loss consists of": terms_plot(summary),
        "Spectra against the reference": spectra(rows),
        "Number of tracks": by_tracks_plot(summary),
        "What the consoles were set to": controls_plot(rows),
        "Distance of sets": frechet_table(summary),
        "Failed and noted": trouble(summary),
    }
    sections = "".join(
        f"<section><h2>{escape(title)}</h2>{body}</section>"
        for title, body in parts.items()
        if body
    )
    about = "".join(
        f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in summary.about.items()
    )
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=escape(f"Evaluation: {summary.about['protocol']}"),
        about=about,
        sections=sections,
        examples=examples_table(rows),
        clips=json.dumps(embedded_clips(stores, config)).replace("</", "<\\/"),
    )


def embedded_clips(stores: Sequence[Store], config: ReportConfig) -> list[list[list[str]]]:
    """Clips of every example: pairs of a system's name and its audio as a URL.

    What would not fit is linked to in the run's folder instead.
    """
    budget = config.audio_mb * 1e6
    clips: list[list[list[str]]] = []
    for store in stores:
        systems = dict.fromkeys(row.system for row in store.rows)
        for number in range(len(store.examples)):
            entry = []
            for system in sorted(systems, key=lambda name: name == REFERENCE):
                path = store.clip(number, system)
                if not path.is_file():
                    continue
                size = BASE64 * path.stat().st_size
                if size <= budget:
                    budget -= size
                    audio = base64.b64encode(path.read_bytes()).decode("ascii")
                    url = f"data:audio/mpeg;base64,{audio}"
                else:
                    url = f"{path.parent.name}/{path.name}"
                entry.append([system, url])
            clips.append(entry)
    return clips

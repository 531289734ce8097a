"""The report of an evaluation: one self-contained HTML page of tables, plots and players.

It needs no network and no server. Tables sort by a click or the keyboard, every example's mixes
can be compared at one loudness, and the page follows light and dark, wide and narrow screens.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from urllib.parse import quote

from diffmst_jax.evaluation.clips import BASE64
from diffmst_jax.evaluation.report.more_tables import more_tables
from diffmst_jax.evaluation.report.page_tables import (
    examples_table,
    metrics_table,
    paper_table,
    section_table,
)
from diffmst_jax.evaluation.report.plots import (
    by_tracks_plot,
    controls_plot,
    distributions,
    spectra,
    terms_plot,
)
from diffmst_jax.evaluation.store import REFERENCE, Row
from diffmst_jax.evaluation.summary import Summary

Clips = dict[int, list[tuple[str, str]]]
"""By example: names of systems, and their audio as URLs."""


def report_html(summary: Summary, rows: Sequence[Row], clips: Clips, kind: str) -> str:
    """Build the page.

    Args:
      summary: of all rows.
      rows: of every example and system.
      clips: what can be listened to.
      kind: of the protocol.
    """
    template = resources.files(__package__).joinpath("template.html")
    more = more_tables(summary, kind)
    parts = {
        "Results": paper_table(summary, kind),
        more.spread.title: section_table(more.spread),
        "Every metric": metrics_table(summary),
        more.tests.title: section_table(more.tests, tall=True),
        "Distribution over the examples": distributions(summary, rows),
        "What the loss consists of": terms_plot(summary),
        "Spectra against the reference": spectra(rows),
        more.tracks.title: section_table(more.tracks) + by_tracks_plot(summary),
        "What the consoles were set to": controls_plot(rows),
        more.distances.title: section_table(more.distances),
        more.trouble.title: section_table(more.trouble),
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
        clips=json.dumps(clips).replace("</", "<\\/"),
    )


def embedded_clips(found: Mapping[int, Mapping[str, Path]], folder: Path, audio_mb: float) -> Clips:
    """Read excerpts into URLs, the reference of an example last.

    Args:
      found: files by example and system.
      folder: where the page will be; what does not fit into it is linked to from there.
      audio_mb: how much the page may hold.
    """
    budget = audio_mb * 1e6
    clips: Clips = {}
    for example, paths in found.items():
        for system in sorted(paths, key=lambda name: name == REFERENCE):
            path = paths[system]
            size = BASE64 * path.stat().st_size
            if size <= budget:
                budget -= size
                audio = base64.b64encode(path.read_bytes()).decode("ascii")
                url = f"data:audio/mpeg;base64,{audio}"
            else:
                url = quote(Path(os.path.relpath(path, folder)).as_posix())
            clips.setdefault(example, []).append((system, url))
    return clips

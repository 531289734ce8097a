"""The paper's tables in LaTeX, with our systems."""

from collections.abc import Sequence

from diffmst_jax.evaluation.report.more_tables import tracks_table
from diffmst_jax.evaluation.report.tables import (
    OTHER_CORPUS,
    Column,
    Line,
    cells_of,
    columns,
    lines,
    paper_lines,
    table_note,
)
from diffmst_jax.evaluation.summary import MADE_IN, Summary


def latex(summary: Summary, kind: str) -> str:
    """The paper's table for its own preamble plus booktabs: best bold, second best underlined.

    The protocol "tracks" has a second one, of the loss by the number of tracks.
    """
    ours = lines(summary, kind)
    heads = " & ".join(f"{_head(column)} $\\downarrow$" for column in columns(kind))
    body = [
        f"{_escape(line.system)} & {' & '.join(_marked(line, ours, kind))} \\\\" for line in ours
    ]
    theirs = [
        f"{_escape(line.system)} & {' & '.join(cells_of(line, kind))} \\\\"
        for line in paper_lines(kind)
    ]
    if theirs:
        span = len(columns(kind)) + 1
        theirs = [
            "\\midrule",
            f"\\multicolumn{{{span}}}{{l}}{{\\emph{{{_escape(OTHER_CORPUS)}}}}} \\\\",
            *theirs,
        ]
    about = ", ".join(f"{k}: {v}" for k, v in summary.about.items() if k != MADE_IN)
    caption = f"{table_note(summary, kind)} {about[:1].upper()}{about[1:]}.{_gaps(summary)}"
    parts = ["% needs \\usepackage{booktabs}"]
    parts += _table(f"Method & {heads}", len(columns(kind)), [*body, *theirs], caption)
    tracks = tracks_table(summary, kind)
    if tracks.rows:
        rows = [f"{' & '.join(_escape(cell.text) for cell in row)} \\\\" for row in tracks.rows]
        heads = " & ".join(map(_escape, tracks.heads))
        parts += _table(heads, len(tracks.heads) - 1, rows, tracks.note)
    return "\n".join([*parts, ""])


def _table(heads: str, numbers: int, body: Sequence[str], caption: str) -> list[str]:
    """A floating table of rows in LaTeX, `numbers` columns beside the first."""
    return [
        "\\begin{table}",
        "\\centering",
        f"\\begin{{tabular}}{{l{'r' * numbers}}}",
        "\\toprule",
        f"{heads} \\\\",
        "\\midrule",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
        f"\\caption{{{_escape(caption)}}}",
        "\\end{table}",
    ]


def _gaps(summary: Summary) -> str:
    """Say which means leave examples out."""
    counts = [
        f"{name} ({system.examples} of {system.examples + system.failed})"
        for name, system in summary.systems.items()
        if system.failed
    ]
    return f" Of fewer examples: {', '.join(counts)}." if counts else ""


def _marked(line: Line, all_lines: Sequence[Line], kind: str) -> list[str]:
    cells = cells_of(line, kind)
    for i, value in enumerate(line.values):
        known = sorted({v for v in (other.values[i] for other in all_lines) if v is not None})
        if value is None or len(known) < 2:
            continue
        if value == known[0]:
            cells[i] = f"\\textbf{{{cells[i]}}}"
        elif value == known[1]:
            cells[i] = f"\\underline{{{cells[i]}}}"
    return cells


def _head(column: Column) -> str:
    return column.label + (f" ($10^{{{column.exponent}}}$)" if column.exponent else "")


def _escape(text: str) -> str:
    special = {c: f"\\{c}" for c in "&%$#_{}"} | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    }
    return "".join(special.get(c, c) for c in text)

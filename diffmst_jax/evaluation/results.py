"""The files of an evaluation: metrics.csv, summary.json, summary.md, table.tex and report.html."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import NamedTuple

from diffmst_jax.data.corpora import folders
from diffmst_jax.data.corpora_config import Folders
from diffmst_jax.data.layouts.folders import REFERENCES_FOLDER, SONGS_FOLDER
from diffmst_jax.embeddings import encoder_model
from diffmst_jax.embeddings.encoder import EncoderEmbedding
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import EvaluationConfig, Levels, ReportConfig
from diffmst_jax.evaluation.frechet import FrechetDistance
from diffmst_jax.evaluation.manifest import Example
from diffmst_jax.evaluation.report.latex import latex
from diffmst_jax.evaluation.report.page import embedded_clips, report_html
from diffmst_jax.evaluation.report.tables import markdown
from diffmst_jax.evaluation.store import OK, REFERENCE, Row, Store
from diffmst_jax.evaluation.summary import MADE_IN, Summary, frechet_distances, summarize
from diffmst_jax.files import write_text, written_beside
from diffmst_jax.programs.environment import made_in

CSV_HEAD = ("example", "song", "reference", "tracks", "system", "metric", "value", "status")


def about(config: EvaluationConfig, examples: Sequence[Example]) -> dict[str, str]:
    """What was evaluated, term and text; of stored examples what they say themselves."""
    protocol, data = config.protocol, config.data
    made = f"synthetic, seed {data.synthetic.seed}"
    songs, references = _corpora(data.songs) or made, _corpora(data.references) or made
    if config.manifest is not None:
        songs = _corpora_of(example.folder for example in examples)
        references = _corpora_of(example.reference for example in examples)
    lengths = sorted({f"{example.duration_s:g}" for example in examples}, key=float)
    return {
        "protocol": _protocol(config),
        "examples": str(len(examples)),
        "section": f"{' to '.join(dict.fromkeys((lengths[0], lengths[-1])))} s",
        "mixes at": f"{protocol.mix_lufs:g} LUFS",
        "references at": f"{protocol.reference_lufs:g} LUFS",
        "songs": songs,
        "references": references,
        "seed": str(config.seed),
    }


def _protocol(config: EvaluationConfig) -> str:
    if config.manifest is None:
        return config.protocol.name
    return f"examples of {Path(config.manifest).resolve().parent.name}"


def _corpora(given: Folders) -> str:
    return ", ".join(Path(folder).name for folder in folders(given))


def _corpora_of(items: Iterable[str]) -> str:
    """Name the folders that songs or finished mixes lie in; the console makes a mix without one."""
    places = {Path(item).parent for item in items if item}
    roots = {p.parent if p.name in (SONGS_FOLDER, REFERENCES_FOLDER) else p for p in places}
    return ", ".join(sorted(root.name for root in roots)) or "made by the console"


class Found(NamedTuple):
    """What one run found, or several together.

    Attributes:
      rows: of every example and system.
      frechet: distances to the references, by system and embedding.
      clips: excerpts to listen to, by example and system.
    """

    rows: list[Row]
    frechet: dict[str, dict[str, FrechetDistance]]
    clips: dict[int, dict[str, Path]]


def write_results(store: Store, config: EvaluationConfig) -> Summary:
    """Write every result file of a run."""
    facts = about(config, store.examples) | {MADE_IN: made_in(store.folder) or "not known"}
    return _write_all(store.folder, found_by(store), facts, store.kind, config.report)


def found_by(store: Store) -> Found:
    """What a run found."""
    clips: dict[int, dict[str, Path]] = {}
    for row in store.rows:
        path = store.clip(row.example, row.system)
        if path.is_file():
            clips.setdefault(row.example, {})[row.system] = path
    return Found(store.rows, frechet_distances(store.embeddings()), clips)


def _write_all(
    folder: Path, found: Found, facts: dict[str, str], kind: str, report: ReportConfig
) -> Summary:
    summary = summarize(found.rows, found.frechet, facts)
    write_csv(folder / "metrics.csv", found.rows)
    write_text(folder / "summary.json", json.dumps(summary.as_json(), indent=1))
    write_text(folder / "summary.md", markdown(summary, kind))
    write_text(folder / "table.tex", latex(summary, kind))
    clips = embedded_clips(found.clips, folder, report.audio_mb)
    write_text(folder / "report.html", report_html(summary, found.rows, clips, kind))
    return summary


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


def compare_runs(runs: Sequence[Path], folder: Path, report: ReportConfig) -> tuple[Summary, str]:
    """Put several runs into one report: their systems side by side, named after their runs.

    Runs of the same examples are tested against each other pair by pair.

    Returns:
      The summary of all, and the protocol's kind; "several", of which the paper has no table.

    Raises:
      InputError: a folder without an evaluation, one given twice, or one that was judged at other
        levels.
    """
    _check_once(runs)
    stores = [Store.open(path) for path in runs]
    configs = [store.config for store in stores]
    _check_levels(runs, [config.protocol.levels for config in configs])
    names = run_names(runs)
    found = _with_named_encoders([found_by(store) for store in stores], configs)
    same = all(store.examples == stores[0].examples for store in stores)
    together = Found([], {}, {})
    shift = 0
    for name, store, own in zip(names, stores, found, strict=True):
        _add(together, own, name, shift)
        shift += 0 if same else len(store.examples)
    protocols = {_protocol(config) for config in configs}
    kinds = {store.kind for store in stores}
    kind = stores[0].kind if len(kinds) == 1 else "several"
    facts = {
        "protocol": " and ".join(sorted(protocols)),
        "runs": ", ".join(names),
        "examples": "the same in all" if same else "different ones",
        MADE_IN: _made_in_all(store.folder for store in stores),
    }
    return _write_all(folder, together, facts, kind, report), kind


def _made_in_all(folders: Iterable[Path]) -> str:
    """Name the environment of several runs if it is one."""
    found = {made_in(folder) for folder in folders}
    return found.pop() if len(found) == 1 and "" not in found else "different environments"


def _with_named_encoders(
    found: Sequence[Found], configs: Sequence[EvaluationConfig]
) -> list[Found]:
    """Call the embeddings of several models' encoders by the models: one is no scale for another.

    Args:
      found: by each run.
      configs: of each run.
    """
    models = [encoder_model(config.models) for config in configs]
    used = [EncoderEmbedding.name in config.embeddings for config in configs]
    if len({Path(model).resolve() for model in compress(models, used)}) < 2:
        return [*found]
    named = []
    for own, model in zip(found, models, strict=True):
        names = {EncoderEmbedding.name: f"{EncoderEmbedding.name} of {model}"}
        frechet = {
            system: {names.get(name, name): distance for name, distance in distances.items()}
            for system, distances in own.frechet.items()
        }
        named.append(own._replace(frechet=frechet))
    return named


def _check_once(runs: Sequence[Path]) -> None:
    """Refuse a run given twice, whose examples would count twice."""
    places = [path.resolve() for path in runs]
    for index, path in enumerate(runs):
        if places[index] in places[:index]:
            raise InputError(path, "is given twice to compare", "leave one out")


def _check_levels(runs: Sequence[Path], levels: Sequence[Levels]) -> None:
    """Refuse runs of several levels, for losses depend on them."""
    for path, own in zip(runs, levels, strict=True):
        if own != levels[0]:
            problem = f"has {own}, and {runs[0]} has {levels[0]}"
            remedy = f"leave one out, or evaluate it again with {levels[0].options}"
            raise InputError(path, problem, remedy)


def _add(together: Found, found: Found, run: str, shift: int) -> None:
    """Add what a run found: its systems under its name, its examples further on by `shift`."""

    def label(system: str) -> str:
        return system if system == REFERENCE else f"{run}: {system}"

    for row in found.rows:
        example, group = row.example + shift, row.group + shift
        moved = replace(row, system=label(row.system), example=example, group=group)
        together.rows.append(moved)
    for system, distances in found.frechet.items():
        together.frechet[label(system)] = distances
    for example, clips in found.clips.items():
        named = {label(system): path for system, path in clips.items()}
        together.clips.setdefault(example + shift, {}).update(named)


def run_names(runs: Sequence[Path]) -> list[str]:
    """What runs are called: by their folders, or by their paths where folders share a name."""
    counts = Counter(path.name for path in runs)
    return [path.name if counts[path.name] == 1 else path.as_posix() for path in runs]

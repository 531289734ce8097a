"""One evaluation from settings to scores."""

from collections.abc import Callable
from pathlib import Path

from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import EvaluationConfig
from diffmst_jax.evaluation.manifest import (
    Section,
    draw_sections,
    load_manifest,
    load_section,
    save_manifest,
)
from diffmst_jax.evaluation.metrics import judge
from diffmst_jax.evaluation.summary import OK, Score, write_results
from diffmst_jax.evaluation.systems import System, make_systems
from diffmst_jax.training.feed import prepare_corpus

Report = Callable[[str, int, int], None]


def evaluate(config: EvaluationConfig, folder: Path, report: Report) -> list[Score]:
    """Score every system on every example and write the results into `folder`.

    An example that cannot be read, or that a system cannot mix, is recorded as failed.

    Raises:
      InputError: no data, no model, or nothing could be evaluated at all.
    """
    systems = make_systems(config)
    sections = find_sections(config, report)
    save_manifest(folder / "manifest.json", sections)
    scores: list[Score] = []
    for number, section in enumerate(sections):
        scores += score_section(number, section, systems, config)
        report("evaluating", number + 1, len(sections))
    if all(score.status != OK for score in scores):
        raise InputError(folder, f"nothing could be evaluated ({scores[0].status})", "correct it")
    about: dict[str, object] = {
        "protocol": config.protocol.name,
        "examples": len(sections),
        "section": f"{config.protocol.duration_s:g} s",
        "mix": f"{config.protocol.mix_lufs:g} LUFS",
        "reference": f"{config.protocol.reference_lufs:g} LUFS",
        "seed": config.seed,
    }
    write_results(folder, scores, about)
    return scores


def find_sections(config: EvaluationConfig, report: Report) -> list[Section]:
    """Return the stored examples, or draw them."""
    if config.manifest is not None:
        return load_manifest(Path(config.manifest))
    data = config.data
    made = data.songs is None or data.references is None
    corpus = prepare_corpus(data.synthetic, report) if made else Path()
    songs = FolderSource(data.songs or corpus)
    references = ReferenceSource(data.references or corpus)
    return draw_sections(songs, references, config.protocol, config.seed)


def score_section(
    number: int, section: Section, systems: dict[str, System], config: EvaluationConfig
) -> list[Score]:
    """Score every system on one example."""
    names = (Path(section.song).name, Path(section.reference).stem)
    try:
        multitrack, reference = load_section(section)
    except InputError as error:
        return [Score(number, *names, system, str(error), {}) for system in systems]
    scores = []
    for name, system in systems.items():
        try:
            mix = system(multitrack, reference)
        except (InputError, ValueError) as error:
            scores.append(Score(number, *names, name, " ".join(str(error).split()), {}))
            continue
        values = judge(
            mix,
            reference,
            mix_lufs=config.protocol.mix_lufs,
            reference_lufs=config.protocol.reference_lufs,
        )
        scores.append(Score(number, *names, name, OK, values))
    return scores

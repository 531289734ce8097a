"""From rows to what they say: means with intervals, tests, groups, Frechet distances."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from diffmst_jax.evaluation.frechet import FrechetDistance, frechet_distance
from diffmst_jax.evaluation.metrics import (
    CATALOGUE,
    LEAST_AUDIBILITY,
    MEAN_AUDIBILITY,
    PAPER,
    TOTAL,
)
from diffmst_jax.evaluation.statistics import PairedTest, confidence_interval, paired_tests
from diffmst_jax.evaluation.store import OK, REFERENCE, Row

TESTED = (*PAPER, MEAN_AUDIBILITY, LEAST_AUDIBILITY, "mrstft", "controls_rmse")
"""Metrics on which systems are tested against each other."""


@dataclass(frozen=True)
class Statistic:
    """One metric of one system over the examples.

    Attributes:
      mean: over the examples.
      low: lower end of the 95 % bootstrap interval of the mean.
      high: upper end.
      median: middle example.
      deviation: standard deviation.
      best: largest value where higher is better, else the smallest.
      worst: the other end.
      examples: how many have the metric.
    """

    mean: float
    low: float
    high: float
    median: float
    deviation: float
    best: float
    worst: float
    examples: int


@dataclass(frozen=True)
class Spread:
    """The audio-feature loss of one system over all sections of one song and reference, on average.

    Attributes:
      groups: how many songs with references there are.
      best: mean of each group's smallest value.
      worst: mean of each group's largest value.
      deviation: mean of each group's standard deviation.
    """

    groups: int
    best: float
    worst: float
    deviation: float


@dataclass(frozen=True)
class SystemSummary:
    """What one system got.

    Attributes:
      examples: how many it mixed.
      failed: how many it could not.
      reasons: why, each with how often.
      notes: what should be known, each with how often.
      metrics: by name.
      by_tracks: mean audio-feature loss by number of tracks.
      spread: over the sections of a group; None where groups have one example.
      frechet: Frechet distances to the references, by embedding.
    """

    examples: int
    failed: int
    reasons: dict[str, int]
    notes: dict[str, int]
    metrics: dict[str, Statistic]
    by_tracks: dict[int, Statistic]
    spread: Spread | None
    frechet: dict[str, FrechetDistance]


MADE_IN = "made in"
"""The term of what an evaluation is about that names the program and what it computed with."""


@dataclass(frozen=True)
class Summary:
    """What an evaluation found.

    Attributes:
      about: what was evaluated, term and text.
      systems: in order.
      tests: of every pair of systems, by metric.
    """

    about: dict[str, str]
    systems: dict[str, SystemSummary]
    tests: dict[str, list[PairedTest]]

    def as_json(self) -> dict[str, object]:
        """Plain values for summary.json; NaN, which JSON lacks, becomes None."""
        plain = {
            "about": self.about,
            "systems": {name: _system_json(s) for name, s in self.systems.items()},
            "tests": {name: [t._asdict() for t in tests] for name, tests in self.tests.items()},
        }
        finite = _finite(plain)
        assert isinstance(finite, dict)
        return finite


def summarize(
    rows: Sequence[Row],
    frechet: Mapping[str, dict[str, FrechetDistance]],
    about: dict[str, str],
) -> Summary:
    """Work out everything that is said about systems.

    Args:
      rows: of all systems and examples.
      frechet: by system and embedding.
      about: what was evaluated.
    """
    names = [n for n in dict.fromkeys(row.system for row in rows) if n != REFERENCE]
    by_system = {name: [row for row in rows if row.system == name] for name in names}
    systems = {name: _system(by_system[name], frechet.get(name, {})) for name in names}
    groups = {row.example: row.group for row in rows}
    tests = {}
    for metric in TESTED:
        values = {
            name: {r.example: r.values[metric] for r in by_system[name] if metric in r.values}
            for name in names
        }
        values = {name: found for name, found in values.items() if found}
        if len(values) > 1:
            tests[metric] = paired_tests(values, groups, higher_is_better=_higher_is_better(metric))
    return Summary(about, systems, tests)


def _statistic(rows: Sequence[Row], metric: str) -> Statistic:
    """Summarise one metric of a system's rows that have it."""
    values = [row.values[metric] for row in rows]
    low, high = confidence_interval(values, [row.group for row in rows])
    best, worst = float(np.min(values)), float(np.max(values))
    if _higher_is_better(metric):
        best, worst = worst, best
    return Statistic(
        mean=float(np.mean(values)),
        low=low,
        high=high,
        median=float(np.median(values)),
        deviation=float(np.std(values)),
        best=best,
        worst=worst,
        examples=len(values),
    )


def _higher_is_better(metric: str) -> bool:
    return CATALOGUE[metric].better == "higher"


def _system(rows: Sequence[Row], frechet: dict[str, FrechetDistance]) -> SystemSummary:
    good = [row for row in rows if row.status == OK]
    metrics = {}
    for name in dict.fromkeys(n for n in CATALOGUE if any(n in row.values for row in good)):
        metrics[name] = _statistic([row for row in good if name in row.values], name)
    counts = sorted({row.tracks for row in good})
    by_tracks = {
        count: _statistic([row for row in good if row.tracks == count], TOTAL) for count in counts
    }
    return SystemSummary(
        examples=len(good),
        failed=len(rows) - len(good),
        reasons=_counted(row.status for row in rows if row.status != OK),
        notes=_counted(row.note for row in good if row.note),
        metrics=metrics,
        by_tracks=by_tracks,
        spread=_spread(good),
        frechet=frechet,
    )


def _spread(rows: Sequence[Row]) -> Spread | None:
    groups: dict[int, list[float]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row.values[TOTAL])
    several = [values for values in groups.values() if len(values) > 1]
    if not several:
        return None
    best, worst, deviation = (
        float(np.mean([reduce(values) for values in several]))
        for reduce in (np.min, np.max, np.std)
    )
    return Spread(len(several), best, worst, deviation)


def frechet_distances(
    embeddings: Mapping[str, np.ndarray],
) -> dict[str, dict[str, FrechetDistance]]:
    """Return the distances of systems to the references, by system and embedding.

    Args:
      embeddings: of mixes and references, by "<embedding>/<system>".
    """
    found: dict[str, dict[str, FrechetDistance]] = {}
    for key, samples in embeddings.items():
        embedding, system = key.split("/", 1)
        reference = embeddings.get(f"{embedding}/{REFERENCE}")
        if system == REFERENCE or reference is None or min(len(samples), len(reference)) < 2:
            continue
        found.setdefault(system, {})[embedding] = frechet_distance(samples, reference)
    return found


def _counted(texts: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    return counts


def _system_json(system: SystemSummary) -> dict[str, object]:
    plain = asdict(system)
    plain["frechet"] = {name: {**f._asdict(), "bias": f.bias} for name, f in system.frechet.items()}
    return plain


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value

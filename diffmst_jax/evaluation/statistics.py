"""How sure one can be: bootstrap intervals, paired tests, and the price of many tests."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95
FEWEST_PAIRS = 6
"""With fewer, no outcome of a two-sided signed-rank test is below 0.05."""


class PairedTest(NamedTuple):
    """One system against another on the examples that both mixed.

    Attributes:
      first: a system.
      second: another.
      pairs: examples that both have; those of one group are one, by their mean.
      difference: median over the pairs of first minus second.
      wins: share of the pairs where first has the better value.
      p_value: of the two-sided Wilcoxon signed-rank test; NaN with too few pairs.
      p_holm: corrected for all the tests made together.
    """

    first: str
    second: str
    pairs: int
    difference: float
    wins: float
    p_value: float
    p_holm: float


def confidence_interval(
    values: Sequence[float] | np.ndarray, groups: Sequence[int] | None = None
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean, the same for the same values.

    Args:
      values: one of each example.
      groups: of each example; whole groups are drawn, for what is in one is alike. None where each
        example is on its own.

    Returns:
      Its lower and upper end; NaN of a single group, which says nothing of how others would be.
    """
    data = np.asarray(values, np.float64)
    _, place = np.unique(np.arange(len(data)) if groups is None else groups, return_inverse=True)
    sums, counts = np.bincount(place, data), np.bincount(place)
    if len(sums) < 2:
        return np.nan, np.nan
    drawn = np.random.default_rng(len(sums)).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = (1.0 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def paired_tests(
    values: Mapping[str, Mapping[int, float]],
    groups: Mapping[int, int] | None = None,
    *,
    higher_is_better: bool = False,
) -> list[PairedTest]:
    """Test every pair of systems on the examples that both have.

    Args:
      values: by system, by example.
      groups: by example; those of one are no evidence of their own and count as one, by their
        mean. None where each example is on its own.
      higher_is_better: which values win.

    Returns:
      A test per pair, in the order of the systems, p-values corrected after Holm (1979).
    """
    sign = 1.0 if higher_is_better else -1.0
    raw = [_paired((a, b), values[a], values[b], groups, sign) for a, b in combinations(values, 2)]
    corrected = holm([test.p_value for test in raw])
    return [test._replace(p_holm=p) for test, p in zip(raw, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, step down; NaN is no test and stays NaN."""
    values = np.asarray(p_values, np.float64)
    result = np.full(len(values), np.nan)
    order = [i for i in np.argsort(values) if np.isfinite(values[i])]
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * values[index]))
        result[index] = highest
    return [float(p) for p in result]


def _paired(
    names: tuple[str, str],
    a: Mapping[int, float],
    b: Mapping[int, float],
    groups: Mapping[int, int] | None,
    winning: float,
) -> PairedTest:
    together: dict[int, list[float]] = {}
    for i in sorted(set(a) & set(b)):
        together.setdefault(i if groups is None else groups[i], []).append(a[i] - b[i])
    apart = np.array([np.mean(differences) for differences in together.values()])
    if not len(apart):
        return PairedTest(*names, 0, np.nan, np.nan, np.nan, np.nan)
    p_value = np.nan
    if len(apart) >= FEWEST_PAIRS:
        p_value = _signed_rank(apart) if np.any(apart) else 1.0
    wins = float(np.mean(winning * apart > 0))
    return PairedTest(*names, len(apart), float(np.median(apart)), wins, p_value, np.nan)


def _signed_rank(apart: np.ndarray) -> float:
    from scipy.stats import wilcoxon  # noqa: PLC0415 - a third of the time that a start took

    return float(wilcoxon(apart, zero_method="pratt").pvalue)

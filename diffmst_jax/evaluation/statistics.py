"""How sure one can be: bootstrap intervals, paired tests, and the price of many tests."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.stats import wilcoxon

RESAMPLES = 2000
CONFIDENCE = 0.95
FEWEST_PAIRS = 6
"""With fewer, no outcome of a two-sided signed-rank test is below 0.05."""


class PairedTest(NamedTuple):
    """One system against another on the examples that both mixed.

    Attributes:
      first: a system.
      second: another.
      pairs: examples that both have.
      difference: median of first minus second.
      wins: share of the examples where first has the better value.
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


def confidence_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean, the same for the same values."""
    data = np.asarray(values, np.float64)
    rng = np.random.default_rng(len(data))
    means = data[rng.integers(len(data), size=(RESAMPLES, len(data)))].mean(axis=1)
    tail = (1.0 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def paired_tests(
    values: Mapping[str, Mapping[int, float]], *, higher_is_better: bool = False
) -> list[PairedTest]:
    """Test every pair of systems on the examples that both have.

    Args:
      values: by system, by example.
      higher_is_better: which values win.

    Returns:
      A test per pair, in the order of the systems, p-values corrected after Holm (1979).
    """
    sign = 1.0 if higher_is_better else -1.0
    raw = [_paired(a, b, values[a], values[b], sign) for a, b in combinations(values, 2)]
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
    first: str, second: str, a: Mapping[int, float], b: Mapping[int, float], winning: float
) -> PairedTest:
    common = sorted(set(a) & set(b))
    apart = np.array([a[i] - b[i] for i in common])
    if not common:
        return PairedTest(first, second, 0, np.nan, np.nan, np.nan, np.nan)
    p_value = np.nan
    if len(common) >= FEWEST_PAIRS:
        p_value = float(wilcoxon(apart, zero_method="pratt").pvalue) if np.any(apart) else 1.0
    wins = float(np.mean(winning * apart > 0))
    return PairedTest(first, second, len(common), float(np.median(apart)), wins, p_value, np.nan)

"""Frechet distance between two sets of embeddings, and what its bias from few samples is.

The distance between the normal distributions fitted to both sets (Dowson and Landau 1982; for audio
Kilgour et al. 2019):

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

It is biased upwards by about c / N when estimated from N samples. `extrapolated` fits that line
over subsets of the samples and reads it at 1/N = 0 (Chong and Forsyth 2020; for audio Gui et al.
2024).
"""

from typing import NamedTuple

import numpy as np

FEWEST_SAMPLES = 8
POINTS = 8
REPEATS = 4
SMALLEST_SHARE = 0.3


class FrechetDistance(NamedTuple):
    """A distance and how far it can be trusted.

    Attributes:
      distance: from all samples.
      extrapolated: for infinitely many samples; NaN with too few to say.
      samples: embeddings of the evaluated set.
      reference_samples: embeddings of the reference set.
    """

    distance: float
    extrapolated: float
    samples: int
    reference_samples: int

    @property
    def bias(self) -> float:
        """How much of the distance comes from the small number of samples."""
        return self.distance - self.extrapolated


def frechet_distance(samples: np.ndarray, reference: np.ndarray) -> FrechetDistance:
    """Compare two sets of embeddings.

    Args:
      samples: (samples, dimensions), two or more.
      reference: (reference samples, dimensions), two or more.

    Raises:
      ValueError: fewer than two rows, or other dimensions.
    """
    if samples.ndim != 2 or reference.ndim != 2 or samples.shape[1] != reference.shape[1]:
        raise ValueError(f"embeddings differ in shape: {samples.shape}, {reference.shape}")
    if min(len(samples), len(reference)) < 2:
        raise ValueError("a Frechet distance needs two embeddings or more on each side")
    whole = gaussian_distance(samples, reference)
    limit = _extrapolate(samples, reference)
    return FrechetDistance(whole, limit, len(samples), len(reference))


def gaussian_distance(samples: np.ndarray, reference: np.ndarray) -> float:
    """Frechet distance between normal distributions fitted to two sets, at least 0."""
    (first, factor), (second, other) = (_normal(x) for x in (samples, reference))
    # S1 S2 has the eigenvalues of F F', F = factor other', so its root's trace is the sum of F's
    # singular values: no root is taken, and F is small where there are few samples.
    overlap = np.linalg.norm(factor @ other.T, "nuc")
    spread = np.sum(np.square(factor)) + np.sum(np.square(other)) - 2 * overlap
    return max(float(np.sum((first - second) ** 2) + spread), 0.0)


def _extrapolate(samples: np.ndarray, reference: np.ndarray) -> float:
    """Read the line of distance over 1/N at 0, both sets thinned alike."""
    if min(len(samples), len(reference)) < FEWEST_SAMPLES:
        return float("nan")
    rng = np.random.default_rng(0)
    shares = np.linspace(SMALLEST_SHARE, 1.0, POINTS)
    inverse, distances = [], []
    for share in shares:
        for _ in range(REPEATS):
            thin = [x[_choose(rng, len(x), share)] for x in (samples, reference)]
            inverse.append(1.0 / len(thin[0]))
            distances.append(gaussian_distance(*thin))
    _, intercept = np.polyfit(inverse, distances, 1)
    return float(intercept)


def _choose(rng: np.random.Generator, count: int, share: float) -> np.ndarray:
    return rng.choice(count, size=max(2, round(share * count)), replace=False)


def _normal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of rows, and a factor of their covariance, which is `factor.T @ factor`."""
    mean = np.asarray(np.mean(x, axis=0, dtype=np.float64))
    factor = (x - mean) / np.sqrt(len(x) - 1)
    if len(x) > x.shape[1]:  # of as many rows as there are dimensions, no more
        factor = np.asarray(np.linalg.qr(factor, mode="r"))
    return mean, factor

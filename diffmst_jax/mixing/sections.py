"""Which passages of a song say most about it: found by energy, before any model looks at them."""

from typing import NamedTuple

import numpy as np

from diffmst_jax.mixing.measure import weighted_step_powers
from dsp.loudness import HOP_S

SECTION_S = 10.0
"""Length of a passage that a model is given, in seconds."""

MOST_SECTIONS = 3
CANDIDATE_STEP_S = 1.0

NEWS_WORTH_A_SECTION = 0.05
"""A further passage must show this share of the tracks that the earlier ones did not."""

QUIET_POWER_RATIO = 0.05
"""A reference passage 13 dB below its loudest is an intro or a break, not its style."""


class Sections(NamedTuple):
    """Passages of one length.

    Attributes:
        starts: first sample of each, `(sections,)`.
        length: samples in each.
        activity: mean power of each track in each passage over the most that it has in any
            passage of the song, `(sections, tracks)` in [0, 1].
    """

    starts: np.ndarray
    length: int
    activity: np.ndarray


def song_sections(tracks: np.ndarray, *, sample_rate: int) -> Sections:
    """Choose passages in which, taken together, every track is heard at its fullest.

    The first is where most tracks play, each further one where most of what was not yet heard
    plays; a song shorter than `SECTION_S` is one passage.

    Args:
        tracks: `(tracks, time)`.
        sample_rate: samples per second.
    """
    powers = np.stack(
        [weighted_step_powers(track[np.newaxis], sample_rate=sample_rate) for track in tracks]
    )
    candidates, activity, length = _candidates(powers, tracks.shape[1], sample_rate)
    chosen: list[int] = []
    heard = np.zeros(len(tracks))
    while len(chosen) < MOST_SECTIONS:
        news = np.sum(np.maximum(activity - heard, 0.0), axis=1)
        best = int(np.argmax(news))
        if chosen and news[best] < NEWS_WORTH_A_SECTION * len(tracks):
            break
        chosen.append(best)
        heard = np.maximum(heard, activity[best])
    return Sections(candidates[chosen], length, activity[chosen])


def reference_sections(reference: np.ndarray, *, sample_rate: int) -> Sections:
    """Choose the loudest passages of a finished song that lie apart, quiet ones left out.

    Passages may overlap by half at most. A silent reference gives none.

    Args:
        reference: `(2, time)`.
        sample_rate: samples per second.
    """
    powers = weighted_step_powers(reference, sample_rate=sample_rate)[np.newaxis]
    candidates, activity, length = _candidates(powers, reference.shape[1], sample_rate)
    chosen: list[int] = []
    for index in np.argsort(-activity[:, 0], kind="stable"):
        apart = all(abs(candidates[index] - candidates[c]) >= length // 2 for c in chosen)
        if apart and activity[index, 0] > QUIET_POWER_RATIO:
            chosen.append(int(index))
    chosen = sorted(chosen[:MOST_SECTIONS])
    return Sections(candidates[chosen], length, activity[chosen])


def _candidates(
    powers: np.ndarray, samples: int, sample_rate: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Start of every candidate, relative power `(candidates, tracks)`, and their length."""
    length = min(samples, round(SECTION_S * sample_rate))
    steps = min(powers.shape[1], round(SECTION_S / HOP_S))
    every = round(CANDIDATE_STEP_S / HOP_S)
    first = np.arange(0, powers.shape[1] - steps + 1, every)
    sums = np.concatenate([np.zeros((len(powers), 1)), np.cumsum(powers, axis=1)], axis=1)
    means = (sums[:, first + steps] - sums[:, first]) / steps
    most = np.max(means, axis=1, keepdims=True)
    activity = np.divide(means, most, out=np.zeros_like(means), where=most > 0)
    starts = np.minimum(first * round(HOP_S * sample_rate), samples - length)
    return starts, activity.T, length

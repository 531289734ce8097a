"""What a mix is compared with: the tracks as they are, and the tracks equally loud."""

import math

import numpy as np

from diffmst_jax.mixing.measure import factor
from diffmst_jax.mixing.tracks import Multitrack

CENTRE_GAIN = math.cos(math.pi / 4)
"""Gain of a centred mono track in each channel under the constant-power pan law."""


def plain_sum(multitrack: Multitrack) -> np.ndarray:
    """Sum the tracks as recorded, mono ones in the centre, stereo ones as they are.

    Returns:
        float32 `(2, time)`.
    """
    return _sum(multitrack, np.ones(len(multitrack.strips)))


def equal_loudness_mix(multitrack: Multitrack) -> np.ndarray:
    """Sum the tracks, each brought to the mean loudness of all of them.

    Returns:
        float32 `(2, time)`.
    """
    loudness = multitrack.loudness_lufs
    gains = [factor(float(np.mean(loudness) - own)) for own in loudness]
    return _sum(multitrack, np.array(gains))


def _sum(multitrack: Multitrack, strip_gains: np.ndarray) -> np.ndarray:
    side = multitrack.side_of_track
    left = np.where(side == 0, CENTRE_GAIN, side < 0)
    right = np.where(side == 0, CENTRE_GAIN, side > 0)
    gains = strip_gains[multitrack.strip_of_track]
    weights = np.stack([left * gains, right * gains]).astype(np.float32)
    return weights @ multitrack.audio

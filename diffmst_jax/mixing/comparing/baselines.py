"""What a mix is compared with: the tracks as they are, and the tracks equally loud."""

import math

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.signals.measure import factor, integrated_loudness
from diffmst_jax.mixing.sources.tracks import Multitrack

CENTRE_GAIN = math.cos(math.pi / 4)
"""Gain of a centred mono track in each channel under the constant-power pan law."""

PIECE = 1 << 18


def plain_sum(multitrack: Multitrack) -> np.ndarray:
    """Sum the tracks as recorded, mono ones in the centre, stereo ones as they are.

    Returns:
        float32 `(2, time)`.
    """
    return _weighted(plain_weights(multitrack), multitrack.audio)


def equal_loudness_mix(multitrack: Multitrack) -> np.ndarray:
    """Sum the tracks, each brought to the mean loudness of all of them.

    Returns:
        float32 `(2, time)`.
    """
    return _weighted(equal_loudness_weights(multitrack), multitrack.audio)


def plain_weights(multitrack: Multitrack) -> np.ndarray:
    """Gain of each console track in left and right of `plain_sum`, float32 `(2, tracks)`."""
    return _weights(multitrack, np.ones(len(multitrack.strips)))


def equal_loudness_weights(multitrack: Multitrack) -> np.ndarray:
    """Gain of each console track in left and right of `equal_loudness_mix`."""
    loudness = multitrack.loudness_lufs
    gains = [factor(float(np.mean(loudness) - own)) for own in loudness]
    return _weights(multitrack, np.array(gains))


def mono_equal_loudness_weights(multitrack: Multitrack) -> np.ndarray:
    """Gains that average all channels of all tracks at one loudness, the same left and right.

    The paper's lowest anchor: every channel is a track of its own and nothing is panned. Its side
    signal is silent, which the Bark term of the audio-feature loss punishes with about 33.
    """
    channels = [t[None] for t in multitrack.audio]
    loudness = np.array([integrated_loudness(c, sample_rate=SAMPLE_RATE) for c in channels])
    heard = np.isfinite(loudness)
    level = float(np.mean(loudness[heard]))
    gains = np.array([factor(level - own) if np.isfinite(own) else 0.0 for own in loudness])
    return np.tile((gains / heard.sum()).astype(np.float32), (2, 1))


def _weighted(weights: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """`weights @ audio`, piece by piece."""
    mix = np.empty((2, audio.shape[1]), np.float32)
    for start in range(0, audio.shape[1], PIECE):
        piece = slice(start, start + PIECE)
        np.matmul(weights, audio[:, piece], out=mix[:, piece])
    return mix


def _weights(multitrack: Multitrack, strip_gains: np.ndarray) -> np.ndarray:
    side = multitrack.side_of_track
    left = np.where(side == 0, CENTRE_GAIN, side < 0)
    right = np.where(side == 0, CENTRE_GAIN, side > 0)
    gains = strip_gains[multitrack.strip_of_track]
    return np.stack([left * gains, right * gains]).astype(np.float32)

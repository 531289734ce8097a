"""Where a song sounds: silence before and after it is no part of its style.

A minute of silence before a song, or behind it up to the end of a session, makes its RMS level and
its spectrum lower and its crest factor higher, while its loudness, which is gated, stays.
"""

from dataclasses import replace

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.signals.measure import factor
from diffmst_jax.mixing.sources.tracks import Multitrack
from dsp.loudness import HOP_S

STEP = round(HOP_S * SAMPLE_RATE)

LONG_S = 1.0
"""Silence shorter than this at an end is left: songs begin with a breath and end with a tail."""

SILENT_DB = -60.0
"""Below a channel's own peak."""

SHORTEST_S = 1.0
"""What sounds for less than this is left whole: there is too little of it to measure."""


def sounding(audio: np.ndarray) -> slice:
    """The time from the first sound to the last of `(channels, time)`, in steps of `HOP_S`."""
    time = audio.shape[1]
    heard = np.flatnonzero(np.any([_sounds(channel) for channel in audio], axis=0))
    if len(heard) == 0:
        return slice(0, time)
    start, stop = STEP * int(heard[0]), min(STEP * (int(heard[-1]) + 1), time)
    start = start if start >= LONG_S * SAMPLE_RATE else 0
    stop = stop if time - stop >= LONG_S * SAMPLE_RATE else time
    return slice(start, stop) if stop - start >= SHORTEST_S * SAMPLE_RATE else slice(0, time)


def sounding_part(multitrack: Multitrack) -> Multitrack:
    """The song from the first sound of any track to the last, as a view of its audio."""
    return replace(multitrack, audio=multitrack.audio[:, sounding(multitrack.audio)])


def _sounds(channel: np.ndarray) -> np.ndarray:
    """Whether each step of `(time,)` rises above silence, the last one as far as it goes."""
    starts = np.arange(0, len(channel), STEP)
    peaks = np.maximum(np.maximum.reduceat(channel, starts), -np.minimum.reduceat(channel, starts))
    return peaks > factor(SILENT_DB) * np.max(peaks)

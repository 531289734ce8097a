"""The style of a whole song, of any length: what a mix is aimed at, and what is compared."""

from functools import partial

import jax
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import StyleFeatures, joined_features, no_narrower, style_features
from diffmst_jax.mixing.signals.measure import factor, integrated_loudness
from diffmst_jax.mixing.sources.sounding import sounding

MATCHED_LUFS = -16.0
"""Loudness at which mixes are compared, the one that references have in training."""

PIECE_S = 60.0
"""Style is measured in pieces of this length, which bounds the memory it takes."""


def song_style(audio: np.ndarray) -> StyleFeatures:
    """Style features of `(2, time)`, not silent, where it is `sounding`, at `MATCHED_LUFS`.

    See `no_narrower`.
    """
    gain_db = MATCHED_LUFS - integrated_loudness(audio, sample_rate=SAMPLE_RATE)
    return style_as_it_is(audio[:, sounding(audio)] * np.float32(factor(gain_db)))


def style_as_it_is(audio: np.ndarray) -> StyleFeatures:
    """Style features of all of `(2, time)`, as loud as it is."""
    piece = round(PIECE_S * SAMPLE_RATE)
    pieces = [audio[:, start : start + piece] for start in range(0, audio.shape[1], piece)]
    each = [jax.tree.map(np.asarray, _style_features(part)) for part in pieces]
    whole = each[0] if len(each) == 1 else joined_features(each, [p.shape[1] for p in pieces])
    return no_narrower(whole)


_style_features = jax.jit(partial(style_features, sample_rate=SAMPLE_RATE))

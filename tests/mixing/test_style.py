"""The style of a song, however long it is."""

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import style_distance
from diffmst_jax.mixing.sources import style


def test_the_style_of_a_long_song_is_that_of_all_of_it(monkeypatch):
    """In pieces as at once, loud and quiet parts alike; their joints alone make a difference."""
    rng = np.random.default_rng(0)
    level = np.repeat([0.3, 0.02, 0.1], 2 * SAMPLE_RATE)
    song = (level * rng.standard_normal((2, level.size))).astype(np.float32)
    song[1, : 2 * SAMPLE_RATE] = song[0, : 2 * SAMPLE_RATE]  # mono where it is loud
    whole = style.song_style(song)
    monkeypatch.setattr(style, "PIECE_S", 2.5)
    assert style_distance(style.song_style(song), whole).total < 2e-3
    assert style_distance(style.song_style(song[:, : 2 * SAMPLE_RATE]), whole).total > 0.1

"""How well each track is heard, for the report."""

from dataclasses import replace

import numpy as np

from diffmst_jax.mixing.heard import BURIED, estimated_audibility
from diffmst_jax.mixing.render import render


def test_a_track_that_is_turned_off_is_not_heard_and_a_muted_one_is_not_missed(mixed, multitrack):
    settings = mixed.console
    powers = render(settings, multitrack).strip_powers
    before = estimated_audibility(settings, multitrack, powers)
    powers[1] *= 1e-9
    heard = estimated_audibility(settings, multitrack, powers)
    assert heard[1] < BURIED < before[1]
    muted = np.arange(len(powers)) == 1
    powers[1] = 0.0
    assert estimated_audibility(replace(settings, muted=muted), multitrack, powers)[1] == 1.0

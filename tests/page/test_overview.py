"""What the page draws of a signal."""

from collections import deque
from itertools import pairwise

import numpy as np
import pytest

from diffmst_jax.page.overview import OUTLINE_POINTS, Drawing


@pytest.mark.parametrize("length", [1, 700, OUTLINE_POINTS, 901, 12_345])
@pytest.mark.parametrize("piece", [1, 64, 20_000])
def test_a_signal_is_drawn_piece_by_piece_as_at_once(length, piece):
    audio = np.random.default_rng(length).uniform(-1, 1, (2, length)).astype(np.float32)
    drawing = Drawing(length)
    pieces = (audio[:, start : start + piece] for start in range(0, length, piece))
    deque(drawing.drawn(pieces), maxlen=0)
    edges = [length * i // min(length, OUTLINE_POINTS) for i in range(OUTLINE_POINTS + 1)]
    stretches = [audio[:, a:b] for a, b in pairwise(edges) if b <= length]
    assert drawing.outline() == [round(1000 * float(np.max(np.abs(x)))) for x in stretches]
    assert drawing.peak() == np.max(np.abs(audio))

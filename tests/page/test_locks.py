"""Locked tracks, as refinement sees them."""

import copy
import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.console.file import console_document
from diffmst_jax.mixing.decide import Decided
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.page import locks
from tests.mixing.songs import bursts


@pytest.fixture
def tracks():
    strips = Strip("kick.wav", (1,)), Strip("vox.wav", (1,))
    return Multitrack(strips, np.concatenate([bursts(1.0, 2.0, 1)] * 2), np.zeros(2), ())


@pytest.fixture
def document(tracks):
    return console_document(neutral_settings(tracks, target=OutputTarget()))


def test_a_locked_track_stays_where_it_was_beside_the_others_however_often_it_is_mixed(document):
    new, old = (copy.deepcopy(document) for _ in range(2))
    for console, gains in ((new, (6.0, 4.0)), (old, (-20.0, -3.0))):
        for track, gain in zip(console["tracks"], gains, strict=True):
            track["input_gain_db"] = gain
    for _ in range(3):
        old = locks.keep_locked(new, old, [["kick.wav", [1]]])
        levels = [track["input_gain_db"] for track in old["tracks"]]
        assert levels == [-13.0, 4.0]


def test_refinement_leaves_what_is_locked_to_the_last_digit_and_may_move_the_rest(
    monkeypatch, tracks, document
):
    document["tracks"][0] |= {"pan": 0.1234, "input_gain_db": -3.2101}
    seen: dict[str, Any] = {}

    def moved(start, multitrack, references, steps, tell, *, free):
        del multitrack, references, tell
        seen.update(free=free, steps=steps)
        tracks = start.params.tracks._replace(pan=np.array([0.9, 0.9]))
        params = start.params._replace(tracks=tracks)
        return Decided(dataclasses.replace(start, params=params), None)

    monkeypatch.setattr(locks, "refined", moved)
    decided = locks.refine_around(document, [["kick.wav", [1]]], tracks, [], 7, print)
    after = console_document(decided.settings)
    assert after["tracks"] == [document["tracks"][0], {**document["tracks"][1], "pan": 0.9}]
    assert seen["steps"] == 7
    for leaf in jax.tree.leaves(seen["free"].tracks):
        assert not np.any(leaf[0])
        assert np.all(leaf[1])
    assert all(np.all(leaf) for leaf in jax.tree.leaves(seen["free"].master_bus))


def test_refinement_leaves_what_is_kept_in_the_middle_where_it_stands(
    monkeypatch, tracks, document
):
    seen = []

    def unmoved(start, *about, free):
        del about
        seen.append(free)
        return Decided(start, None)

    monkeypatch.setattr(locks, "refined", unmoved)
    document["made_with"]["centred"] = ["vox.wav"]
    locks.refine_around(document, [], tracks, [], 7, print)
    np.testing.assert_array_equal(seen[0].tracks.pan, [True, False])
    assert np.all(seen[0].tracks.input_gain_db)

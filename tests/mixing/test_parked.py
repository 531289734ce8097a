"""Long songs lie in a file; they read as those in memory do."""

import os

import numpy as np
import pytest

from diffmst_jax.mixing.comparing.baselines import plain_sum
from diffmst_jax.mixing.signals import parked as parked_module
from diffmst_jax.mixing.signals.parked import ParkedAudio, parked, silence
from diffmst_jax.mixing.sources import tracks as tracks_module
from diffmst_jax.mixing.sources.tracks import load_tracks


@pytest.fixture
def audio():
    return np.random.default_rng(0).standard_normal((3, 5000)).astype(np.float32)


def test_what_is_taken_out_is_in_memory_and_the_same(audio):
    away = parked(audio)
    assert isinstance(away, ParkedAudio)
    pieces = [away[:, 100:200], away[1], away[:, [3, 4]], *away]
    expected = [audio[:, 100:200], audio[1], audio[:, [3, 4]], *audio]
    for piece, same in zip(pieces, expected, strict=True):
        assert type(piece) is np.ndarray
        np.testing.assert_array_equal(piece, same)
    away[1, :7] = 0.0
    assert not np.any(away[1, :7])
    assert away[1, 7] == audio[1, 7]


def test_a_piece_stays_when_the_song_is_gone(audio):
    piece = parked(audio)[:, 10:20]
    np.testing.assert_array_equal(piece, audio[:, 10:20])


def test_without_room_it_stays_in_memory(audio, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert type(parked(audio)) is np.ndarray


def test_only_what_is_large_is_parked(monkeypatch):
    monkeypatch.setattr(parked_module, "IN_MEMORY_BYTES", 4000)
    assert type(silence(2, 500)) is np.ndarray
    assert isinstance(silence(2, 501), ParkedAudio)


def test_a_long_song_is_the_same_song(song, multitrack, monkeypatch):
    for module in (parked_module, tracks_module):
        monkeypatch.setattr(module, "IN_MEMORY_BYTES", 1)
    away = load_tracks(song)
    assert isinstance(away.audio, ParkedAudio)
    np.testing.assert_array_equal(away.audio[:], multitrack.audio)
    np.testing.assert_array_equal(away.loudness_lufs, multitrack.loudness_lufs)
    np.testing.assert_array_equal(plain_sum(away), plain_sum(multitrack))

"""One small song for all tests of exports."""

from pathlib import Path

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.mixing.sources.tracks import Multitrack, load_tracks
from tests.mixing.songs import bursts, tone

SONG_S = 0.6


@pytest.fixture(scope="session")
def song(tmp_path_factory) -> Path:
    """Mono, stereo, 48 kHz, compressed, one channel of two, and silent; lengths differ."""
    folder = tmp_path_factory.mktemp("song") / "A Song"
    (folder / "drums").mkdir(parents=True)
    write_audio(folder / "drums" / "kick.wav", bursts(SONG_S, 2.0, 1), sample_rate=SAMPLE_RATE)
    bass = tone(SONG_S - 0.1, 55.0, 0.3, 48000)
    write_audio(folder / "bass & more.flac", bass, sample_rate=48000)
    wide = np.concatenate([bursts(SONG_S, 3.0, 5), tone(SONG_S, 443.0, 0.1)])
    write_audio(folder / "pad.wav", wide, sample_rate=SAMPLE_RATE, subtype="FLOAT")
    write_audio(folder / "hat.mp3", bursts(SONG_S, 8.0, 2), sample_rate=SAMPLE_RATE)
    dual = np.repeat(tone(SONG_S, 330.0, 0.4), 2, axis=0)
    write_audio(folder / "vox.wav", dual, sample_rate=SAMPLE_RATE, subtype="PCM_16")
    silence = np.zeros((1, SAMPLE_RATE), np.float32)
    write_audio(folder / "silent.wav", silence, sample_rate=SAMPLE_RATE)
    return folder


@pytest.fixture(scope="session")
def multitrack(song) -> Multitrack:
    return load_tracks(song)

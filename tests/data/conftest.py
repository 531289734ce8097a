"""A small corpus on disk: two songs of noise and tones with known silences, two mixes."""

from pathlib import Path

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data.synthesis.corpus import SyntheticSong, song_names


def noise(seed: int, seconds: float, *, channels: int = 1, level: float = 0.1) -> np.ndarray:
    """White noise that differs by seed and channel."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * SAMPLE_RATE)
    return (level * rng.standard_normal((channels, frames))).astype(np.float32)


def noise_song(seed: int, *, tracks: tuple[int, int], duration_s: float) -> SyntheticSong:
    """As `synthesize_song`, without composing."""
    names = [f"track{number}" for number in range(tracks[0])]
    audio = {name: noise(number, duration_s) for number, name in enumerate(names)}
    return SyntheticSong(song_names(1, seed)[0], "noise", 0.0, audio, noise(9, duration_s))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`songs/a` (mono, stereo, a track silent for its first 4 s), `songs/b`, `references/`."""
    root = tmp_path_factory.mktemp("corpus")
    late = noise(3, 8.0)
    late[:, : 4 * SAMPLE_RATE] = 0.0
    files = {
        "songs/a/bass.flac": noise(1, 8.0),
        "songs/a/keys.flac": noise(2, 8.0, channels=2),
        "songs/a/late.flac": late,
        "songs/b/one.flac": noise(4, 6.0),
        "songs/b/two.flac": noise(5, 6.0),
        "references/x.flac": noise(6, 6.0, channels=2, level=0.2),
        "references/deep/y.flac": noise(7, 6.0, level=0.2),
    }
    for name, audio in files.items():
        write_audio(root / name, audio, sample_rate=SAMPLE_RATE)
    return root

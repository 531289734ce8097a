"""A small song, its reference and a small model, for the tests of the mixing tool."""

import functools
from pathlib import Path

import numpy as np
import soundfile

import dsp
from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.mixing.refining.passages import PIECE, PIECES
from diffmst_jax.models import (
    CompactConfig,
    DiffMstModel,
    Model,
    ModelConfig,
    TransformerConfig,
    load_model,
    save_model,
)
from diffmst_jax.models.folder import module_with_weights, weight_shapes
from tests.compiling import quickly

# A song as long as the medleys of longer ones: what it takes to refine is one program for all.
SONG_S, REFERENCE_S = PIECES * PIECE / SAMPLE_RATE, 5.0

TINY = ModelConfig(
    encoder=CompactConfig(n_fft=2048, hop=2048, bands=12, conv_width=8, hidden=16),
    transformer=TransformerConfig(1, 2, 16, 32),
    window_samples=1 << 14,  # songs of two seconds are four windows: one program for all
)


def times(seconds: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    return np.arange(round(seconds * sample_rate)) / sample_rate


def bursts(seconds: float, rate_hz: float, seed: int, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Noise hits, `(1, time)`."""
    t = times(seconds, sample_rate)
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.5 * noise * np.exp(-30.0 * (t % (1 / rate_hz))))[np.newaxis].astype(np.float32)


def tone(
    seconds: float, frequency_hz: float, level: float = 0.2, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """A steady tone with an overtone, `(1, time)`."""
    t = 2 * np.pi * frequency_hz * times(seconds, sample_rate)
    return (level * (np.sin(t) + 0.3 * np.sin(3.01 * t)))[np.newaxis].astype(np.float32)


def write_song(folder: Path) -> None:
    """Five files of several formats, rates and lengths; one of them silent, one stereo."""
    write_audio(folder / "1 kick.wav", bursts(SONG_S, 2.0, 1), sample_rate=SAMPLE_RATE)
    bass = tone(SONG_S - 0.3, 55.0, 0.3, 48000)
    write_audio(folder / "2 bass.flac", bass, sample_rate=48000)
    wide = np.concatenate([tone(SONG_S, 440.0), tone(SONG_S, 443.0, 0.1)])
    write_audio(folder / "10 pad.flac", wide, sample_rate=SAMPLE_RATE)
    write_audio(folder / "11 hat.mp3", bursts(SONG_S, 8.0, 2), sample_rate=SAMPLE_RATE)
    silence = np.zeros((1, SAMPLE_RATE), np.float32)
    write_audio(folder / "silent.wav", silence, sample_rate=SAMPLE_RATE)


def write_reference(path: Path) -> None:
    """A finished mix: everything at once, wide, at a moderate level."""
    left = bursts(REFERENCE_S, 2.0, 3) + tone(REFERENCE_S, 80.0) + tone(REFERENCE_S, 660.0, 0.1)
    right = bursts(REFERENCE_S, 4.0, 4) + tone(REFERENCE_S, 80.0) + tone(REFERENCE_S, 880.0, 0.1)
    stereo = 0.4 * np.concatenate([left, right])
    soundfile.write(path, stereo.T, SAMPLE_RATE)


def tiny_model(console: dsp.ConsoleConfig | None = None) -> Model:
    """A model with random weights, small enough to compile in a moment."""
    with quickly():
        return Model(TINY, tiny_module(), console or dsp.ConsoleConfig())


@functools.cache
def load_quickly(name_or_folder: str | Path) -> Model:
    """As `load_model`, of a model that is compiled quickly, and once in all."""
    with quickly():
        return load_model(name_or_folder)


def save_tiny_model(folder: Path) -> None:
    save_model(folder, tiny_module(), TINY, "A model for tests.", console=dsp.ConsoleConfig())


def tiny_module() -> DiffMstModel:
    """The module of `TINY`; drawing its weights with NumPy spares compiling their initializers."""
    rng = np.random.default_rng(0)
    shapes = weight_shapes(TINY)
    weights = {
        name: (0.3 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    return module_with_weights(TINY, weights, "tiny")

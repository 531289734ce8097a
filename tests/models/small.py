"""Models small enough to test in a second, and audio for them."""

import functools

import numpy as np
from flax import nnx

from diffmst_jax.models import (
    Cnn14Config,
    CompactConfig,
    Controls,
    DiffMstModel,
    ModelConfig,
    TransformerConfig,
)
from diffmst_jax.models.folder import module_with_weights, weight_shapes
from tests.compiling import quick_jit

TIME = 20000
TRANSFORMER = TransformerConfig(layers=2, heads=2, width=16, feed_forward=32)
SMALL = {
    "cnn14": ModelConfig(
        encoder=Cnn14Config(
            n_fft=256, hop=128, widths=(4, 8, 8), poolings=((2, 2), (4, 4), (4, 2))
        ),
        transformer=TRANSFORMER,
        window_samples=TIME,
    ),
    "compact": ModelConfig(
        encoder=CompactConfig(n_fft=1024, hop=512, bands=12, conv_width=8, hidden=16),
        transformer=TransformerConfig(2, 2, 16, 32, norm_first=True, activation="gelu"),
        window_samples=TIME,
    ),
}


def fresh(name: str, config: ModelConfig | None = None) -> DiffMstModel:
    """A small model in training mode; NumPy's weights, for Flax takes seconds to draw them."""
    config = config or SMALL[name]
    rng = np.random.default_rng(0)
    weights = {}
    for entry, shape in weight_shapes(config).items():
        values = rng.standard_normal(shape)
        if entry.endswith("kernel"):
            values *= np.sqrt(2.0 / np.prod(shape[:-1]))
        elif not entry.endswith("token"):
            values = 0.1 * values + entry.endswith(("scale", "var"))
        weights[entry] = values.astype(np.float32)
    return module_with_weights(config, weights, "test")


@functools.cache
def model(name: str) -> DiffMstModel:
    """The small model in evaluation mode."""
    module = fresh(name)
    module.eval()
    return module


@functools.cache
def _compiled(name: str):
    graph, weights = nnx.split(model(name))

    def call(tracks, references, masks) -> Controls:
        return nnx.merge(graph, weights)(tracks, references, masks)

    return quick_jit(call)


def predict(name: str, tracks, reference, mask=None) -> Controls:
    """Controls of one song: `(tracks, time)`, `(2, time)`, `(tracks,)`, compiled per shape.

    It is given twice, so that tests of batches of two need no program of their own.
    """
    mask = np.ones(len(tracks), bool) if mask is None else np.asarray(mask)
    twice = (np.stack([part, part]) for part in (tracks, reference, mask))
    return unbatched(predict_batch(name, *twice))


def predict_batch(name: str, tracks, references, masks) -> Controls:
    """Controls of a batch of songs, compiled per shape."""
    return _compiled(name)(tracks, references, masks)


def unbatched(controls: Controls, index: int = 0) -> Controls:
    """The controls of one song of a batch."""
    return Controls(*(group[index] for group in controls))


def song(tracks: int, seed: int = 0, time: int = TIME) -> tuple[np.ndarray, np.ndarray]:
    """Coloured noise: tracks at about -48 LUFS and a stereo reference at about -16 LUFS."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((tracks + 2, time))
    frequency = np.fft.rfftfreq(time, 1 / 44100)
    slope = rng.uniform(0.2, 1.2, (tracks + 2, 1))
    colour = 1.0 / np.maximum(frequency, 50.0) ** slope
    coloured = np.fft.irfft(np.fft.rfft(noise) * colour, time)
    coloured /= np.sqrt(np.mean(coloured**2, axis=1, keepdims=True))
    reference = np.stack([coloured[-1] + 0.4 * coloured[-2], 0.7 * coloured[-1]])
    return (0.004 * coloured[:tracks]).astype(np.float32), (0.1 * reference).astype(np.float32)

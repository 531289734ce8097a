"""VGGish (Hershey et al. 2017): 128 numbers for every 0.96 s of sound, in Flax.

The front end is the original's: mono at 16 kHz, frames of 25 ms every 10 ms, 64 mel bands from 125
to 7500 Hz that are triangles on the mel scale itself, log of (magnitude + 0.01), patches of 96
frames. Its output is the embedding layer's before the activation, as Frechet distances take it.
"""

from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from diffmst_jax.audio import SAMPLE_RATE, resample
from diffmst_jax.embeddings.vggish_weights import (
    Postprocessing,
    read_postprocessing,
    read_vggish,
)
from diffmst_jax.models.build import Keys
from diffmst_jax.models.folder import check_entries
from dsp.spectral import hz_to_mel, magnitude, stft

RATE = 16000
FRAME, HOP, N_FFT = 400, 160, 512
MEL_BANDS, LOW_HZ, HIGH_HZ = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
PATCH = 96
SIZE = 128
CONVOLUTIONS = ((64,), (128,), (256, 256), (512, 512))
"""Widths of the 3x3 convolutions; after each group the picture is halved."""

FLAT = (PATCH >> len(CONVOLUTIONS)) * (MEL_BANDS >> len(CONVOLUTIONS)) * CONVOLUTIONS[-1][-1]
DENSE = (FLAT, 4096, 4096, SIZE)


class Vggish(nnx.Module):
    """The network: log-mel patches `(count, 96, 64)` to embeddings `(count, 128)`."""

    def __init__(self, *, rngs: nnx.Rngs):
        widths = [width for group in CONVOLUTIONS for width in group]
        self.convolutions = nnx.List(
            [
                nnx.Conv(before, after, (3, 3), rngs=rngs)
                for before, after in zip([1, *widths], widths, strict=False)
            ]
        )
        self.dense = nnx.List(
            [nnx.Linear(before, after, rngs=rngs) for before, after in pairwise(DENSE)]
        )

    def __call__(self, patches: Array) -> Array:
        """Embed patches; the last layer has no activation."""
        x, layers = patches[..., None], iter(self.convolutions)
        for group in CONVOLUTIONS:
            for _ in group:
                x = jax.nn.relu(next(layers)(x))
            x = nnx.max_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape(len(x), -1)
        for layer in self.dense[:-1]:
            x = jax.nn.relu(layer(x))
        return self.dense[-1](x)


def log_mel_patches(mono: Array) -> Array:
    """Cut mono audio `(time,)` at 16 kHz into log-mel patches `(count, 96, 64)`.

    What does not fill a patch at the end is left out; 15600 samples make one patch.
    """
    edge = (N_FFT - FRAME) // 2  # the window lies in the middle of the transform
    spectrum = stft(
        jnp.pad(mono, (edge, edge)), n_fft=N_FFT, hop=HOP, window_length=FRAME, center=False
    )
    mel = magnitude(spectrum).T @ jnp.asarray(mel_matrix())
    count = mel.shape[0] // PATCH
    return jnp.log(mel + LOG_OFFSET)[: count * PATCH].reshape(count, PATCH, MEL_BANDS)


def mel_matrix() -> np.ndarray:
    """Mel weights, float32 `(257, 64)`: triangles whose sides are straight on the mel scale."""
    bins = np.linspace(0.0, RATE / 2, N_FFT // 2 + 1)
    mel = hz_to_mel(bins, scale="htk")[:, None]
    low, high = hz_to_mel(LOW_HZ, scale="htk"), hz_to_mel(HIGH_HZ, scale="htk")
    edges = np.linspace(low, high, MEL_BANDS + 2)
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0  # the constant part of the spectrum counts in no band
    return weights.astype(np.float32)


def vggish_with(weights: dict[str, np.ndarray], path: str | Path) -> Vggish:
    """Build the network around given weights, without making random ones first.

    Args:
      weights: by the names that `vggish_weights` gives.
      path: what to blame in an error.

    Raises:
      InputError: entries are missing, unexpected or of the wrong shape.
    """
    graph, state = nnx.split(nnx.eval_shape(lambda: Vggish(rngs=Keys(0))))
    flat = nnx.to_flat_state(state)
    expected = {".".join(map(str, p)): v.shape for p, v in flat}
    check_entries(expected, weights, path)
    filled = [(p, v.replace(jnp.asarray(weights[".".join(map(str, p))], v.dtype))) for p, v in flat]
    return nnx.merge(graph, nnx.from_flat_state(filled))


class VggishEmbedding:
    """VGGish as an embedding of stereo audio.

    Attributes:
      name: "vggish", or "vggish_pca" with postprocessing.
    """

    def __init__(self, module: Vggish, postprocessing: Postprocessing | None = None):
        self.name = "vggish" if postprocessing is None else "vggish_pca"
        self._postprocessing = postprocessing
        graph, self._weights = nnx.split(module)
        self._embed = jax.jit(lambda weights, x: nnx.merge(graph, weights)(log_mel_patches(x)))

    @classmethod
    def load(cls, path: str | Path, *, postprocess: bool = False) -> "VggishEmbedding":
        """Load weights from a file, see `vggish_weights.load_vggish`.

        Raises:
          InputError: it is missing, or does not hold them.
        """
        weights = read_vggish(path)
        postprocessing = read_postprocessing(path) if postprocess else None
        return cls(vggish_with(weights, path), postprocessing)

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Embed `(2, time)` at 44100 Hz, a row for every 0.96 s."""
        mono = np.asarray(np.mean(audio, axis=0, keepdims=True), np.float32)
        low = resample(mono, from_rate=SAMPLE_RATE, to_rate=RATE)[0]
        shortest = FRAME + (PATCH - 1) * HOP
        padded = np.pad(low, (0, max(0, shortest - len(low))))
        embeddings = np.asarray(self._embed(self._weights, padded))
        return embeddings if self._postprocessing is None else self._postprocessing(embeddings)

"""The project's own embedding: what a model's mix encoder hears."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import normalize_loudness
from diffmst_jax.models.compact.front_end import band_statistics
from diffmst_jax.models.compact.network import CompactModel
from diffmst_jax.models.compact.spectra import analyse
from diffmst_jax.models.config import CompactConfig
from diffmst_jax.models.inference import Model
from diffmst_jax.models.levels import REFERENCE_LUFS

WINDOW_S, HOP_S = 2.0, 1.0


def views(audio: Array) -> Array:
    """Mid, side, left and right of (2, time) at -16 LUFS, (4, time)."""
    left, right = normalize_loudness(audio, REFERENCE_LUFS, sample_rate=SAMPLE_RATE)
    return jnp.stack([left + right, left - right, left, right])


def windows(audio: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Cut (2, time) into (count, 2, window), the end padded with silence if it is too short."""
    padded = np.pad(audio, ((0, 0), (0, max(0, window - audio.shape[1]))))
    starts = range(0, padded.shape[1] - window + 1, hop)
    return np.stack([padded[:, start : start + window] for start in starts]).astype(np.float32)


class EncoderEmbedding:
    """The mix encoder of a model, on windows of two seconds every second.

    The paper's encoder embeds left and right, the compact one mid and side; both are joined.
    """

    name = "encoder"

    def __init__(self, model: Model):
        encoder = model.config.encoder
        self._window = max(round(WINDOW_S * SAMPLE_RATE), encoder.shortest_samples)
        graph, self._weights = nnx.split(model.module)

        @jax.jit
        def embed(weights: nnx.State, audio: Array) -> Array:
            module = nnx.merge(graph, weights)
            heard = jax.vmap(views)(audio)
            if isinstance(module, CompactModel):
                assert isinstance(encoder, CompactConfig)
                middle = heard[:, :2]
                analysed = analyse(middle, encoder, sample_rate=SAMPLE_RATE)
                vectors = module.mix_encoder(band_statistics(middle, analysed))
            else:
                flat = heard[:, 2:].reshape(-1, heard.shape[-1])
                vectors = module.mix_encoder(flat, jnp.ones(len(flat), bool))
            return vectors.reshape(len(audio), -1)

        self._embed = embed

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Embed (2, time), a row per window."""
        cut = windows(audio, self._window, round(HOP_S * SAMPLE_RATE))
        return np.asarray(self._embed(self._weights, cut))

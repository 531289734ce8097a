"""The paper's model: two spectrogram CNNs and a transformer (Diff-MST, section 3.1).

The encoder is CNN14 of PANNs (Kong et al., 2020) without its mel front end, on a power-law
compressed spectrogram. Every channel is encoded on its own: a track gives one embedding, the
reference two. Heads are linear with a sigmoid.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jax.typing import DTypeLike

import dsp
from diffmst_jax.controls import Controls
from diffmst_jax.models.config import Cnn14Config, ModelConfig
from diffmst_jax.models.convolution import convolve
from diffmst_jax.models.transformer import Controller
from diffmst_jax.sharding import by_rows
from dsp.spectral import magnitude, stft

MAGNITUDE_FLOOR = 1e-8  # added to a magnitude before the power law
MIX_TOKENS = 2  # left and right
BATCH_NORM_MOMENTUM = 0.9
KERNEL_INIT = nnx.initializers.xavier_uniform()


class ConvolutionBlock(nnx.Module):
    """Two 3x3 convolutions, each with batch norm and ReLU, then average pooling."""

    def __init__(
        self,
        channels: tuple[int, int],
        pooling: tuple[int, int],
        *,
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ) -> None:
        self.pooling = pooling
        first, last = channels
        self.convolution1, self.convolution2 = (
            nnx.Conv(
                size,
                last,
                (3, 3),
                padding=1,
                use_bias=False,
                dtype=dtype,
                kernel_init=KERNEL_INIT,
                conv_general_dilated=convolve,
                rngs=rngs,
            )
            for size in (first, last)
        )
        self.norm1, self.norm2 = (
            nnx.BatchNorm(last, momentum=BATCH_NORM_MOMENTUM, dtype=dtype, rngs=rngs)
            for _ in range(2)
        )

    def __call__(self, x: Array, mask: Array) -> Array:
        """Map `(signals, bins, frames, channels)`; `mask` `(signals,)` says who counts in norms."""
        counted = mask[:, None, None, None]
        x = jax.nn.relu(self.norm1(self.convolution1(x), mask=counted))
        x = jax.nn.relu(self.norm2(self.convolution2(x), mask=counted))
        return nnx.avg_pool(x, self.pooling, strides=self.pooling)


class SpectrogramEncoder(nnx.Module):
    """Embed signals by a convolutional network on their spectrograms."""

    def __init__(
        self,
        config: Cnn14Config,
        width: int,
        *,
        dtype: DTypeLike = jnp.float32,
        remat: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        self.config, self.remat = config, remat
        channels = zip((1, *config.widths), config.widths, strict=False)
        self.blocks = nnx.List(
            [
                ConvolutionBlock(pair, pooling, dtype=dtype, rngs=rngs)
                for pair, pooling in zip(channels, config.poolings, strict=True)
            ]
        )
        self.output = nnx.Linear(config.widths[-1], width, dtype=dtype, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        """Embed each of `(signals, time)` as `(signals, width)` in float32.

        Args:
            x: audio, long enough for one frame to survive every pooling.
            mask: which signals are there, bool `(signals,)`; in training the others do not count in
                the statistics of the batch norms.

        Returns:
            The embeddings; those of masked signals mean nothing.

        Raises:
            ValueError: the audio is too short.
        """
        self._check(x)
        y = by_rows(partial(power_spectrogram, config=self.config))(x)[..., None]
        for block in self.blocks:
            step = nnx.remat(ConvolutionBlock.__call__) if self.remat else ConvolutionBlock.__call__
            y = step(block, y, mask)
        y = jnp.mean(y.astype(jnp.float32), axis=1)
        pooled = jnp.max(y, axis=1) + jnp.mean(y, axis=1)
        return self.output(pooled).astype(jnp.float32)

    def _check(self, x: Array) -> None:
        shortest = self.config.shortest_samples
        if x.shape[-1] < shortest:
            raise ValueError(f"audio of {x.shape[-1]} samples is too short: need {shortest}")


class Cnn14Model(nnx.Module):
    """Controls of a mixing console from raw tracks and a reference, as in the paper."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        if not isinstance(config.encoder, Cnn14Config):
            raise ValueError(f"the cnn14 model needs a Cnn14Config, got {config.encoder!r}")
        self.config = config
        dtype, width = jnp.dtype(config.compute_dtype), config.transformer.width
        self.track_encoder, self.mix_encoder = (
            SpectrogramEncoder(config.encoder, width, dtype=dtype, remat=config.remat, rngs=rngs)
            for _ in range(2)
        )
        self.controller = Controller(
            config.transformer, mix_tokens=MIX_TOKENS, dtype=dtype, remat=config.remat, rngs=rngs
        )
        self.track_head = nnx.Linear(width, dsp.TRACK_CONTROLS, rngs=rngs)
        self.fx_bus_head = nnx.Linear(width, dsp.FX_BUS_CONTROLS, rngs=rngs)
        self.master_head = nnx.Linear(width, dsp.MASTER_CONTROLS, rngs=rngs)

    def __call__(
        self, tracks: Array, reference: Array, mask: Array, side: Array | None = None
    ) -> Controls:
        """Predict controls.

        Args:
            tracks: audio at -48 LUFS each, `(batch, tracks, time)`; what is masked out is not read.
            reference: stereo mix at -16 LUFS, `(batch, 2, any time)`.
            mask: which tracks are there, bool `(batch, tracks)`.
            side: not used: the paper's model hears every channel as a track of its own.

        Returns:
            Controls in [0, 1] with a leading batch axis; those of masked tracks mean nothing.
        """
        del side
        mask = mask.astype(bool)
        return self.settings(self.embed_tracks(tracks, mask), self.embed_mix(reference), mask)

    def embed_tracks(self, tracks: Array, mask: Array) -> Array:
        """Embed `(batch, tracks, time)` as `(batch, tracks, width)`."""
        heard = jnp.where(mask[..., None], tracks, 0.0)
        flat = self.track_encoder(heard.reshape(-1, heard.shape[-1]), mask.reshape(-1))
        return flat.reshape(*mask.shape, -1)

    def embed_mix(self, reference: Array) -> Array:
        """Embed `(batch, 2, time)` as `(batch, 2, width)`."""
        flat = reference.reshape(-1, reference.shape[-1])
        embeddings = self.mix_encoder(flat, jnp.ones(flat.shape[:1], bool))
        return embeddings.reshape(*reference.shape[:2], -1)

    def settings(self, tracks: Array, mix: Array, mask: Array) -> Controls:
        """Controls from embeddings of the tracks and of the reference's channels."""
        track, fx_bus, master = self.controller(tracks, mix, mask)
        return Controls(
            track=jax.nn.sigmoid(self.track_head(track)),
            fx_bus=jax.nn.sigmoid(self.fx_bus_head(fx_bus)),
            master=jax.nn.sigmoid(self.master_head(master)),
        )


def power_spectrogram(x: Array, config: Cnn14Config) -> Array:
    """Power-law compressed magnitudes `(..., bins, frames)` of `(..., time)`."""
    spectrum = stft(x, n_fft=config.n_fft, hop=config.hop)
    return (magnitude(spectrum) + MAGNITUDE_FLOOR) ** config.exponent

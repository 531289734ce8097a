"""The compact model: a small network that starts from a neutral mix and learns what to change.

It differs from the paper's model in what it is given. Tracks and reference enter as statistics of
a Bark spectrogram (plus a small convolution over time), the reference as mid, side, left and right,
and one token says outright what the loss will compare: the reference's spectrum, width, balance and
dynamics next to the spectrum that the plain sum of the tracks would have. The heads give
differences from a neutral console, whose level is the one that makes the sum as loud as the
reference and whose panorama is as wide, so that an untrained model is already a plausible mix.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jax.typing import DTypeLike

import dsp
from diffmst_jax.models.config import CompactConfig, ModelConfig
from diffmst_jax.models.controls import Controls
from diffmst_jax.models.front_end import (
    AMPLITUDE_FLOOR,
    STYLE_BANDS,
    BandStatistics,
    band_statistics,
    standardise,
)
from diffmst_jax.models.starting_point import head_scales, starting_controls, stereo_width
from diffmst_jax.models.transformer import Controller

MIX_TOKENS = 5  # mid, side, left, right and style
STYLE_SIZE = 3 * STYLE_BANDS + 7
SMALL = nnx.initializers.normal(0.01)


class SignalEncoder(nnx.Module):
    """Embed one signal from its band statistics and a convolution over its band spectrogram."""

    def __init__(
        self, config: CompactConfig, width: int, *, dtype: DTypeLike, rngs: nnx.Rngs
    ) -> None:
        channels = config.conv_width
        size = 3 * config.bands + 4 + 2 * channels
        self.convolutions = nnx.List(
            [
                nnx.Conv(config.bands, channels, 5, strides=2, dtype=dtype, rngs=rngs),
                nnx.Conv(channels, channels, 3, strides=2, dtype=dtype, rngs=rngs),
            ]
            if channels
            else []
        )
        self.hidden = nnx.Linear(size, config.hidden, dtype=dtype, rngs=rngs)
        self.output = nnx.Linear(config.hidden, width, dtype=dtype, rngs=rngs)

    def __call__(self, statistics: BandStatistics) -> Array:
        """Embed `(..., frames, bands)` and its statistics as `(..., width)`, in float32."""
        features = [statistics.pooled]
        if len(self.convolutions):
            lead = statistics.log_bands.shape[:-2]
            x = statistics.log_bands.reshape(-1, *statistics.log_bands.shape[-2:])
            for convolution in self.convolutions:
                x = jax.nn.gelu(convolution(x))
            pooled = jnp.concatenate([jnp.mean(x, axis=1), jnp.max(x, axis=1)], axis=-1)
            features.append(pooled.reshape(*lead, -1).astype(jnp.float32))
        hidden = jax.nn.gelu(self.hidden(jnp.concatenate(features, axis=-1)))
        return self.output(hidden).astype(jnp.float32)


class CompactModel(nnx.Module):
    """Controls of a mixing console from raw tracks and a reference; see the module."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        if not isinstance(config.encoder, CompactConfig):
            raise ValueError(f"the compact model needs a CompactConfig, got {config.encoder!r}")
        self.config = config
        dtype, width = jnp.dtype(config.compute_dtype), config.transformer.width
        self.track_encoder = SignalEncoder(config.encoder, width, dtype=dtype, rngs=rngs)
        self.mix_encoder = SignalEncoder(config.encoder, width, dtype=dtype, rngs=rngs)
        self.style = nnx.Linear(STYLE_SIZE, width, rngs=rngs)
        self.controller = Controller(
            config.transformer, mix_tokens=MIX_TOKENS, dtype=dtype, remat=config.remat, rngs=rngs
        )
        self.track_head = nnx.Linear(width, dsp.TRACK_CONTROLS, kernel_init=SMALL, rngs=rngs)
        self.fx_bus_head = nnx.Linear(width, dsp.FX_BUS_CONTROLS, kernel_init=SMALL, rngs=rngs)
        self.master_head = nnx.Linear(width, dsp.MASTER_CONTROLS, kernel_init=SMALL, rngs=rngs)

    def __call__(self, tracks: Array, reference: Array, mask: Array) -> Controls:
        """Predict controls.

        Args:
            tracks: audio at -48 LUFS each, `(batch, tracks, time)`; what is masked out is not read.
            reference: stereo mix at -16 LUFS, `(batch, 2, any time)`.
            mask: which tracks are there, bool `(batch, tracks)`.

        Returns:
            Controls in [0, 1] with a leading batch axis; those of masked tracks mean nothing.
        """
        encoder, rate = self.config.encoder, self.config.sample_rate
        assert isinstance(encoder, CompactConfig)
        mask = mask.astype(bool)
        heard = jnp.where(mask[..., None], tracks, 0.0)
        left, right = reference[:, 0], reference[:, 1]
        views = jnp.stack([left + right, left - right, left, right], axis=1)
        track = band_statistics(heard, encoder, sample_rate=rate)
        mix = band_statistics(views, encoder, sample_rate=rate)
        width = jax.vmap(stereo_width)(reference)
        style = self.style(_style(mix.spectrum, track.spectrum, mask, reference, width))
        context = jnp.concatenate([self.mix_encoder(mix), style[:, None]], axis=1)
        track_token, fx_bus, master = self.controller(self.track_encoder(track), context, mask)
        base = jax.vmap(functools.partial(starting_controls, sample_rate=rate))(
            track.centroid, mask, width
        )
        scales = head_scales(sample_rate=rate)
        track_step = self.track_head(track_token) * scales.track[None, None]
        return Controls(
            track=_residual(base.track, track_step),
            fx_bus=_residual(base.fx_bus, self.fx_bus_head(fx_bus) * scales.fx_bus[None]),
            master=_residual(base.master, self.master_head(master) * scales.master[None]),
        )


def _style(mix: Array, track: Array, mask: Array, reference: Array, width: Array) -> Array:
    """What the loss compares, as `(batch, STYLE_SIZE)`: of the reference and of the plain sum."""
    energy = jnp.where(mask[..., None], jnp.exp(2.0 * track), 0.0)
    total = 0.5 * jnp.log(jnp.sum(energy, axis=1) + AMPLITUDE_FLOOR)
    rms = jnp.sqrt(jnp.mean(jnp.square(reference), axis=-1)) + AMPLITUDE_FLOOR
    crest = jnp.log(jnp.max(jnp.abs(reference), axis=-1) + AMPLITUDE_FLOOR) - jnp.log(rms)
    balance = jnp.log(rms[:, 1:] / rms[:, :1])
    count = jnp.sum(mask, axis=-1, keepdims=True).astype(jnp.float32)
    scalars = [
        jnp.log(rms) + 2.0,
        crest - 2.0,
        jnp.sqrt(width)[:, None],
        balance,
        jnp.log(count + 1),
    ]
    spectra = [standardise(s) for s in (mix[:, 0], mix[:, 1], total)]
    return jnp.concatenate([*spectra, *scalars], axis=-1)


def _residual(base: Array, difference: Array) -> Array:
    """Move controls `base` in (0, 1) by a difference on the logistic scale."""
    return jax.nn.sigmoid(jax.scipy.special.logit(base) + difference)

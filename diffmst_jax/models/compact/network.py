"""The compact model: a mix solved in a simple picture of the console, then corrected by a network.

It differs from the paper's model in what it is given and where it starts. Tracks and reference
enter as statistics of a Bark spectrogram (plus a small convolution over time), the reference as
mid, side, left and right, and one token says outright what the loss will compare. Levels, positions
and equalizers come from matching band energies (`matching`), which needs no training; the network
is told the solution and the error that it leaves, and its heads add differences to it. So an
untrained model is already a mix of about the reference's level, balance, width and spectrum, and
training learns what the picture leaves out: dynamics above all.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jax.typing import DTypeLike

import dsp
from diffmst_jax.controls import Controls
from diffmst_jax.losses import StyleFeatures, no_narrower
from diffmst_jax.models.compact.bands import STYLE_BANDS
from diffmst_jax.models.compact.front_end import (
    TYPICAL_CREST,
    BandStatistics,
    band_statistics,
    standardise,
)
from diffmst_jax.models.compact.picture import NEPERS_PER_DB, Heard
from diffmst_jax.models.compact.spectra import analyse
from diffmst_jax.models.compact.starting_point import (
    Start,
    head_scales,
    hear_segments,
    starting_point,
)
from diffmst_jax.models.compact.style_spectrum import measured_style, style_spectrum
from diffmst_jax.models.config import CompactConfig, ModelConfig
from diffmst_jax.models.transformer import Controller
from diffmst_jax.sharding import by_rows

MIX_TOKENS = 5  # mid, side, left, right and style
VIEWS = np.array([[1, 1], [1, -1], [1, 0], [0, 1]], np.float32)  # of left and right, in that order
STYLE_SIZE = 4 * STYLE_BANDS + 7
SMALL = nnx.initializers.normal(1e-3)  # of the heads: an untrained model is its starting point


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


class Measured(NamedTuple):
    """What the model knows of a batch of songs; every leaf has a leading batch axis.

    Attributes:
        track: statistics of the tracks.
        heard: what the picture knows of them.
        mix: statistics of the reference's mid, side, left and right.
        reference: what the loss compares of it, see `measured_style` and `no_narrower`.
    """

    track: BandStatistics
    heard: Heard
    mix: BandStatistics
    reference: StyleFeatures


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
        self.setting = nnx.Linear(dsp.TRACK_CONTROLS, width, rngs=rngs)
        self.controller = Controller(
            config.transformer, mix_tokens=MIX_TOKENS, dtype=dtype, remat=config.remat, rngs=rngs
        )
        self.track_head = nnx.Linear(width, dsp.TRACK_CONTROLS, kernel_init=SMALL, rngs=rngs)
        self.fx_bus_head = nnx.Linear(width, dsp.FX_BUS_CONTROLS, kernel_init=SMALL, rngs=rngs)
        self.master_head = nnx.Linear(width, dsp.MASTER_CONTROLS, kernel_init=SMALL, rngs=rngs)

    def __call__(
        self, tracks: Array, reference: Array, mask: Array, side: Array | None = None
    ) -> Controls:
        """Predict controls.

        Args:
            tracks: audio at -48 LUFS each, `(batch, tracks, time)`; what is masked out is not read.
            reference: stereo mix at -16 LUFS, `(batch, 2, any time)`.
            mask: which tracks are there, bool `(batch, tracks)`.
            side: -1 and 1 for the left and right channel of a pair, which are neighbours, else 0;
                `(batch, tracks)`. Without it every track is mono.

        Returns:
            Controls in [0, 1] with a leading batch axis; those of masked tracks mean nothing.
        """
        present = jnp.where(mask[..., None].astype(bool), tracks, 0.0)
        return self.settings(self.measure(present, reference, mask, side))

    def measure(
        self,
        tracks: Array,
        reference: Array,
        mask: Array,
        side: Array | None = None,
        *,
        segments: int = 0,
    ) -> Measured:
        """Measure what settings follow from; no weight takes part.

        Args:
            tracks: as of a call, and so are reference, mask and side, but silent where
                masked, which is for the caller to know or to see to.
            reference: `(batch, 2, time)`.
            mask: which tracks are there.
            side: which channel of a pair each is.
            segments: equal parts of the tracks in each of which a mix is to be right too; 0 for
                none, as in training.
        """
        encoder, rate = self.config.encoder, self.config.sample_rate
        assert isinstance(encoder, CompactConfig)
        mask = mask.astype(bool)
        side = jnp.zeros(mask.shape, jnp.int32) if side is None else jnp.where(mask, side, 0)
        spectra = analyse(tracks, encoder, sample_rate=rate, segments=max(segments, 1))
        track = band_statistics(tracks, spectra)
        magnitudes = style_spectrum(tracks, sample_rate=rate)
        heard = Heard(spectra.energy, magnitudes, spectra.hz, spectra.lowest, mask, side)
        if segments:
            heard = heard._replace(segments=jax.vmap(hear_segments)(heard, spectra.segments))
        spectra = analyse(reference, encoder, sample_rate=rate, views=VIEWS)
        mix = band_statistics(_views(reference), spectra)
        style = by_rows(jax.vmap(partial(measured_style, sample_rate=rate)))(reference)
        return Measured(track, heard, mix, no_narrower(style))

    def settings(self, measured: Measured) -> Controls:
        """Predict controls from what was measured."""
        solve = partial(starting_point, rate=self.config.sample_rate)
        start = jax.vmap(solve)(measured.track, measured.heard, measured.reference)
        return self.adjusted(measured, start)

    def adjusted(self, measured: Measured, start: Start) -> Controls:
        """Predict controls as differences to where to start, which has a leading batch axis too."""
        rate, heard = self.config.sample_rate, measured.heard
        style = self.style(_style(measured.reference, start, heard.mask))
        context = jnp.concatenate([self.mix_encoder(measured.mix), style[:, None]], axis=1)
        base = jax.tree.map(jax.scipy.special.logit, start.controls)
        tokens = self.track_encoder(measured.track) + self.setting(base.track)
        track_token, fx_bus, master = self.controller(tokens, context, heard.mask)
        scales = head_scales(sample_rate=rate)
        steps = Controls(
            track=self.track_head(track_token) * scales.track[None, None],
            fx_bus=self.fx_bus_head(fx_bus) * scales.fx_bus[None],
            master=self.master_head(master) * scales.master[None],
        )
        return jax.tree.map(lambda place, step: jax.nn.sigmoid(place + step), base, steps)


def _views(reference: Array) -> Array:
    """The four of `(batch, 2, time)`, without the copies that a product would make of both."""
    left, right = reference[:, 0], reference[:, 1]
    return jnp.stack([a * left + b * right for a, b in VIEWS], axis=1)


def _style(reference: StyleFeatures, start: Start, mask: Array) -> Array:
    """What the loss compares and where the mix stands, as `(batch, STYLE_SIZE)`."""
    count = jnp.sum(mask, axis=-1).astype(jnp.float32)
    width, imbalance = reference.stereo_width, reference.stereo_imbalance
    parts = [
        standardise(jnp.swapaxes(reference.bark_spectrum, -1, -2)).reshape(len(mask), -1),
        start.error.reshape(len(mask), -1),
        jnp.log(reference.rms) + 2.0,
        NEPERS_PER_DB * reference.crest_factor_db - TYPICAL_CREST,
        jnp.stack([jnp.sqrt(width), imbalance, jnp.log(count + 1.0)], axis=-1),
    ]
    return jnp.concatenate(parts, axis=-1)

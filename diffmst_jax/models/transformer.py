"""Transformer encoder over a set of tokens, and the controller that reads settings from it.

No position is encoded: the order of tokens, and so of tracks, means nothing. Tokens that are
padding take no part: nobody attends to them.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jax.typing import DTypeLike

from diffmst_jax.models.config import TransformerConfig

TOKEN_INIT = nnx.initializers.normal(1.0)
LAYER_NORM_EPSILON = 1e-5
ACTIVATIONS = {"relu": jax.nn.relu, "gelu": jax.nn.gelu}


class SelfAttention(nnx.Module):
    """Multi-head self-attention with one projection for query, key and value."""

    def __init__(self, width: int, heads: int, *, dtype: DTypeLike, rngs: nnx.Rngs) -> None:
        self.heads = heads
        self.input = nnx.Linear(width, 3 * width, dtype=dtype, rngs=rngs)
        self.output = nnx.Linear(width, width, dtype=dtype, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        """Attend from every token `(batch, tokens, width)` to those where `mask` is true."""
        batch, tokens, width = x.shape
        qkv = self.input(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = (qkv[:, :, i] for i in range(3))
        heard = jnp.broadcast_to(mask[:, None, None, :], (batch, 1, tokens, tokens))
        mixed = jax.nn.dot_product_attention(q, k, v, mask=heard)
        return self.output(mixed.reshape(batch, tokens, width))


class TransformerLayer(nnx.Module):
    """Self-attention and feed-forward, each with a residual path and a layer norm."""

    def __init__(self, config: TransformerConfig, *, dtype: DTypeLike, rngs: nnx.Rngs) -> None:
        width = config.width
        self.norm_first = config.norm_first
        self.activation = config.activation
        self.attention = SelfAttention(width, config.heads, dtype=dtype, rngs=rngs)
        self.expand = nnx.Linear(width, config.feed_forward, dtype=dtype, rngs=rngs)
        self.contract = nnx.Linear(config.feed_forward, width, dtype=dtype, rngs=rngs)
        # Norms stay in float32 whatever the compute type: they are where bfloat16 loses most.
        self.norm1 = nnx.LayerNorm(width, epsilon=LAYER_NORM_EPSILON, rngs=rngs)
        self.norm2 = nnx.LayerNorm(width, epsilon=LAYER_NORM_EPSILON, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        """Map tokens `(batch, tokens, width)` to tokens of the same shape, in float32."""
        if self.norm_first:
            x = x + self.attention(self.norm1(x), mask).astype(x.dtype)
            return x + self._feed_forward(self.norm2(x)).astype(x.dtype)
        x = self.norm1(x + self.attention(x, mask).astype(x.dtype))
        return self.norm2(x + self._feed_forward(x).astype(x.dtype))

    def _feed_forward(self, x: Array) -> Array:
        return self.contract(ACTIVATIONS[self.activation](self.expand(x)))


class Controller(nnx.Module):
    """Attends over tracks, reference and two bus tokens, each marked by a learned embedding."""

    def __init__(
        self,
        config: TransformerConfig,
        *,
        mix_tokens: int,
        dtype: DTypeLike = jnp.float32,
        remat: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        width = config.width
        self.track_token = nnx.Param(TOKEN_INIT(rngs.params(), (1, 1, width)))
        self.mix_token = nnx.Param(TOKEN_INIT(rngs.params(), (1, mix_tokens, width)))
        self.fx_bus_token = nnx.Param(TOKEN_INIT(rngs.params(), (1, 1, width)))
        self.master_token = nnx.Param(TOKEN_INIT(rngs.params(), (1, 1, width)))
        self.layers = nnx.List(
            [TransformerLayer(config, dtype=dtype, rngs=rngs) for _ in range(config.layers)]
        )
        self.final_norm = nnx.LayerNorm(width, rngs=rngs) if config.norm_first else None
        self.remat = remat

    def __call__(self, tracks: Array, mix: Array, mask: Array) -> tuple[Array, Array, Array]:
        """Let tracks, reference and buses see each other.

        Args:
            tracks: one embedding per track, `(batch, tracks, width)`.
            mix: embeddings of the reference, `(batch, mix_tokens, width)`.
            mask: which tracks are there, bool `(batch, tracks)`.

        Returns:
            Tokens of the tracks `(batch, tracks, width)`, of the fx bus and of the master bus, each
            `(batch, width)`.
        """
        batch, count, width = tracks.shape
        buses = jnp.concatenate([self.fx_bus_token[...], self.master_token[...]], axis=1)
        tokens = jnp.concatenate(
            [
                tracks + jnp.broadcast_to(self.track_token[...], tracks.shape),
                mix + jnp.broadcast_to(self.mix_token[...], mix.shape),
                jnp.broadcast_to(buses, (batch, 2, width)),
            ],
            axis=1,
        )
        always = jnp.ones((batch, tokens.shape[1] - count), bool)
        heard = jnp.concatenate([mask, always], axis=1)
        for layer in self.layers:
            step = nnx.remat(TransformerLayer.__call__) if self.remat else TransformerLayer.__call__
            tokens = step(layer, tokens, heard)
        if self.final_norm is not None:
            tokens = self.final_norm(tokens)
        return tokens[:, :count], tokens[:, -2], tokens[:, -1]

"""From a configuration to a module with fresh weights."""

import jax
from flax import nnx
from jax import Array

from diffmst_jax.models.cnn14 import Cnn14Model
from diffmst_jax.models.compact.network import CompactModel
from diffmst_jax.models.config import Cnn14Config, ModelConfig

DiffMstModel = Cnn14Model | CompactModel


class Keys:
    """The keys of `nnx.Rngs(seed)`, counted in Python instead of in a traced variable.

    For each key that Flax counts inside of `jit` or `eval_shape`, JAX writes an error message about
    the whole trace so far, which nobody reads: two thirds of the time of tracing a new model.
    """

    def __init__(self, seed: int) -> None:
        self._key = jax.random.key(seed)
        self._count = 0

    def __call__(self) -> Array:
        """The next key, of whichever stream."""
        self._count += 1
        return jax.random.fold_in(self._key, self._count - 1)

    params = __call__


def build_model(config: ModelConfig, *, rngs: nnx.Rngs | Keys) -> DiffMstModel:
    """Make a model with random weights, in training mode.

    The pure boundary is Flax's own: `graph, weights = nnx.split(module)` and
    `nnx.merge(graph, weights)(tracks, reference, mask)`, or with `nnx.Param` and `nnx.BatchStat`
    split apart for training (only `cnn14` has batch statistics). `module.eval()` before inference.

    Args:
        config: which model, and how large.
        rngs: source of the random weights.

    Returns:
        A module called as `module(tracks, reference, mask) -> Controls`.
    """
    if isinstance(config.encoder, Cnn14Config):
        return Cnn14Model(config, rngs=rngs)
    return CompactModel(config, rngs=rngs)

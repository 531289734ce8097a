"""From a configuration to a module with fresh weights."""

from flax import nnx

from diffmst_jax.models.cnn14 import Cnn14Model
from diffmst_jax.models.compact import CompactModel
from diffmst_jax.models.config import Cnn14Config, ModelConfig

DiffMstModel = Cnn14Model | CompactModel


def build_model(config: ModelConfig, *, rngs: nnx.Rngs) -> DiffMstModel:
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

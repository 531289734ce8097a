"""Models: from raw tracks and a reference mix to the controls of a mixing console."""

from diffmst_jax.controls import Controls
from diffmst_jax.models.build import DiffMstModel, build_model
from diffmst_jax.models.config import (
    PRESETS,
    Cnn14Config,
    CompactConfig,
    ModelConfig,
    TransformerConfig,
)
from diffmst_jax.models.folder import load_model, packaged_models, save_model
from diffmst_jax.models.inference import Model
from diffmst_jax.models.levels import (
    REFERENCE_LUFS,
    TRACK_LUFS,
    normalize_reference,
    normalize_tracks,
)

__all__ = [
    "PRESETS",
    "REFERENCE_LUFS",
    "TRACK_LUFS",
    "Cnn14Config",
    "CompactConfig",
    "Controls",
    "DiffMstModel",
    "Model",
    "ModelConfig",
    "TransformerConfig",
    "build_model",
    "load_model",
    "normalize_reference",
    "normalize_tracks",
    "packaged_models",
    "save_model",
]

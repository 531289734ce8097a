"""Models: from raw tracks and a reference mix to the controls of a mixing console."""

from diffmst_jax.models.controls import Controls

__all__ = ["Controls"]

"""What is compared: anything that turns tracks and a reference into a mix."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from diffmst_jax.evaluation.config import EvaluationConfig
from diffmst_jax.mixing.analyse import predicted_settings
from diffmst_jax.mixing.baselines import (
    equal_loudness_mix,
    mono_equal_loudness_mix,
    plain_sum,
)
from diffmst_jax.mixing.output import OutputTarget
from diffmst_jax.mixing.render import render
from diffmst_jax.mixing.settings import Provenance
from diffmst_jax.mixing.tracks import Multitrack
from diffmst_jax.models.folder import load_model
from diffmst_jax.models.inference import Model

System = Callable[[Multitrack, np.ndarray], np.ndarray]
"""Called as system(tracks, reference (2, time)); returns the mix (2, time), at any level."""

BASELINES: dict[str, Callable[[Multitrack], np.ndarray]] = {
    "plain_sum": plain_sum,
    "equal_loudness": equal_loudness_mix,
    "equal_loudness_mono": mono_equal_loudness_mix,
}


def make_systems(config: EvaluationConfig) -> dict[str, System]:
    """Return the systems of an evaluation by name, baselines first.

    Raises:
      InputError: a model cannot be loaded.
    """
    systems: dict[str, System] = {}
    for name in config.systems:
        systems[name] = _without_reference(BASELINES[name])
    for model in config.models:
        systems[_short_name(model, systems)] = model_system(load_model(model))
    return systems


def model_system(model: Model) -> System:
    """Return a system that asks a model for settings and renders them, as `diffmst mix` does."""

    def mix(multitrack: Multitrack, reference: np.ndarray) -> np.ndarray:
        settings = predicted_settings(
            model, multitrack, reference, target=OutputTarget(), provenance=Provenance()
        )
        return render(settings, multitrack).mix

    return mix


def _without_reference(baseline: Callable[[Multitrack], np.ndarray]) -> System:
    def mix(multitrack: Multitrack, reference: np.ndarray) -> np.ndarray:
        del reference
        return baseline(multitrack)

    return mix


def _short_name(model: str, taken: dict[str, System]) -> str:
    """Name a model by its folder, or by the whole path where that is taken or says nothing."""
    name = Path(model).name
    return model if name in taken or name in ("", "model") else name

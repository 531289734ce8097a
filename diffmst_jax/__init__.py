"""Differentiable mixing style transfer in JAX.

`mix(tracks, reference)` does the whole job; `render(tracks, console)` mixes with settings that it
gave, or that were edited; `load_model(name_or_folder)` gives a model whose `controls(tracks,
reference)` are the settings alone. All are imported on first use, so that importing the package
costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffmst_jax.api import mix as mix
    from diffmst_jax.api import render as render
    from diffmst_jax.models import load_model as load_model
    from diffmst_jax.result import MixResult as MixResult

__version__ = "0.1.0"

_LAZY = {
    "MixResult": "diffmst_jax.result",
    "load_model": "diffmst_jax.models",
    "mix": "diffmst_jax.api",
    "render": "diffmst_jax.api",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])

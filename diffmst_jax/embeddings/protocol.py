"""What an embedding is, and how one is asked for by name.

- `encoder`: the project's own, which needs no download.
- `vggish=<weights file>`: VGGish with its weights from a file, see `vggish_weights`;
  `vggish_pca=<weights file>` with the original's postprocessing.
- `<module>:<function>`: any other. The function takes nothing and returns an `Embedding`.
"""

import importlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from diffmst_jax.embeddings.encoder import EncoderEmbedding
from diffmst_jax.embeddings.vggish import VggishEmbedding
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.finishing.limits import DEFAULT_MODEL
from diffmst_jax.models.folder import load_model


@runtime_checkable
class Embedding(Protocol):
    """Turns audio into vectors.

    Attributes:
      name: what tables call it; without slashes, which part it from the system in what is stored.
    """

    name: str

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Embed float (2, time) at 44100 Hz as (count, dimensions), one row or several."""


def make_embeddings(names: Sequence[str], models: Sequence[str] = ()) -> list[Embedding]:
    """Return embeddings by name.

    Args:
      names: see the module.
      models: of the evaluation; the encoder is the first one's, without any the packaged model's.

    Raises:
      InputError: an unknown name, weights that cannot be read, or embeddings that results could not
        tell apart.
    """
    made = [_make(name, models) for name in names]
    called = [embedding.name for embedding in made]
    for index, name in enumerate(called):
        if "/" in name or name in called[:index]:
            problem = f"holds {names[index]!r}, which is called {name!r}"
            raise InputError("embeddings", problem, "give each a name of its own, without slashes")
    return made


def encoder_model(models: Sequence[str]) -> str:
    """Return the model whose encoder an evaluation of these models takes, as it was named."""
    return [*models, DEFAULT_MODEL][0]


def _make(name: str, models: Sequence[str]) -> Embedding:
    if name == "encoder":
        return EncoderEmbedding(load_model(encoder_model(models)))
    kind, _, file = name.partition("=")
    if kind in ("vggish", "vggish_pca") and file:
        return VggishEmbedding.load(file, postprocess=kind == "vggish_pca")
    if ":" in name:
        return _imported(name)
    remedy = "give encoder, vggish=<weights file> or <module>:<function>"
    raise InputError("embeddings", f"holds the unknown {name!r}", remedy)


def _imported(name: str) -> Embedding:
    module, _, function = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise InputError("embeddings", f"{name!r}: {error}", "correct the name") from error
    if not isinstance(made, Embedding):
        raise InputError("embeddings", f"{name!r} is no Embedding", "return one with a name")
    return made

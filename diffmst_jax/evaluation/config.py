"""What an evaluation is, as typed settings; `conf/evaluation` holds the values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from diffmst_jax.errors import InputError
from diffmst_jax.training.config import SyntheticConfig
from diffmst_jax.typed_config import read_config

SystemName = Literal["plain_sum", "equal_loudness", "equal_loudness_mono"]


@dataclass(frozen=True)
class ProtocolConfig:
    """Which examples are compared, and at which levels.

    Attributes:
      name: of the protocol.
      examples: how many.
      section: "random", or "fullest" for the window in which most tracks sound.
      duration_s: length of each section.
      mix_lufs: loudness that every system's mix is brought to.
      reference_lufs: loudness that the reference is brought to.
      songs: names of the songs to use; empty for all.
    """

    name: str
    examples: int
    section: Literal["random", "fullest"]
    duration_s: float
    mix_lufs: float
    reference_lufs: float
    songs: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationDataConfig:
    """Where songs and references come from; None for the synthetic corpus."""

    songs: str | None
    references: str | None
    synthetic: SyntheticConfig


@dataclass(frozen=True)
class EvaluationConfig:
    """A whole evaluation.

    Attributes:
      model: a model name or folder, several, or None.
      systems: baselines to put beside the models.
      manifest: stored examples to use instead of drawing new ones.
      seed: of the drawn examples.
      data: songs and references.
      protocol: what is compared.
    """

    model: str | tuple[str, ...] | None
    systems: tuple[SystemName, ...]
    manifest: str | None
    seed: int
    data: EvaluationDataConfig
    protocol: ProtocolConfig

    @property
    def models(self) -> tuple[str, ...]:
        """The models, as a tuple of names or folders."""
        if self.model is None:
            return ()
        return (self.model,) if isinstance(self.model, str) else self.model


def evaluation_config(values: Mapping[str, Any]) -> EvaluationConfig:
    """Turn the composed configuration into a typed one.

    Raises:
      InputError: a missing or unknown key, or a value that cannot be used.
    """
    config = read_config(EvaluationConfig, values, place="evaluation")
    if config.protocol.examples < 1:
        raise InputError("protocol.examples", "is less than 1", "ask for 1 or more")
    if config.protocol.duration_s < 1.0:
        raise InputError("protocol.duration_s", "is less than a second", "ask for more")
    if not config.models and not config.systems:
        raise InputError("systems", "nothing to evaluate", "give model=<folder> or a system")
    return config

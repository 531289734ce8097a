"""Configuration of a model: typed, frozen, complete, and the same after a trip through YAML."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.setting_limits import Count, Natural, Positive
from diffmst_jax.typed_config import plain_config, read_config
from dsp.loudness import MOMENTARY_S


@dataclass(frozen=True)
class TransformerConfig:
    """Size and kind of the controller's transformer encoder; the defaults are the paper's.

    Attributes:
        layers: number of layers.
        heads: attention heads; divides `width`.
        width: size of a token.
        feed_forward: hidden size of the feed-forward part.
        norm_first: layer norm before attention and feed-forward rather than after the residual.
        activation: `"relu"` or `"gelu"`.
    """

    layers: Count = 12
    heads: Count = 8
    width: Count = 512
    feed_forward: Count = 2048
    norm_first: bool = False
    activation: Literal["relu", "gelu"] = "relu"

    def __post_init__(self) -> None:
        """Refuse heads of unequal size."""
        if self.width % self.heads:
            raise ValueError(f"has a width of {self.width}, which {self.heads} heads do not divide")


@dataclass(frozen=True)
class Cnn14Config:
    """The paper's encoder: power-law spectrogram and a VGG-like convolutional network.

    Attributes:
        n_fft: transform length of the spectrogram in samples.
        hop: its hop in samples.
        exponent: magnitudes are raised to this power.
        widths: channels of each block of two convolutions.
        poolings: average pooling after each block, (bins, frames).
    """

    n_fft: Count = 2048
    hop: Count = 512
    exponent: Positive = 0.3
    widths: tuple[Count, ...] = (64, 128, 256, 512, 1024, 2048)
    poolings: tuple[tuple[Count, Count], ...] = ((2, 2), (4, 4), (4, 2), (4, 2), (4, 2), (2, 2))

    @property
    def shortest_samples(self) -> int:
        """Shortest audio that leaves one frame after every pooling."""
        frames = math.prod(pooling for _, pooling in self.poolings)
        return max(self.n_fft // 2 + 1, (frames - 1) * self.hop)


@dataclass(frozen=True)
class CompactConfig:
    """The small encoder: statistics of a Bark spectrogram, and what mixing is known to depend on.

    Attributes:
        n_fft: transform length of the spectrogram in samples.
        hop: its hop in samples.
        bands: Bark bands of the spectrogram.
        conv_width: channels of the convolutions over time; 0 leaves them out.
        hidden: hidden size of the perceptrons that make the tokens.
    """

    n_fft: Count = 4096
    hop: Count = 2048
    bands: Count = 48
    conv_width: Natural = 96
    hidden: Count = 384

    @property
    def shortest_samples(self) -> int:
        """Shortest audio that fills one frame."""
        return self.n_fft


ENCODERS: dict[str, type[Cnn14Config] | type[CompactConfig]] = {
    "cnn14": Cnn14Config,
    "compact": CompactConfig,
}


@dataclass(frozen=True)
class ModelConfig:
    """Everything that says what a model is, apart from its weights.

    Attributes:
        encoder: `Cnn14Config` or `CompactConfig`; which one says which architecture.
        transformer: the controller.
        sample_rate: samples per second of tracks and reference.
        window_samples: length that long songs are cut to for analysis.
        compute_dtype: `"float32"` or `"bfloat16"`, of convolutions and matrix products; weights,
            norms and front ends stay float32. Controls of small models move by less than 0.05.
        remat: recompute activations in the backward pass instead of keeping them.
    """

    encoder: Cnn14Config | CompactConfig = field(default_factory=Cnn14Config)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    sample_rate: Count = SAMPLE_RATE
    window_samples: Count = 262144
    compute_dtype: Literal["float32", "bfloat16"] = "float32"
    remat: bool = False

    def __post_init__(self) -> None:
        """Refuse a window that the encoder cannot embed."""
        least = self.encoder.shortest_samples
        if self.window_samples < least:
            raise ValueError(f"has window_samples of {self.window_samples}, and needs {least}")

    @property
    def architecture(self) -> str:
        """Name of the encoder: `"cnn14"` or `"compact"`."""
        return next(name for name, kind in ENCODERS.items() if isinstance(self.encoder, kind))

    @property
    def shortest_samples(self) -> int:
        """Shortest audio whose loudness can be measured and that the encoder can embed."""
        return max(math.ceil(MOMENTARY_S * self.sample_rate), self.encoder.shortest_samples)

    @classmethod
    def cnn14(cls) -> "ModelConfig":
        """Return the paper's model: 190.9M parameters."""
        return cls()

    @classmethod
    def imported(cls) -> "ModelConfig":
        """Return what a Diff-MST checkpoint holds."""
        return cls.cnn14()

    @classmethod
    def compact(cls) -> "ModelConfig":
        """Return the small model, for CPUs."""
        transformer = TransformerConfig(4, 6, 192, 768, norm_first=True, activation="gelu")
        return cls(encoder=CompactConfig(), transformer=transformer)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, lists and scalars, for YAML; `from_dict` is the inverse."""
        fields = {f.name: plain_config(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"architecture": self.architecture, **fields}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Build a configuration from what `to_dict` gave.

        Raises:
            InputError: a key is missing, unknown, or has a value of the wrong kind.
        """
        if not isinstance(values, Mapping):
            raise InputError("model", f"is {values!r}", "choose one: model=compact or model=cnn14")
        values = dict(values)
        architecture = values.pop("architecture", None)
        if architecture not in list(ENCODERS):  # compared, for it may be a list itself
            remedy = f"choose one of {', '.join(ENCODERS)}"
            raise InputError("model.architecture", f"is {architecture!r}", remedy)
        # The right kind first, so that an error names its settings and not another kind's.
        read_config(ENCODERS[architecture], values.get("encoder", {}), place="model.encoder")
        return read_config(cls, values, place="model")


PRESETS = {"cnn14": ModelConfig.cnn14, "compact": ModelConfig.compact}

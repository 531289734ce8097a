"""Configuration of a model: typed, frozen, complete, and the same after a trip through YAML."""

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import Any

from diffmst_jax.audio import SAMPLE_RATE


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

    layers: int = 12
    heads: int = 8
    width: int = 512
    feed_forward: int = 2048
    norm_first: bool = False
    activation: str = "relu"


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

    n_fft: int = 2048
    hop: int = 512
    exponent: float = 0.3
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    poolings: tuple[tuple[int, int], ...] = ((2, 2), (4, 4), (4, 2), (4, 2), (4, 2), (2, 2))


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

    n_fft: int = 4096
    hop: int = 2048
    bands: int = 48
    conv_width: int = 96
    hidden: int = 384


ENCODERS: dict[str, type[Cnn14Config] | type[CompactConfig]] = {
    "cnn14": Cnn14Config,
    "compact": CompactConfig,
}

COMPUTE_DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True)
class ModelConfig:
    """Everything that says what a model is, apart from its weights.

    Attributes:
        encoder: `Cnn14Config` or `CompactConfig`; which one says which architecture.
        transformer: the controller.
        sample_rate: samples per second of tracks and reference.
        window_samples: length that long songs are cut to for analysis.
        compute_dtype: `"float32"` or `"bfloat16"`, of convolutions and matrix products; weights,
            norms and front ends stay float32.
        remat: recompute activations in the backward pass instead of keeping them.
    """

    encoder: Cnn14Config | CompactConfig = field(default_factory=Cnn14Config)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    sample_rate: int = SAMPLE_RATE
    window_samples: int = 262144
    compute_dtype: str = "float32"
    remat: bool = False

    def __post_init__(self) -> None:
        if self.compute_dtype not in COMPUTE_DTYPES:
            kinds = " or ".join(COMPUTE_DTYPES)
            raise ValueError(f"compute_dtype: got {self.compute_dtype!r}, expected {kinds}")

    @property
    def architecture(self) -> str:
        """Name of the encoder: `"cnn14"` or `"compact"`."""
        return next(name for name, kind in ENCODERS.items() if isinstance(self.encoder, kind))

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
        return {"architecture": self.architecture, **plain(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """Build a configuration from what `to_dict` gave.

        Raises:
            ValueError: a key is missing, unknown, or has a value of the wrong kind.
        """
        values = dict(values)
        architecture = values.pop("architecture", None)
        if architecture not in ENCODERS:
            names = ", ".join(ENCODERS)
            raise ValueError(f"architecture: got {architecture!r}, expected one of {names}")
        encoder = read(ENCODERS[architecture], values.pop("encoder", None), "encoder")
        fields = {f.name: f for f in dataclasses.fields(cls) if f.name != "encoder"}
        _check_keys(values, set(fields), "model")
        hints = typing.get_type_hints(cls)
        rest = {name: read(hints[name], values[name], name) for name in fields}
        return cls(encoder=encoder, **rest)


PRESETS = {"cnn14": ModelConfig.cnn14, "compact": ModelConfig.compact}


def plain(value: Any) -> Any:
    """Turn a dataclass into dictionaries, lists and scalars."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def read(kind: Any, value: Any, place: str) -> Any:
    """Turn a plain value into a `kind`: a dataclass, a tuple or a scalar.

    Raises:
        ValueError: a key is missing or unknown, or a value is of another kind; says at what place.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise ValueError(f"{place}: got {value!r}, expected a mapping")
        hints = typing.get_type_hints(kind)
        names = {f.name for f in dataclasses.fields(kind)}
        _check_keys(value, names, place)
        return kind(**{name: read(hints[name], value[name], f"{place}.{name}") for name in names})
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{place}: got {value!r}, expected a list")
        kinds = typing.get_args(kind)
        inner = kinds[:1] * len(value) if kinds[-1:] == (...,) else kinds
        if len(inner) != len(value):
            raise ValueError(f"{place}: got {value!r}, expected {len(inner)} entries")
        return tuple(read(k, v, place) for k, v in zip(inner, value, strict=True))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{place}: got {value!r}, expected a {kind.__name__}")
    return value


def _check_keys(values: dict[str, Any], expected: set[str], place: str) -> None:
    missing, unknown = expected - set(values), set(values) - expected
    if missing or unknown:
        problems = [f"missing {', '.join(sorted(missing))}"] if missing else []
        problems += [f"unknown {', '.join(sorted(map(str, unknown)))}"] if unknown else []
        raise ValueError(f"{place}: {'; '.join(problems)}")

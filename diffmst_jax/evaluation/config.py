"""What an evaluation is, as typed settings; `conf/evaluation` holds the values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from diffmst_jax.data.corpora_config import CorporaConfig, check_corpora
from diffmst_jax.errors import InputError
from diffmst_jax.setting_limits import Count, Lufs, Natural, NotNegative, Positive, at_least
from diffmst_jax.typed_config import read_config

SystemName = Literal[
    "plain_sum",
    "equal_loudness",
    "equal_loudness_mono",
    "spectral_match",
    "random_console",
    "optimised",
]
ProtocolKind = Literal["table1", "table2", "sections", "transfer", "method1", "tracks"]

SectionLength = Annotated[float, at_least(1.0)]
"""In seconds."""


@dataclass(frozen=True)
class Levels:
    """Loudness in LUFS at which systems are judged; what is judged at others does not compare.

    Attributes:
      mix_lufs: of every system's mix.
      reference_lufs: of the reference.
    """

    mix_lufs: float
    reference_lufs: float

    def __str__(self) -> str:
        return f"mixes at {self.mix_lufs} and references at {self.reference_lufs} LUFS"

    @property
    def options(self) -> str:
        """What to give on the command line for them."""
        return f"protocol.mix_lufs={self.mix_lufs} protocol.reference_lufs={self.reference_lufs}"


@dataclass(frozen=True)
class ProtocolConfig:
    """Which examples are compared, and at which levels.

    Attributes:
      name: what tables call it.
      kind: how examples are drawn, see `protocols`.
      examples: how many examples, or groups of examples (a song with a reference) where the
        protocol makes several of each; table2 has one for each song instead. What would be drawn
        again is left out.
      duration_s: length of each section.
      sections: the most sections of one song or reference.
      track_counts: numbers of tracks, for the protocol "tracks".
      mix_lufs: loudness that every system's mix is brought to.
      reference_lufs: loudness that the reference is brought to.
      songs: names of the songs to use; empty for all.
      references: names of the references to use; with songs listed too, one for each of them.
    """

    name: str
    kind: ProtocolKind
    examples: Count
    duration_s: SectionLength
    sections: Count
    track_counts: tuple[Count, ...]
    mix_lufs: Lufs
    reference_lufs: Lufs
    songs: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def levels(self) -> Levels:
        """Both levels."""
        return Levels(self.mix_lufs, self.reference_lufs)


@dataclass(frozen=True)
class ReportConfig:
    """What the report holds.

    Attributes:
      audio_mb: size of all embedded audio; clips become shorter to fit.
      clip_s: the longest clip.
    """

    audio_mb: NotNegative
    clip_s: Positive


@dataclass(frozen=True)
class EvaluationConfig:
    """A whole evaluation.

    Attributes:
      model: a model name or folder, several, or None.
      refine: steps of refinement; each model is then there twice, as it is and refined. 0 for none.
      optimise: steps of the system "optimised", gradient descent from neutral settings.
      systems: systems to put beside the models.
      finished: folders of finished mixes, as "name=folder", each a system.
      tone: folder of finished mixes whose average spectrum "spectral_match" aims at; None for a
        sloping line.
      embeddings: what Frechet distances are taken on: "encoder", "vggish=<weights>", or
        "<module>:<function>"; empty for none.
      manifest: stored examples to use instead of drawing new ones.
      resume: a run folder to go on in; its settings are used, and no others may be given.
      compare: run folders to show in one report instead of evaluating; beside it, `report` alone
        may be given.
      batch: songs on the device at once, which bounds the memory.
      seed: of the drawn examples.
      data: songs and references.
      protocol: what is compared.
      report: the page.
    """

    model: str | tuple[str, ...] | None
    refine: Natural
    optimise: Count
    systems: tuple[SystemName, ...]
    finished: tuple[str, ...]
    tone: str | None
    embeddings: tuple[str, ...]
    manifest: str | None
    resume: str | None
    compare: tuple[str, ...]
    batch: Count
    seed: Natural
    data: CorporaConfig
    protocol: ProtocolConfig
    report: ReportConfig

    @property
    def models(self) -> tuple[str, ...]:
        """The models, as a tuple of names or folders."""
        if self.model is None:
            return ()
        return (self.model,) if isinstance(self.model, str) else self.model

    @property
    def finished_folders(self) -> dict[str, str]:
        """Folder of finished mixes by name."""
        return dict(entry.split("=", 1) for entry in self.finished)


def evaluation_config(values: Mapping[str, Any]) -> EvaluationConfig:
    """Turn the composed configuration into a typed one.

    Raises:
      InputError: a missing or unknown key, or a value that cannot be used.
    """
    config = read_config(EvaluationConfig, values, place="")
    check_corpora(config.data)
    if config.manifest is None:
        _check_drawn(config.protocol)
    for entry in config.finished:
        if "=" not in entry:
            raise InputError("finished", f"holds {entry!r}", "write each as name=folder")
    if not (config.models or config.systems or config.finished or config.compare):
        raise InputError("systems", "nothing to evaluate", "give model=<folder> or a system")
    return config


def check_overrides(config: EvaluationConfig, overrides: Sequence[str]) -> None:
    """Refuse what stored runs decide, rather than ignore it.

    Args:
      config: where a run is resumed or several are compared; anything may be given otherwise.
      overrides: what was given on the command line, as "key=value".

    Raises:
      InputError: an option that has no effect.
    """
    if config.resume is not None:
        option, used = "resume", {"resume"}
    elif config.compare:
        option, used = "compare", {"compare", "report"}
    else:
        return
    for override in overrides:
        if override.lstrip("+").split("=", 1)[0].split(".", 1)[0] not in used:
            problem = f"cannot be given beside {option}=, where runs keep their own settings"
            raise InputError(override, problem, "leave it out")


def _check_drawn(protocol: ProtocolConfig) -> None:
    """Refuse settings with which a protocol has no example."""
    if protocol.kind in ("transfer", "method1") and protocol.sections < 2:
        problem = f"is 1, and {protocol.kind} needs two of each song"
        raise InputError("protocol.sections", problem, "choose 2 or more")
    if protocol.kind == "tracks" and not protocol.track_counts:
        raise InputError("protocol.track_counts", "is empty", "give numbers of tracks")

"""What a training run is, as typed settings; `conf/` holds the values, one folder per group."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.augmentation import AugmentationConfig
from diffmst_jax.data.corpora_config import CorporaConfig, check_corpora
from diffmst_jax.data.examples import FEWEST_TRACKS
from diffmst_jax.errors import InputError
from diffmst_jax.files import written_beside
from diffmst_jax.losses import AudioFeatureWeights
from diffmst_jax.models import ModelConfig
from diffmst_jax.setting_limits import (
    Count,
    Decay,
    InnerShare,
    Natural,
    NotNegative,
    Positive,
    Share,
    at_least,
)
from diffmst_jax.typed_config import plain_config, read_config

CONFIG_NAME = "config.yaml"


@dataclass(frozen=True)
class DataConfig(CorporaConfig):
    """Where examples come from and what they look like.

    Attributes:
      stream_songs: how many songs to make when they are needed, of the seed, tracks and length in
        `synthetic`, instead of keeping a corpus; None keeps one.
      reference: "unpaired" takes a finished mix of any song (method 2); "random_mix" mixes half
        of the example's own tracks at random on the device and asks for the other half in the
        same way (method 1).
      max_tracks: rows of an example, that is mono channels.
      samples: length of an example at 44.1 kHz, both halves together for random mixes.
      linked_pairs: the two channels of a stereo track share their settings and their level, are
        compressed by one gain and panned as a pair, as `diffmst mix` does; otherwise they are two
        tracks, as in the paper.
      split: file that says which songs are learned from ("train") and held out ("val"), see
        `data.splits`; songs it does not list are left out. None holds out a share by artist.
      validation_share: share of the references held out for validation, and, without a split
        file, of the songs; a song and its own mix are held out together.
      validation_examples: how many examples are drawn from them, the same each time; None for
        as many as pass over each held-out song a few times.
      decoded: folder in which decoded audio is kept, see `data.decoded`; None reads the files.
      augmentation: how much training examples are changed; validation examples never are.
      seed: of order, windows and references.
      workers: processes that prepare examples; 0 for threads of the main process.
    """

    stream_songs: Count | None
    reference: Literal["unpaired", "random_mix"]
    max_tracks: Annotated[int, at_least(FEWEST_TRACKS)]
    samples: int
    linked_pairs: bool
    split: str | None
    validation_share: InnerShare
    validation_examples: Count | None
    decoded: str | None
    augmentation: AugmentationConfig
    seed: Natural
    workers: Natural


@dataclass(frozen=True)
class LossConfig:
    """What training minimises: a weighted sum of losses.

    All but the first need a ground truth, so random mixes.

    Attributes:
      audio_features: weight of the audio-feature loss.
      mrstft: weight of the multi-resolution STFT loss on left and right.
      sum_difference: weight of the same loss on the sum and the difference of left and right.
      parameters: weight of the mean squared error of the controls, those in use.
      stft: terms and resolutions of both STFT losses: the paper's, or auraloss's defaults.
      normalize: bring the predicted mix to -16 LUFS before comparing.
      feature_weights: weights inside the audio-feature loss.
    """

    audio_features: NotNegative
    mrstft: NotNegative
    sum_difference: NotNegative
    parameters: NotNegative
    stft: Literal["paper", "auraloss"]
    normalize: bool
    feature_weights: AudioFeatureWeights


NEED_TRUTH = ("mrstft", "sum_difference", "parameters")


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, with gradient clipping and accumulation.

    Attributes:
      learning_rate: peak learning rate.
      b1: decay of the first moment.
      b2: decay of the second moment.
      weight_decay: decoupled, 0 for plain Adam.
      clip_norm: largest global norm of the gradient; 1e9 never clips.
      accumulate: batches per update.
      ema_decay: per update, of the averaged weights that are validated and exported; 0 for none.
      skip_nonfinite: give up after this many batches in a row whose loss or gradient is not
        finite; until then they are skipped.
    """

    learning_rate: NotNegative
    b1: Decay
    b2: Decay
    weight_decay: NotNegative
    clip_norm: Positive
    accumulate: Count
    ema_decay: Decay
    skip_nonfinite: Count


@dataclass(frozen=True)
class ScheduleConfig:
    """Learning rate over time.

    Attributes:
      kind: "constant"; "cosine", down to `final_share` at the last step; or "step", down to
        `final_share` in equal ratios at each of `drops`.
      warmup_steps: updates of a linear rise from 0.
      final_share: of the peak, at the end.
      drops: shares of the run (0 to 1) at which a "step" schedule falls.
    """

    kind: Literal["constant", "cosine", "step"]
    warmup_steps: Natural
    final_share: NotNegative
    drops: tuple[Share, ...]


@dataclass(frozen=True)
class CurriculumConfig:
    """From which step on each effect is in use; until then it is neutral, in random mixes too.

    Validation always uses all of them, for so does whoever uses the model.

    Attributes:
      equalizer: of the tracks.
      compressor: of the tracks.
      pan: of the tracks.
      reverb: the tracks' sends and the effects bus (heard with `console=reverb`).
      master_bus: everything on it.
    """

    equalizer: Natural
    compressor: Natural
    pan: Natural
    reverb: Natural
    master_bus: Natural


@dataclass(frozen=True)
class TrainerConfig:
    """How long, how often, and on what.

    Attributes:
      steps: batches in all.
      max_seconds: stop at the next step after this long, None for no limit; the schedule still
        counts `steps`.
      batch_size: examples per batch, on all devices together.
      seed: of weights and random mixes.
      log_every: steps between logged scalars.
      validate_every: steps between validations; the last step is always validated.
      checkpoint_every: steps between checkpoints; the last step is always kept.
      init_from: model folder to start from, None for random weights.
      curriculum: from which step on each effect is in use.
      devices: how many to train on, those of all processes together; None for as many as divide
        the batch.
      fsdp: how many devices share one copy of parameters, moments and averages; 1 keeps a copy on
        each.
      distributed: be one of several processes, see `devices.join_processes`.
    """

    steps: Count
    max_seconds: NotNegative | None
    batch_size: Count
    seed: Natural
    log_every: Count
    validate_every: Count
    checkpoint_every: Count
    init_from: str | None
    curriculum: CurriculumConfig
    devices: Count | None
    fsdp: Count
    distributed: bool


@dataclass(frozen=True)
class LoggerConfig:
    """What TensorBoard gets.

    Attributes:
      tensorboard: write event files at all.
      audio_examples: validation mixes and references written as audio at each validation.
    """

    tensorboard: bool
    audio_examples: Natural


@dataclass(frozen=True)
class TrainConfig:
    """A whole run.

    Attributes:
      name: of the experiment.
    """

    name: str
    model: ModelConfig
    console: dsp.ConsoleConfig
    data: DataConfig
    loss: LossConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    trainer: TrainerConfig
    logger: LoggerConfig


def train_config(values: Mapping[str, Any]) -> TrainConfig:
    """Turn the composed configuration into a typed one.

    Raises:
      InputError: a missing or unknown key, a value of the wrong kind or size, or settings that do
        not go together.
    """
    config = read_config(TrainConfig, values, place="")
    _check_together(config)
    return config


def _check_together(config: TrainConfig) -> None:
    """Refuse settings that are each fine and together are not."""
    needing = [name for name in NEED_TRUTH if getattr(config.loss, name)]
    features = config.loss.audio_features and any(astuple(config.loss.feature_weights))
    if not (needing or features):
        raise InputError("loss", "gives every term the weight 0", "give one of them another")
    if needing and config.data.reference != "random_mix":
        raise InputError(
            f"loss.{needing[0]}",
            "compares with a ground truth, which unpaired references do not have",
            "use references=random_mix or loss=audio_features",
        )
    check_corpora(config.data)
    if config.model.sample_rate != SAMPLE_RATE:
        problem = (
            f"is {config.model.sample_rate}: whatever the files have is heard at {SAMPLE_RATE} Hz"
        )
        raise InputError("model.sample_rate", problem, f"give {SAMPLE_RATE}")
    # The model hears one half of a random mix's example.
    shortest = config.model.shortest_samples * (2 if config.data.reference == "random_mix" else 1)
    if config.data.samples < shortest:
        problem = f"is {config.data.samples}: the model needs {shortest} samples"
        raise InputError("data.samples", problem, "enlarge it")


def save_train_config(path: Path, config: TrainConfig) -> None:
    """Write the resolved configuration as YAML."""
    with written_beside(path) as temporary:
        temporary.write_text(yaml.safe_dump(plain_config(config), sort_keys=False))


def load_train_values(run_dir: Path) -> dict[str, Any]:
    """Read what `save_train_config` stored in a run folder.

    Raises:
      InputError: `run_dir` is no run folder.
    """
    path = run_dir / CONFIG_NAME
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        problem = "is not the folder of a training run (no readable config.yaml)"
        raise InputError(run_dir, problem, "give runs/<experiment>/<time>") from error
    if not isinstance(values, dict) or not isinstance(values.get("trainer"), dict):
        problem = "holds no settings of a training run"
        raise InputError(path, problem, "give runs/<experiment>/<time>, not the model in it")
    return values

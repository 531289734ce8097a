import dataclasses
from pathlib import Path

import pytest
import yaml

import dsp
from diffmst_jax.errors import InputError
from diffmst_jax.models import PRESETS, ModelConfig
from diffmst_jax.training.config import (
    CONFIG_NAME,
    load_train_values,
    save_train_config,
    train_config,
)
from diffmst_jax.typed_config import plain_config
from tests.training.conftest import CONF, composed

EXPERIMENTS = sorted(path.stem for path in (Path(CONF) / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_is_complete(experiment):
    config = train_config(composed(f"experiment={experiment}", "trainer.init_from=some/model"))
    assert config.trainer.steps > 0


@pytest.mark.parametrize(
    ("experiment", "tracks", "steps"),
    [
        ("mrstft_8", 8, 1_160_000),
        ("mrstft_16", 16, 1_160_000),
        ("mrstft_af_8", 8, 20_000),
        ("mrstft_af_16", 16, 20_000),
        ("af_16", 16, 1_160_000),
    ],
)
def test_the_papers_experiments_are_as_long_and_wide_as_in_the_paper(experiment, tracks, steps):
    config = train_config(composed(f"experiment={experiment}", "trainer.init_from=some/model"))
    assert (config.data.max_tracks, config.trainer.steps) == (tracks, steps)
    optimizer = config.optimizer
    found = optimizer.learning_rate, optimizer.accumulate, optimizer.clip_norm
    assert (*found, config.trainer.batch_size) == (1e-5, 4, 10.0, 2)


@pytest.mark.parametrize(
    ("choice", "weights", "stft"),
    [
        ("audio_features", (1, 0, 0, 0), "paper"),
        ("mrstft", (0, 1, 0, 0), "paper"),
        ("mrstft_auraloss", (0, 1, 0, 0), "auraloss"),
        ("sum_difference", (0, 0, 1, 0), "paper"),
        ("parameters", (0, 0, 0, 1), "paper"),
    ],
)
def test_each_loss_can_be_chosen(choice, weights, stft):
    values = composed("experiment=smoke", "references=random_mix", f"loss={choice}")
    loss = train_config(values).loss
    found = loss.audio_features, loss.mrstft, loss.sum_difference, loss.parameters
    assert (found, loss.stft) == (weights, stft)


@pytest.mark.parametrize("model", ["compact", "cnn14", "compact_tiny", "cnn14_tiny"])
def test_every_model_goes_with_every_experiment(model):
    for experiment in ("smoke", "mrstft_8", "compact"):
        config = train_config(composed(f"experiment={experiment}", f"model={model}"))
        assert config.model.architecture == model.removesuffix("_tiny")


@pytest.mark.parametrize(
    ("references", "samples", "least"),
    [("synthetic", 17639, 17640), ("random_mix", 35279, 35280)],
)
def test_examples_are_long_enough_for_the_model(references, samples, least):
    """Of a random mix the model hears one half."""
    values = composed("experiment=smoke", f"references={references}", f"data.samples={samples}")
    with pytest.raises(InputError, match=f"data.samples: is {samples}: .* {least} samples"):
        train_config(values)
    values["data"]["samples"] = least
    assert train_config(values).data.samples == least


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_opens_with_its_command(experiment):
    head = (Path(CONF) / "experiment" / f"{experiment}.yaml").read_text().split("\ndefaults:")[0]
    assert f"python train.py experiment={experiment}" in head
    assert "Expected" in head


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_model_group_says_what_the_preset_is(name):
    stored = yaml.safe_load((Path(CONF) / "model" / f"{name}.yaml").read_text())
    assert stored == PRESETS[name]().to_dict()


@pytest.mark.parametrize(
    ("name", "config"),
    [("default", dsp.ConsoleConfig()), ("diffmst", dsp.ConsoleConfig.diffmst())],
)
def test_console_group_says_what_the_preset_is(name, config):
    stored = yaml.safe_load((Path(CONF) / "console" / f"{name}.yaml").read_text())
    assert stored == dataclasses.asdict(config)


def test_unknown_key_is_refused_with_the_nearest_one():
    values = composed("experiment=smoke", "+trainer.stepz=3")
    with pytest.raises(InputError, match=r"trainer\.stepz: is no known setting.*steps"):
        train_config(values)


@pytest.mark.parametrize("key", ["loss.mrstft", "trainer.steps", "data.synthetic.songs"])
def test_missing_key_is_named(key):
    values = composed("experiment=smoke")
    *path, last = key.split(".")
    section = values
    for name in path:
        section = section[name]
    del section[last]
    with pytest.raises(InputError, match=key):
        train_config(values)


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("trainer.steps=many", "trainer.steps"),
        ("trainer.steps=0", "trainer.steps"),
        ("trainer.batch_size=0", "trainer.batch_size"),
        ("trainer.log_every=0", "trainer.log_every"),
        ("trainer.validate_every=0", "trainer.validate_every"),
        ("trainer.checkpoint_every=-1", "trainer.checkpoint_every"),
        ("trainer.max_seconds=-1", "trainer.max_seconds"),
        ("trainer.max_seconds=nan", "trainer.max_seconds"),
        ("trainer.devices=0", "trainer.devices"),
        ("trainer.seed=-1", "trainer.seed"),
        ("trainer.curriculum.reverb=-1", "trainer.curriculum.reverb"),
        ("trainer.fsdp=0", "trainer.fsdp"),
        ("optimizer.learning_rate=-1e-3", "optimizer.learning_rate"),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate"),
        ("optimizer.learning_rate=inf", "optimizer.learning_rate"),
        ("optimizer.b1=1", "optimizer.b1"),
        ("optimizer.b2=-0.1", "optimizer.b2"),
        ("optimizer.weight_decay=-1", "optimizer.weight_decay"),
        ("optimizer.clip_norm=0", "optimizer.clip_norm"),
        ("optimizer.accumulate=0", "optimizer.accumulate"),
        ("optimizer.ema_decay=1", "optimizer.ema_decay"),
        ("optimizer.skip_nonfinite=0", "optimizer.skip_nonfinite"),
        ("schedule.warmup_steps=-1", "schedule.warmup_steps"),
        ("schedule.final_share=-0.1", "schedule.final_share"),
        ("schedule.drops=[0.5,1.1]", "schedule.drops[1]"),
        ("data.validation_share=1", "data.validation_share"),
        ("data.validation_examples=0", "data.validation_examples"),
        ("data.validation_examples=-1", "data.validation_examples"),
        ("data.stream_songs=0", "data.stream_songs"),
        ("data.max_tracks=1", "data.max_tracks"),
        ("data.seed=-1", "data.seed"),
        ("data.workers=-1", "data.workers"),
        ("data.augmentation.gain_db=inf", "data.augmentation.gain_db"),
        ("data.synthetic.seed=-1", "data.synthetic.seed"),
        ("data.synthetic.duration_s=nan", "data.synthetic.duration_s"),
        ("logger.audio_examples=-1", "logger.audio_examples"),
        ("loss.audio_features=-1", "loss.audio_features"),
        ("loss.audio_features=nan", "loss.audio_features"),
        ("loss.feature_weights.rms=-1", "loss.feature_weights.rms"),
        ("data.reference=paired", "data.reference"),
        ("data.synthetic.tracks=[1,2,3]", "data.synthetic.tracks"),
        ("console.pan_law=loud", "console"),
        ("model.encoder.hidden=wide", "model.encoder.hidden"),
        ("model.sample_rate=48000", "model.sample_rate"),
        ("loss=mrstft", "loss.mrstft"),
        ("loss=sum_difference", "loss.sum_difference"),
        ("loss=parameters", "loss.parameters"),
        ("loss.audio_features=0", "loss"),
        (
            "loss.feature_weights={rms: 0, crest_factor: 0, stereo_width: 0, "
            "stereo_imbalance: 0, bark_spectrum: 0}",
            "loss",
        ),
        ("loss.stft=fast", "loss.stft"),
    ],
)
def test_wrong_value_is_refused_with_its_place(override, place):
    with pytest.raises(InputError) as caught:
        train_config(composed("experiment=smoke", override))
    assert caught.value.path == place


def test_none_stands_for_numbers_that_need_not_be_given():
    left = ("data.validation_examples", "data.stream_songs", "trainer.devices")
    config = train_config(composed("experiment=smoke", *(f"{name}=null" for name in left)))
    assert config.data.validation_examples is config.trainer.devices is None


def test_names_that_yaml_takes_for_numbers_are_names():
    config = train_config(composed("experiment=smoke", "name=2026", "data.songs=[1984,b]"))
    assert (config.name, config.data.songs) == ("2026", ("1984", "b"))


def test_config_survives_its_file(tmp_path):
    config = train_config(composed("experiment=packaged"))
    save_train_config(tmp_path / CONFIG_NAME, config)
    assert train_config(load_train_values(tmp_path)) == config
    assert plain_config(config)["model"]["architecture"] == "compact"


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="not the folder of a training run"):
        load_train_values(tmp_path)
    (tmp_path / CONFIG_NAME).write_text(yaml.safe_dump(ModelConfig.compact().to_dict()))
    with pytest.raises(InputError, match="not the model in it"):
        load_train_values(tmp_path)

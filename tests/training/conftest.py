"""Settings of a run so small that compiling it is most of the work."""

import copy
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from diffmst_jax.models import Cnn14Config
from diffmst_jax.training.config import TrainConfig, train_config
from tests.compiling import quickly
from tests.data.conftest import corpus  # noqa: F401  (a fixture)

CONF = str(Path(__file__).parents[2] / "conf")


def composed(*overrides: str) -> dict[str, Any]:
    """Plain values of a command line: what Hydra composes, which reads no file twice."""
    given = OverridesParser.create().parse_overrides(list(overrides))
    values = [o for o in given if "." in o.key_or_group and not o.is_add()]
    settings = copy.deepcopy(_composed(*(o.input_line for o in given if o not in values)))
    for override in values:
        OmegaConf.update(settings, override.key_or_group, override.value())
    plain = OmegaConf.to_container(settings, resolve=True)
    assert isinstance(plain, dict)
    plain.pop("resume")
    return {str(key): value for key, value in plain.items()}


@functools.cache
def _composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose("config", overrides=["name=test", *overrides])


@pytest.fixture(autouse=True)
def compiled_quickly() -> Iterator[None]:
    """Compiling is most of the work of a run of four steps."""
    with quickly():
        yield


@pytest.fixture
def tiny(corpus: Path) -> TrainConfig:  # noqa: F811
    """A one-layer model on half a second of audio, with a console of gain and pan only.

    Its learning rate is constant: runs of any length are one program to compile.
    """
    values = composed(
        "experiment=smoke",
        "console.track_equalizer=false",
        "console.track_compressor=false",
        "console.master_bus=false",
        f"data.songs={corpus}",
        f"data.references={corpus}",
        "data.samples=20000",
        "logger.tensorboard=false",
        "logger.audio_examples=0",
        "optimizer.ema_decay=0.5",
        "schedule=constant",
        "trainer.steps=4",
    )
    return train_config(values)


@pytest.fixture
def tiny_cnn(tiny: TrainConfig) -> TrainConfig:
    """The same with the paper's kind of model, whose step takes a third to trace and compile."""
    encoder = Cnn14Config(n_fft=512, hop=256, widths=(2, 4), poolings=((4, 2), (4, 2)))
    return dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, encoder=encoder))

"""Settings of a run so small that compiling it is most of the work."""

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from diffmst_jax.training.config import TrainConfig, train_config
from tests.compiling import quickly
from tests.data.conftest import corpus  # noqa: F401  (a fixture)

CONF = str(Path(__file__).parents[2] / "conf")


def composed(*overrides: str) -> dict[str, Any]:
    """Plain values of a command line."""
    return copy.deepcopy(_composed(*overrides))


@functools.cache
def _composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(CONF, version_base="1.3"):
        settings = compose("config", overrides=["name=test", *overrides])
    values = OmegaConf.to_container(settings, resolve=True)
    assert isinstance(values, dict)
    values.pop("resume")
    return {str(key): value for key, value in values.items()}


@pytest.fixture(autouse=True)
def compiled_quickly() -> Iterator[None]:
    """Compiling is most of the work of a run of four steps."""
    with quickly():
        yield


@pytest.fixture
def tiny(corpus: Path) -> TrainConfig:  # noqa: F811
    """A one-layer model on half a second of audio, with a console of gain and pan only."""
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
        "trainer.steps=4",
    )
    return train_config(values)

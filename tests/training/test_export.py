"""The model that a run starts from."""

import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx
from hydra import compose, initialize_config_dir

import dsp
from diffmst_jax.errors import InputError
from diffmst_jax.models.folder import flat_weights, save_model
from diffmst_jax.training.export import starting_model
from diffmst_jax.training.settings import read_settings
from tests.models.small import SMALL, model
from tests.training.conftest import CONF


@pytest.fixture
def saved(tmp_path):
    save_model(tmp_path / "m", model("cnn14"), SMALL["cnn14"], "", console=dsp.ConsoleConfig())
    return str(tmp_path / "m")


def starting_from(tiny, folder, *, resumed=False, **changes):
    trainer = dataclasses.replace(tiny.trainer, init_from=folder)
    settings = dataclasses.replace(SMALL["cnn14"], **changes)
    config = dataclasses.replace(tiny, model=settings, trainer=trainer)
    return starting_model(config, resumed=resumed)


def test_a_run_computes_as_its_settings_say_whatever_its_model_did(tiny, saved):
    changes = {"compute_dtype": "bfloat16", "remat": True, "window_samples": 30000}
    module = starting_from(tiny, saved, **changes)
    assert module.config == dataclasses.replace(SMALL["cnn14"], **changes)
    norms = [part for _, part in nnx.iter_modules(module) if isinstance(part, nnx.BatchNorm)]
    assert norms
    assert not any(norm.use_running_average for norm in norms), "not in training mode"
    found = flat_weights(module)
    for name, weights in flat_weights(model("cnn14")).items():
        np.testing.assert_array_equal(found[name], weights)


def test_a_model_of_another_size_is_refused(tiny, saved):
    transformer = dataclasses.replace(SMALL["cnn14"].transformer, heads=4)
    with pytest.raises(InputError, match="another architecture or size"):
        starting_from(tiny, saved, transformer=transformer)


def test_a_resumed_run_does_without_the_model_it_started_from(tiny, saved):
    """All its weights are in its checkpoint, which fits a model that was never in that folder."""
    read = nnx.split(starting_from(tiny, saved))
    made = nnx.split(starting_from(tiny, "gone", resumed=True))
    assert made[0] == read[0]
    shapes = [[leaf.shape for leaf in jax.tree.leaves(state)] for _, state in (read, made)]
    assert shapes[0] == shapes[1]


def test_a_model_that_cannot_be_started_from_is_refused_with_the_settings(tmp_path, saved):
    """Before data is found or made."""
    (tmp_path / "config.yaml").write_text("name: a run\n")
    for folder, problem in (
        ("nowhere", "nowhere: is no folder and no packaged model"),
        (str(tmp_path), "is not the configuration of a model; .*RUN/model"),
        (saved, "another architecture or size"),
    ):
        with initialize_config_dir(CONF, version_base="1.3"):
            settings = compose("config", overrides=["name=test", f"trainer.init_from={folder}"])
        with pytest.raises(InputError, match=problem):
            read_settings(settings, ())

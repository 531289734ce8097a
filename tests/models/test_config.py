"""Configuration of models, and the counts that follow from it."""

import dataclasses

import jax
import numpy as np
import pytest
import yaml
from flax import nnx

from diffmst_jax.errors import InputError
from diffmst_jax.models import PRESETS, Controls, ModelConfig, build_model
from tests.compiling import quick_jit
from tests.models.small import SMALL, fresh, song

PAPER_MILLIONS = {"track_encoder": 76.5264, "mix_encoder": 76.5264, "controller": 37.8712}


def parameters(module: nnx.Module) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def test_paper_s_model_has_the_paper_s_size():
    module = nnx.eval_shape(lambda: build_model(ModelConfig.cnn14(), rngs=nnx.Rngs(0)))
    heads = sum(map(parameters, (module.track_head, module.fx_bus_head, module.master_head)))
    sizes = {name: parameters(getattr(module, name)) for name in PAPER_MILLIONS}
    sizes["controller"] += heads
    assert {n: round(s / 1e6, 4) for n, s in sizes.items()} == PAPER_MILLIONS
    assert round(parameters(module) / 1e6, 2) == 190.92


def test_compact_model_is_small():
    module = nnx.eval_shape(lambda: build_model(ModelConfig.compact(), rngs=nnx.Rngs(0)))
    assert 1_000_000 < parameters(module) < 8_000_000


@pytest.mark.parametrize("config", [*(make() for make in PRESETS.values()), *SMALL.values()])
def test_yaml_and_back_is_the_same(config):
    text = yaml.safe_dump(config.to_dict())
    assert ModelConfig.from_dict(yaml.safe_load(text)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "resnet"}, "model.architecture: is 'resnet'"),
        ({"architecture": "cnn14"}, "model.encoder.bands: is no known setting"),
        ({"colour": 1}, "model.colour: is no known setting"),
        ({"sample_rate": "fast"}, "model.sample_rate: is 'fast'"),
        ({"transformer": {"layers": 2}}, "model.transformer.heads: is missing"),
        ({"encoder": 3}, "model.encoder: is 3"),
        ({"compute_dtype": "float8"}, "model.compute_dtype: is 'float8'"),
    ],
)
def test_what_is_unknown_missing_or_wrong_is_named(change, message):
    with pytest.raises(InputError, match=message):
        ModelConfig.from_dict(ModelConfig.compact().to_dict() | change)


def test_a_missing_key_is_named():
    values = ModelConfig.cnn14().to_dict()
    del values["remat"]
    with pytest.raises(InputError, match=r"model.remat: is missing"):
        ModelConfig.from_dict(values)


@pytest.mark.parametrize("name", ["cnn14", "compact"])
def test_options_that_change_only_how_it_is_computed(name):
    """Bfloat16 stays within 0.05 of a control, and rematerialisation changes nothing."""
    tracks, reference = song(3)

    def answer(**options) -> Controls:
        config = dataclasses.replace(SMALL[name], **options)
        module = fresh(name, config)
        module.eval()
        graph, weights = nnx.split(module)
        audio = tracks[None], reference[None], np.ones((1, 3), bool)
        return quick_jit(lambda weights: nnx.merge(graph, weights)(*audio))(weights)

    plain, remat, half = answer(), answer(remat=True), answer(compute_dtype="bfloat16")
    for exact, again, rough in zip(plain, remat, half, strict=True):
        assert abs(exact - again).max() < 1e-6
        assert 0 < abs(exact - rough).max() < 0.05
        assert rough.dtype == exact.dtype

"""Configuration of models, and the counts that follow from it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from flax import nnx

from diffmst_jax.errors import InputError
from diffmst_jax.models import PRESETS, Controls, ModelConfig, build_model
from diffmst_jax.models.build import Keys
from tests.compiling import quick_jit
from tests.models.small import SMALL, fresh, predict, song, unbatched

TRANSFORMER, ENCODER = (ModelConfig.compact().to_dict()[key] for key in ("transformer", "encoder"))
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


def test_keys_are_those_of_flax():
    ours, theirs = Keys(3), nnx.Rngs(3)
    for _ in range(3):
        np.testing.assert_array_equal(*map(jax.random.key_data, (ours.params(), theirs.params())))


@pytest.mark.parametrize("config", [*(make() for make in PRESETS.values()), *SMALL.values()])
def test_yaml_and_back_is_the_same(config):
    text = yaml.safe_dump(config.to_dict())
    assert ModelConfig.from_dict(yaml.safe_load(text)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "resnet"}, "model.architecture: is 'resnet'"),
        ({"architecture": ["compact"]}, r"model.architecture: is \['compact'\]; choose one of"),
        ({"architecture": "cnn14"}, "model.encoder.bands: is no known setting"),
        ({"colour": 1}, "model.colour: is no known setting"),
        ({"sample_rate": "fast"}, "model.sample_rate: is 'fast'"),
        ({"transformer": {"layers": 2}}, "model.transformer.heads: is missing"),
        ({"encoder": 3}, "model.encoder: is 3"),
        ({"compute_dtype": "float8"}, "model.compute_dtype: is 'float8'"),
        ({"window_samples": 0}, "model.window_samples: is 0; choose 1 or more"),
        ({"window_samples": 4095}, "model: has window_samples of 4095, and needs 4096"),
        ({"transformer": TRANSFORMER | {"layers": 0}}, "model.transformer.layers: is 0"),
        ({"transformer": TRANSFORMER | {"heads": 5}}, "which 5 heads do not divide"),
        ({"encoder": ENCODER | {"hop": 0}}, "model.encoder.hop: is 0"),
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


AUDIO = tuple(part[None] for part in (*song(3), np.ones(3, bool)))


def built(name, **options):
    return nnx.split(
        fresh(name, dataclasses.replace(SMALL[name], **options)), nnx.Param, nnx.BatchStat, ...
    )


@pytest.mark.parametrize("name", ["cnn14", "compact"])
def test_bfloat16_stays_within_a_twentieth_of_a_control(name):
    graph, *weights = built(name, compute_dtype="bfloat16")

    def call(*weights) -> Controls:
        module = nnx.merge(graph, *weights)
        module.eval()
        return unbatched(module(*AUDIO))

    answers = jax.device_get((predict(name, *song(3)), quick_jit(call)(*weights)))
    for exact, rough in zip(*answers, strict=True):
        assert 0 < abs(exact - rough).max() < 0.05
        assert rough.dtype == exact.dtype


def test_rematerialisation_changes_neither_answer_nor_gradient_nor_batch_statistics():
    """Of the paper's model in training; `compact` shares the transformer, all that it remakes."""

    def trained(**options):
        graph, *weights, rest = built("cnn14", **options)

        def loss(params, statistics):
            module = nnx.merge(graph, params, statistics, rest, copy=True)
            answer = module(*AUDIO)
            error = sum(jnp.mean(jnp.square(group - 0.3)) for group in answer)
            return error, (answer, nnx.state(module, nnx.BatchStat))

        run = quick_jit(jax.value_and_grad(loss, has_aux=True))
        kept = jax.eval_shape(lambda *weights: jax.vjp(loss, *weights, has_aux=True)[1], *weights)
        return run(*weights), sum(leaf.size for leaf in jax.tree.leaves(kept))

    (plain, kept), (again, remade) = trained(), trained(remat=True)
    assert remade < 0.5 * kept, "as much is kept for the backward pass"
    for exact, same in zip(*map(jax.tree.leaves, jax.device_get((plain, again))), strict=True):
        np.testing.assert_allclose(same, exact, atol=1e-6 * max(1.0, float(abs(exact).max())))
    assert fresh("compact", dataclasses.replace(SMALL["compact"], remat=True)).controller.remat

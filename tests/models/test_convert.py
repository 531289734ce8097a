"""Import of Diff-MST checkpoints: parity at full size, and every way a file can be wrong."""

import json
import math
import sys
import zlib

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

import dsp
from diffmst_jax.errors import InputError
from diffmst_jax.models import ModelConfig, load_model
from diffmst_jax.models.cnn14 import Cnn14Model
from diffmst_jax.models.convert import (
    convert_checkpoint,
    convert_entries,
    read_state_dict,
    reference_name,
)
from diffmst_jax.models.folder import flat_weights, module_with_weights, weight_shapes
from tests import golden
from tests.compiling import quick_jit
from tests.models.small import SMALL, model
from tests.test_torch_file import NO_TORCH, StandInTensor, stand_in_torch

TOLERANCE = 1e-4


def entry_by_rule(name: str, shape: tuple[int, ...], salt: str) -> np.ndarray:
    """An entry of the checkpoint that the golden values were computed with."""
    rng = np.random.default_rng(zlib.crc32((salt + name).encode()))
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if name.endswith("running_mean"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    values = rng.standard_normal(shape)
    if len(shape) < 2:
        return (float(name.endswith("weight")) + 0.1 * values).astype(np.float32)
    if name.endswith("embedding"):
        return values.astype(np.float32)
    values *= math.sqrt(2 / math.prod(shape[1:]))  # in place: there are 190 million of them
    return values.astype(np.float32)


def test_names_and_shapes_are_those_of_the_reference():
    listed = json.loads(golden.path("diffmst_state_dict.json").read_text())
    expected = {n: s for n, s in listed.items() if not n.endswith(("batches_tracked", "window"))}
    ours = weight_shapes(ModelConfig.imported())
    assert {reference_name(name) for name in ours} == set(expected)
    sizes = {reference_name(name): math.prod(shape) for name, shape in ours.items()}
    assert sizes == {name: math.prod(shape) for name, shape in expected.items()}


@pytest.mark.slow
def test_an_imported_model_gives_the_reference_s_embeddings_and_controls():
    z = golden.load("diffmst_model.npz")
    listed = json.loads(golden.path("diffmst_state_dict.json").read_text())
    state = {
        name: entry_by_rule(name, tuple(shape), str(z["salt"]))
        for name, shape in listed.items()
        if not name.endswith(("batches_tracked", "window"))
    }
    config = ModelConfig.imported()
    module = module_with_weights(config, convert_entries(state, config, "golden"), "golden")
    assert isinstance(module, Cnn14Model)
    module.eval()
    graph, weights = nnx.split(module)
    mask = np.array([[True, True, True, False]])

    @quick_jit
    def run(weights, tracks, reference, mask):
        merged = nnx.merge(graph, weights)
        track, mix = merged.embed_tracks(tracks, mask[:, :3]), merged.embed_mix(reference)
        # One padded track of garbage: it has to change nothing.
        more = jnp.concatenate([track, jnp.ones_like(track[:, :1])], axis=1)
        padded, unpadded = (
            merged.settings(more, mix, mask),
            merged.settings(track, mix, mask[:, :3]),
        )
        return (track, mix), padded, unpadded

    (track, mix), padded, unpadded = run(weights, z["tracks"], z["reference"], mask)
    np.testing.assert_allclose(track[0], z["track_embeddings"], atol=TOLERANCE)
    np.testing.assert_allclose(mix[0], z["mix_embeddings"], atol=TOLERANCE)
    expected = (z["track_params"], z["fx_bus_params"], z["master_bus_params"])
    for ours in (padded._replace(track=padded.track[:, :3]), unpadded):
        for group, golden_group in zip(ours, expected, strict=True):
            np.testing.assert_allclose(group, golden_group, atol=TOLERANCE)
    # What is left of a difference does not matter in the reference console's mix at full scale.
    mixes = [reference_mix(z["tracks"][0], [g[0] for g in c]) for c in (unpadded, expected)]
    full_scale = np.abs(mixes[1]).max()
    assert full_scale > 0
    np.testing.assert_allclose(*(mix / full_scale for mix in mixes), atol=TOLERANCE)


@quick_jit
def reference_mix(tracks, controls):
    """The mix of the reference implementation's console, `(2, time)`."""
    params = dsp.console_params(*controls, sample_rate=44100)
    console = dsp.ConsoleConfig.diffmst()
    return dsp.mix_console(tracks, params, console, sample_rate=44100).mix


def small_state() -> dict[str, np.ndarray]:
    """The small model's weights as the reference would store them."""
    state = {}
    for name, array in flat_weights(model("cnn14")).items():
        kernel = name.endswith(".kernel")
        turned = np.moveaxis(array, (-1, -2), (0, 1)) if kernel else array
        state[reference_name(name)] = np.ascontiguousarray(turned)
    state["track_encoder.window"] = np.hanning(256).astype(np.float32)
    state["track_encoder.model.conv_block1.bn1.num_batches_tracked"] = np.array(1000)
    return state


def write(path, state):
    if path.suffix == ".npz":
        np.savez(path, **state)
    elif path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch = pytest.importorskip("torch", reason=NO_TORCH)
        tensors = {f"model.{name}": torch.from_numpy(array.copy()) for name, array in state.items()}
        other = {"loss.window": torch.ones(3)}
        torch.save({"state_dict": tensors | other, "epoch": 3, "optimizer_states": []}, path)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".ckpt"])
def test_every_kind_of_file_becomes_the_same_model(tmp_path, suffix):
    checkpoint = write(tmp_path / f"weights{suffix}", small_state())
    convert_checkpoint(checkpoint, tmp_path / "model", SMALL["cnn14"])
    loaded = load_model(tmp_path / "model")
    assert loaded.console == dsp.ConsoleConfig.diffmst()
    expected, found = flat_weights(model("cnn14")), flat_weights(loaded.module)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    assert checkpoint.name in (tmp_path / "model" / "README.md").read_text()


def test_a_lightning_checkpoint_is_cut_to_the_model(tmp_path, monkeypatch):
    state = {n: a.astype(np.float64) for n, a in small_state().items()}
    tensors = {f"model.{name}": StandInTensor(array) for name, array in state.items()}
    tensors["loss.window"] = StandInTensor(np.ones(3))
    content = {"state_dict": tensors | {"loss.kind": "mean"}, "epoch": 3}
    monkeypatch.setitem(sys.modules, "torch", stand_in_torch(lambda: content))
    (tmp_path / "weights.CKPT").touch()
    convert_checkpoint(tmp_path / "weights.CKPT", tmp_path / "model", SMALL["cnn14"])
    found = flat_weights(load_model(tmp_path / "model").module)
    for name, array in flat_weights(model("cnn14")).items():
        np.testing.assert_array_equal(found[name], array)


def test_double_and_half_precision_become_single(tmp_path):
    path = write(tmp_path / "w.npz", {"a": np.ones(2), "b": np.ones(2, np.float16)})
    assert {a.dtype for a in read_state_dict(path).values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.pop("controller.track_projection.bias"),
            "missing: controller.track_projection.bias",
        ),
        (lambda s: s.update(extra=np.zeros(1)), "unexpected: extra"),
        (
            lambda s: s.update({"controller.fx_bus_projection.bias": np.zeros(3)}),
            r"misshapen: controller.fx_bus_projection.bias \[3\] instead of \[25\]",
        ),
        (
            lambda s: s.update({"controller.track_projection.bias": np.full(27, np.nan)}),
            "NaN or infinite weights: controller.track_projection.bias",
        ),
        (lambda s: s.pop("controller.track_embedding"), "holds 0 Diff-MST models"),
    ],
)
def test_entries_that_do_not_fit_are_listed_and_nothing_is_written(tmp_path, change, message):
    state = small_state()
    change(state)
    checkpoint = write(tmp_path / "weights.npz", state)
    with pytest.raises(InputError, match=message):
        convert_checkpoint(checkpoint, tmp_path / "model", SMALL["cnn14"])
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.npz", b"no", "cannot be read"),
        ("weights.npz", b"", "cannot be read"),
        ("weights.safetensors", b"no", "cannot be read"),
        ("weights.ckpt", b"no", "is damaged"),
        ("weights.txt", b"no", "unknown kind"),
        ("weights.npz", None, "does not exist"),
    ],
)
def test_files_that_are_no_checkpoint_are_refused(tmp_path, name, content, message):
    if name.endswith(".ckpt"):
        pytest.importorskip("torch", reason=NO_TORCH)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        convert_checkpoint(tmp_path / name, tmp_path / "model")


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="is a folder; give a"):
        convert_checkpoint(tmp_path, tmp_path / "model")

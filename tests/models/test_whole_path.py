"""From a Diff-MST checkpoint on disk to a mix: import, loading, levels, controls and console."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from scipy.special import expit, logit

import dsp
from diffmst_jax.models import Controls, Model, ModelConfig, TransformerConfig, load_model
from diffmst_jax.models.cnn14 import Cnn14Model
from diffmst_jax.models.convert import convert_checkpoint, reference_name
from diffmst_jax.models.levels import normalize_reference, normalize_tracks
from tests import golden
from tests.compiling import quick_jit, quickly
from tests.models.small import SMALL
from tests.models.test_convert import entry_by_rule

RATE = 44100
TOLERANCE = 1e-4  # of full scale
CONFIG: ModelConfig = dataclasses.replace(
    SMALL["cnn14"],
    transformer=TransformerConfig(layers=2, heads=2, width=64, feed_forward=64),
    window_samples=32768,
)
ROUNDS = 2  # of solving the heads: one for the answer, one for its rounding
HEADS = {"track_params": "track", "fx_bus_params": "fx_bus", "master_bus_params": "master_bus"}


def state_by_rule() -> dict[str, np.ndarray]:
    """A small model's checkpoint, its entries by the rule of the full-size golden values."""
    blank = nnx.eval_shape(lambda: Cnn14Model(CONFIG, rngs=nnx.Rngs(0)))
    state = {}
    for path, variable in nnx.to_flat_state(nnx.state(blank)):
        shape = variable.shape
        stored = (*shape[:-3:-1], *shape[:-2]) if path[-1] == "kernel" else shape
        name = reference_name(".".join(map(str, path)))
        state[name] = entry_by_rule(name, stored, "whole path")
    return state


def inner(module, tracks, reference):
    """Embeddings of the tracks, and what the three heads read, when a model hears these."""
    heard = normalize_tracks(tracks, sample_rate=RATE).audio[None]
    wanted = normalize_reference(reference, sample_rate=RATE).audio[None]
    mask = np.ones((1, len(tracks)), bool)
    embedded = module.embed_tracks(heard, mask)
    track, *buses = module.controller(embedded, module.embed_mix(wanted), mask)
    return embedded[0], [track[0], *buses]


with quickly():
    inner = nnx.jit(inner)


def imported(state: dict[str, np.ndarray], folder: Path) -> Model:
    """The model of a state dict, by way of a checkpoint and a model folder on disk."""
    np.savez(folder / "checkpoint.npz", **state)
    convert_checkpoint(folder / "checkpoint.npz", folder / "model", CONFIG)
    with quickly():
        return load_model(folder / "model")


@pytest.mark.slow
def test_a_checkpoint_on_disk_gives_the_reference_console_s_mix(tmp_path):
    """Heads that answer with the golden controls must lead to the golden mix, by public calls."""
    z = golden.load("console.npz")
    tracks = z["tracks"][0]
    reference = np.stack([tracks[::2].sum(axis=0), tracks[1::2].sum(axis=0)])
    state = state_by_rule()
    embedded, _ = inner(imported(state, tmp_path).module, tracks, reference)
    # Random encoders hear eight noises as nearly the same: move them apart, or float32 cannot
    # hold heads that tell them from each other.
    embedded = np.asarray(embedded)
    centre, spread = embedded.mean(axis=0), (embedded - embedded.mean(axis=0)).std()
    state["track_encoder.model.fc.bias"] -= centre
    for name in ("weight", "bias"):
        state[f"track_encoder.model.fc.{name}"] /= spread
    _, read = inner(imported(state, tmp_path).module, tracks, reference)
    for name in HEADS.values():
        state[f"controller.{name}_projection.weight"] *= 0.0
    controls = Controls(
        *(expit(state[f"controller.{name}_projection.bias"]) for name in HEADS.values())
    )
    for _ in range(ROUNDS):
        for (key, name), group, token in zip(HEADS.items(), controls, read, strict=True):
            missing = np.atleast_2d(logit(z[key][0]) - logit(np.asarray(group, np.float64)))
            solved = np.linalg.lstsq(np.asarray(token, np.float64), missing, rcond=None)[0].T
            state[f"controller.{name}_projection.weight"] += solved.astype(np.float32)
        model = imported(state, tmp_path)
        controls = model.controls(tracks, reference, sample_rate=RATE)

    for key, group in zip(HEADS, controls, strict=True):
        np.testing.assert_allclose(group, z[key][0], atol=TOLERANCE)

    @partial(quick_jit, static_argnames="console")
    def mix(tracks, controls, console):
        params = dsp.console_params(*controls, sample_rate=RATE)
        return dsp.mix_console(tracks, params, console, sample_rate=RATE).mix

    np.testing.assert_allclose(
        mix(tracks, controls, model.console), z["mix_full"][0], atol=TOLERANCE
    )
    other = mix(tracks, controls, dsp.ConsoleConfig())
    assert np.abs(other - z["mix_full"][0]).max() > 10 * TOLERANCE  # the console does matter

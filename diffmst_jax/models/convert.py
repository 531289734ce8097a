"""Import of Diff-MST checkpoints: the reference implementation's weights as a model folder.

The reference is a PyTorch module whose entries map one to one onto ours; convolutions and
matrices change the order of their axes. A Lightning checkpoint holds the model under a prefix,
next to other things (optimiser, losses), which are left aside.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

import dsp
from diffmst_jax.errors import InputError
from diffmst_jax.models.config import ModelConfig
from diffmst_jax.models.folder import (
    check_entries,
    module_with_weights,
    read_safetensors,
    save_model,
    weight_shapes,
)
from diffmst_jax.npz import read_npz
from diffmst_jax.torch_file import read_torch

ANCHOR = "controller.track_embedding"  # the entry by which the model is found in a checkpoint
IGNORED = ("num_batches_tracked", "window")  # counters, and windows that we compute
SAVE_AGAIN = "save its state dict alone"
LAYERS = "controller.transformer_encoder.layers"

# Names: ours as a pattern, the reference's as a template.
NAMES = (
    (r"(\w+_encoder)\.output\.(\w+)", r"\1.model.fc.\2"),
    (r"(\w+_encoder)\.blocks\.(\d+)\.convolution(\d)\.(\w+)", r"\1.model.conv_block\2.conv\3.\4"),
    (r"(\w+_encoder)\.blocks\.(\d+)\.norm(\d)\.(\w+)", r"\1.model.conv_block\2.bn\3.\4"),
    (r"controller\.(track|mix|fx_bus)_token", r"controller.\1_embedding"),
    (r"controller\.master_token", "controller.master_bus_embedding"),
    (r"(track|fx_bus)_head\.(\w+)", r"controller.\1_projection.\2"),
    (r"master_head\.(\w+)", r"controller.master_bus_projection.\1"),
    (r"controller\.layers\.(\d+)\.attention\.input\.(\w+)", rf"{LAYERS}.\1.self_attn.in_proj_\2"),
    (r"controller\.layers\.(\d+)\.attention\.output\.(\w+)", rf"{LAYERS}.\1.self_attn.out_proj.\2"),
    (r"controller\.layers\.(\d+)\.expand\.(\w+)", rf"{LAYERS}.\1.linear1.\2"),
    (r"controller\.layers\.(\d+)\.contract\.(\w+)", rf"{LAYERS}.\1.linear2.\2"),
    (r"controller\.layers\.(\d+)\.(norm\d)\.(\w+)", rf"{LAYERS}.\1.\2.\3"),
)
LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}

CARD = """# Imported Diff-MST model

Converted from the Diff-MST PyTorch checkpoint `{source}`.

- Architecture: the paper's (two CNN14 encoders, 12-layer transformer; 190.9M parameters)
- Console: the `diffmst` preset, which reproduces the reference console
- Input: mono tracks at -48 LUFS each and a stereo reference at -16 LUFS, 44100 Hz

The weights keep the licence of the checkpoint they come from.
"""


def convert_checkpoint(checkpoint: Path, out: Path, config: ModelConfig | None = None) -> None:
    """Turn a Diff-MST checkpoint into a model folder.

    Args:
        checkpoint: a Lightning or plain PyTorch file (`.ckpt`, `.pt`, `.pth`; needs PyTorch), or
            its state dict as `.safetensors` or `.npz`.
        out: folder to write.
        config: what the checkpoint holds; the paper's model if None.

    Raises:
        InputError: the file cannot be read, or its entries are not those of the model; they are
            listed by the reference's names.
    """
    config = config or ModelConfig.imported()
    state = model_entries(read_state_dict(Path(checkpoint)), checkpoint)
    weights = convert_entries(state, config, checkpoint)
    module = module_with_weights(config, weights, checkpoint)
    card = CARD.format(source=Path(checkpoint).name)
    save_model(out, module, config, card, console=dsp.ConsoleConfig.diffmst())


def convert_entries(
    state: dict[str, np.ndarray], config: ModelConfig, path: str | Path
) -> dict[str, np.ndarray]:
    """Rename and transpose the reference's entries into ours.

    Raises:
        InputError: entries are missing, unexpected, misshapen or not finite.
    """
    shapes = weight_shapes(config)
    expected = {
        reference_name(name): _reference_shape(shape, name) for name, shape in shapes.items()
    }
    found = {n: a for n, a in state.items() if n.rpartition(".")[2] not in IGNORED}
    check_entries(expected, found, path)
    return {name: _our_order(found[reference_name(name)], name) for name in shapes}


def reference_name(name: str) -> str:
    """Name in the reference's state dict of one of our weights."""
    for pattern, template in NAMES:
        match = re.fullmatch(pattern, name)
        if match:
            head, _, leaf = match.expand(template).rpartition(".")
            # Blocks count from 1 there; the packed attention input has its leaf behind `_`.
            head = re.sub(r"conv_block(\d+)", lambda m: f"conv_block{int(m[1]) + 1}", head)
            stem, joint, last = leaf.rpartition("_") if "in_proj" in leaf else ("", "", leaf)
            return f"{head}.{stem}{joint}{LEAVES.get(last, last)}"
    raise KeyError(name)


def model_entries(state: dict[str, np.ndarray], path: str | Path) -> dict[str, np.ndarray]:
    """Cut the model out of a checkpoint: the entries under the prefix that it is stored with.

    Raises:
        InputError: there is no such model in it.
    """
    anchors = [name for name in state if name == ANCHOR or name.endswith("." + ANCHOR)]
    if len(anchors) != 1:
        problem = f"holds {len(anchors)} Diff-MST models (looked for '{ANCHOR}')"
        raise InputError(path, problem, "give a checkpoint of Diff-MST training")
    prefix = anchors[0].removesuffix(ANCHOR)
    return {name.removeprefix(prefix): a for name, a in state.items() if name.startswith(prefix)}


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a checkpoint, in float32 where it is floating point.

    Raises:
        InputError: missing, damaged, of another kind, or PyTorch is needed and not installed.
    """
    readers: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
        ".safetensors": read_safetensors,
        ".npz": partial(read_npz, remedy=SAVE_AGAIN),
    }
    readers |= dict.fromkeys((".ckpt", ".pt", ".pth"), partial(read_torch, remedy=SAVE_AGAIN))
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(path, problem, f"give a {', '.join(readers)} file")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(path, "is of an unknown kind", f"give a {', '.join(readers)} file")
    try:
        arrays = reader(path)
    except InputError:
        raise
    except (SafetensorError, ValueError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(path, f"cannot be read ({reason})", SAVE_AGAIN) from error
    floats = (np.float16, np.float64)
    with np.errstate(over="ignore"):  # what becomes infinite is named when the model is cut out
        return {n: a.astype(np.float32) if a.dtype in floats else a for n, a in arrays.items()}


def _reference_shape(shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    if name.endswith(".kernel"):
        return (*shape[:-3:-1], *shape[:-2])
    return shape


def _our_order(array: np.ndarray, name: str) -> np.ndarray:
    """Reference order (out, in, ...) to ours (..., in, out)."""
    if name.endswith(".kernel"):
        return np.ascontiguousarray(np.moveaxis(array, (0, 1), (-1, -2)))
    return array

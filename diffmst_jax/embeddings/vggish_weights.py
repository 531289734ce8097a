"""VGGish's weights from the files that people have.

- the original checkpoint, `vggish_model.ckpt` (or a later one, given by any of its files);
- the PyTorch port's state dict: `.pth`, which PyTorch, an optional extra, reads, or
  the same entries as `.safetensors` or `.npz`.

Components for the postprocessing come with the port's state dict; the original has them in
`vggish_pca_params.npz`, looked for beside the weights.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from diffmst_jax.embeddings.tensor_bundle import is_checkpoint, read_checkpoint
from diffmst_jax.errors import InputError
from diffmst_jax.npz import read_npz
from diffmst_jax.torch_file import read_torch

PCA_FILE = "vggish_pca_params.npz"
QUANTIZE_LOW, QUANTIZE_HIGH = -2.0, 2.0
GIVE_WEIGHTS = "give vggish_model.ckpt, or the PyTorch port's state dict"
COPY_AGAIN = "copy it again"

# Where each layer's weights are found, convolutions first, then dense layers.
TF_LAYERS = (
    *("conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2"),
    *("fc1/fc1_1", "fc1/fc1_2", "fc2"),
)
TORCH_LAYERS = (
    *("features.0", "features.3", "features.6", "features.8", "features.11", "features.13"),
    *("embeddings.0", "embeddings.2", "embeddings.4"),
)
OUR_LAYERS = (*(f"convolutions.{i}" for i in range(6)), *(f"dense.{i}" for i in range(3)))
TORCH_VECTORS, TORCH_MEANS = "pproc.pca_eigen_vectors", "pproc.pca_means"
ORIGINAL_VECTORS, ORIGINAL_MEANS = "pca_eigen_vectors", "pca_means"

Tensors = dict[str, np.ndarray]


class Postprocessing(NamedTuple):
    """Whitening by principal components, as the AudioSet release of embeddings has it.

    Attributes:
      vectors: (128, 128), a component per row.
      means: (128,) to take away first.
    """

    vectors: np.ndarray
    means: np.ndarray

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Whiten (count, 128), clip to -2 .. 2 and quantise to 0 .. 255."""
        whitened = (embeddings - self.means.reshape(1, -1)) @ self.vectors.T
        clipped = np.clip(whitened, QUANTIZE_LOW, QUANTIZE_HIGH)
        scale = 255.0 / (QUANTIZE_HIGH - QUANTIZE_LOW)
        return np.floor((clipped - QUANTIZE_LOW) * scale).astype(np.uint8)


def read_vggish(path: str | Path) -> Tensors:
    """Read weights by our names: convolutions `(3, 3, in, out)`, dense layers `(in, out)`.

    Raises:
      InputError: no such file, or not VGGish in it.
    """
    path = Path(path)
    tensors = _read(path)
    try:
        if f"vggish/{TF_LAYERS[0]}/weights" in tensors:
            return _from_tensorflow(tensors)
        return _from_torch(tensors)
    except KeyError as error:
        problem = f"has no entry {error.args[0]!r}"
        raise InputError(path, problem, GIVE_WEIGHTS) from error


def read_postprocessing(path: str | Path) -> Postprocessing:
    """Read the principal components that belong to weights.

    Raises:
      InputError: they are neither in the file nor beside it.
    """
    path = Path(path)
    beside = path.with_name(PCA_FILE)
    tensors = _read(beside) if beside.is_file() else _read(path)
    for vectors, means in ((ORIGINAL_VECTORS, ORIGINAL_MEANS), (TORCH_VECTORS, TORCH_MEANS)):
        if vectors in tensors and means in tensors:
            return Postprocessing(tensors[vectors], tensors[means].reshape(-1))
    raise InputError(path, "has no principal components", f"put {PCA_FILE} beside it")


def _from_tensorflow(tensors: Tensors) -> Tensors:
    found = {}
    for ours, theirs in zip(OUR_LAYERS, TF_LAYERS, strict=True):
        found[f"{ours}.kernel"] = tensors[f"vggish/{theirs}/weights"]
        found[f"{ours}.bias"] = tensors[f"vggish/{theirs}/biases"]
    return found


def _from_torch(tensors: Tensors) -> Tensors:
    found = {}
    for ours, theirs in zip(OUR_LAYERS, TORCH_LAYERS, strict=True):
        weight = tensors[f"{theirs}.weight"]
        found[f"{ours}.kernel"] = weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T
        found[f"{ours}.bias"] = tensors[f"{theirs}.bias"]
    return found


def _read(path: Path) -> Tensors:
    """Tensors by the file's own names."""
    if is_checkpoint(path):
        return read_checkpoint(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(path, problem, GIVE_WEIGHTS)
    if path.suffix.lower() == ".ckpt":
        raise InputError(path, "is no whole checkpoint of TensorFlow", COPY_AGAIN)
    readers: dict[str, Callable[[Path], Tensors]] = {
        ".npz": partial(read_npz, remedy=COPY_AGAIN),
        ".safetensors": load_file,
    }
    readers |= dict.fromkeys((".pth", ".pt"), partial(read_torch, remedy=COPY_AGAIN))
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(path, "has an unknown ending", f"{GIVE_WEIGHTS} ({', '.join(readers)})")
    try:
        return reader(path)
    except InputError:
        raise
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(path, f"cannot be read ({error})", COPY_AGAIN) from error

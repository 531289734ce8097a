"""PyTorch's files, whole, old, broken and hostile; a stand-in where PyTorch is not installed."""

import os
import sys
import types
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.torch_file import read_torch

NO_TORCH = "PyTorch, an optional extra, is not installed (CONTRIBUTING.md)"
REMEDY = "copy it again"


class StandInTensor:
    """As much of a tensor as reading a checkpoint needs."""

    def __init__(self, array: np.ndarray):
        self.array = array

    def detach(self) -> "StandInTensor":
        return self

    def is_floating_point(self) -> bool:
        return self.array.dtype.kind == "f"

    def float(self) -> "StandInTensor":
        return StandInTensor(self.array.astype(np.float32))

    def numpy(self) -> np.ndarray:
        return self.array


def stand_in_torch(content: Callable[[], Any]) -> Any:
    """As much of PyTorch: every file holds what `content` returns, if code in it is not run."""

    def load(path, *, map_location, weights_only, mmap):
        assert weights_only, "a checkpoint's code would be run"
        assert map_location == "cpu"
        return content()

    return types.SimpleNamespace(Tensor=StandInTensor, load=load)


def test_without_pytorch_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"needs PyTorch .*pip install .*safetensors or \.npz"):
        read_torch(tmp_path / "weights.ckpt", REMEDY)


def test_advice_to_run_what_a_file_holds_is_not_passed_on(tmp_path, monkeypatch):
    def refuse():
        raise UnpicklingError("Re-running `torch.load` with `weights_only` set to `False`")

    monkeypatch.setitem(sys.modules, "torch", stand_in_torch(refuse))
    with pytest.raises(InputError, match="running its code could read; copy it again") as caught:
        read_torch(tmp_path / "weights.pth", REMEDY)
    assert "Re-running" not in str(caught.value)


@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "before 1.6"])
def test_tensors_are_read_in_single_precision_by_name(tmp_path, is_archive):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    state = {
        "double": torch.arange(3, dtype=torch.float64),
        "short": torch.ones(2, dtype=torch.bfloat16),
        "trained": torch.nn.Parameter(torch.ones(2)),
        "count": torch.tensor(3),
        "kind": "mean",
    }
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=is_archive)
    read = read_torch(path, REMEDY)
    wanted = {"double": np.arange(3.0), "short": np.ones(2), "trained": np.ones(2)}
    assert read.keys() == {*wanted, "count"}
    for name, array in wanted.items():
        np.testing.assert_array_equal(read[name], array.astype(np.float32), strict=True)
    assert read["count"] == 3


class Hostile:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_no_code_of_a_file_is_run(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Hostile()}, "weights.pt")
    with pytest.raises(InputError, match="only running its code could read"):
        read_torch(tmp_path / "weights.pt", REMEDY)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"no", b"PK\x03\x04 cut off"])
def test_what_is_no_file_of_pytorch_is_named(tmp_path, content):
    pytest.importorskip("torch", reason=NO_TORCH)
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"(cannot be read \(.+\)|is damaged.*); copy it again"):
        read_torch(tmp_path / "weights.pt", REMEDY)

"""Reading of PyTorch's files, whatever the file turns out to be. PyTorch is an optional extra."""

import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from diffmst_jax.errors import InputError

INSTALL = "pip install 'diffmst-jax[torch]', or give the state dict as .safetensors or .npz"


def read_torch(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """Read every tensor of a state dict by name, in float32 where it is floating point.

    Of a Lightning checkpoint, the one under `state_dict`. What else it holds is left aside.

    Args:
        path: the file; no code that it holds is run.
        remedy: what the error advises.

    Raises:
        InputError: missing, damaged, not to be read without running its code, or PyTorch is not
            installed.
    """
    try:
        import torch  # noqa: PLC0415 (optional, and slow to import)
    except ImportError as error:
        raise InputError(path, "needs PyTorch to be read", INSTALL) from error
    try:
        # Only archives can be mapped; PyTorch wrote other files before version 1.6.
        is_archive = zipfile.is_zipfile(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
        state = content.get("state_dict", content) if isinstance(content, dict) else {}
        tensors = {n: t.detach() for n, t in state.items() if isinstance(t, torch.Tensor)}
        return {n: (t.float() if t.is_floating_point() else t).numpy() for n, t in tensors.items()}
    except (UnpicklingError, EOFError) as error:
        # PyTorch's text advises to run whatever the file holds.
        problem = "is damaged, or holds what only running its code could read"
        raise InputError(path, problem, remedy) from error
    except Exception as error:  # PyTorch, zipfile and pickle have one of their own for each damage
        reason = str(error).partition(". ")[0].partition("\n")[0]
        raise InputError(path, f"cannot be read ({reason})", remedy) from error

"""Reading of NumPy's archives, `.npz`, whatever the file turns out to be."""

from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from diffmst_jax.errors import InputError


def read_npz(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """Read every array of an archive, by name.

    Args:
        path: the archive; it is never unpickled.
        remedy: what the error advises.

    Raises:
        InputError: missing, empty, damaged, or no archive of arrays.
    """
    try:
        # Opened here, because NumPy leaves open what it finds to be broken.
        with path.open("rb") as file:
            stored = NpzFile(file, allow_pickle=False)
            arrays = {name: stored[name] for name in stored.files}
        others = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
        if others:
            raise ValueError(f"{others[0]!r} is no array")
        return arrays
    except Exception as error:  # NumPy, zipfile and zlib have one of their own for each damage
        reason = str(error).partition("\n")[0]
        raise InputError(path, f"cannot be read ({reason})", remedy) from error

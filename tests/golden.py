"""Golden vectors: numbers that independent implementations gave for known inputs.

The small files are part of the repository (`tests/data/golden`). The larger ones are read from
`shared/golden` beside the checkout when it is there; a test that needs one is skipped otherwise.
"""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / "tests" / "data" / "golden", ROOT.parent / "shared" / "golden")


def path(name: str) -> Path:
    """Return the file `name`, or skip the calling test with a line that says what is missing."""
    for folder in FOLDERS:
        if (folder / name).is_file():
            return folder / name
    pytest.skip(f"golden file {name} is not in {' or '.join(map(str, FOLDERS))}")


def load(name: str) -> dict[str, np.ndarray]:
    """Load every array of the golden file `name`."""
    with np.load(path(name)) as arrays:
        return {key: arrays[key] for key in arrays.files}

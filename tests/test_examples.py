"""The gallery runs, makes its pictures, and finds what it says it finds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiling import LOOP_FLAGS

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "printed", "limit"),
    [
        ("match_equalizer", r"-> ([\d.]+) dB", 0.01),
        ("recover_compressor", r"-> ([\d.]+) dB", 0.01),
        ("undo_pan", r"largest error ([\d.]+)", 0.001),
        ("design_reverb", r"-> ([\d.]+) dB", 0.05),
    ],
)
def test_gallery(tmp_path, name, printed, limit):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "--out", tmp_path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MPLBACKEND": "agg", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": LOOP_FLAGS},
    )
    found = re.search(printed, done.stdout)
    assert found is not None, done.stdout
    assert float(found.group(1)) < limit
    assert (tmp_path / f"{name}.png").stat().st_size > 5000

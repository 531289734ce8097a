"""The shape of the library: what it imports, and the grammar of every public function."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import dsp

FUNCTIONS = [getattr(dsp, name) for name in dsp.__all__ if inspect.isfunction(getattr(dsp, name))]
# Static by nature: they may be given a default.
UNDEFAULTED = {"sample_rate"}


def test_importing_dsp_loads_jax_and_numpy_alone():
    code = (
        "import sys, dsp; "
        "print([m for m in ('flax', 'optax', 'grain', 'soundfile', 'matplotlib', 'diffmst_jax')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_in_dsp_imports_diffmst_jax():
    for path in Path(dsp.__file__).parent.glob("*.py"):
        assert "diffmst_jax" not in path.read_text(), path


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_grammar(function):
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        assert parameter.kind is not inspect.Parameter.VAR_KEYWORD
        if name in UNDEFAULTED:
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
            assert parameter.default is inspect.Parameter.empty
        if parameter.default is not inspect.Parameter.empty and isinstance(
            parameter.default, (bool, str, tuple)
        ):
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, name
    assert function.__doc__
    assert signature.return_annotation is not inspect.Signature.empty

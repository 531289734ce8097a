"""The documentation runs, and leaves no public function out."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import dsp
from tests.compiling import quick_operations

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = (ROOT / "dsp" / "README.md").read_text()
FUNCTIONS = [name for name in dsp.__all__ if inspect.isfunction(getattr(dsp, name))]


def section(text: str, heading: str) -> str:
    """What stands below the second-level `heading`, up to the next one."""
    _, below = text.split(f"\n## {heading}\n")
    return below.split("\n## ")[0]


def code(text: str) -> str:
    """All Python blocks of a page in order, as a reader would type them into one session."""
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    return "\n".join(blocks)


def run(text: str) -> dict[str, Any]:
    """What a session holds once the code of a page was typed into it; compiling is most of it."""
    session: dict[str, Any] = {}
    with quick_operations():
        exec(code(text), session)
    return session


@pytest.mark.slow
def test_the_code_of_the_library_runs():
    session = run(LIBRARY)
    assert session["y"].shape == (8, 1, 4096)


def test_the_code_of_the_front_page_runs():
    session = run(section((ROOT / "README.md").read_text(), "Import `dsp`"))
    assert session["gradient"].gain_db.shape == (6,)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_documented(name):
    assert f"`{name}`" in LIBRARY


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", LIBRARY):
        assert (ROOT / "dsp" / target).exists(), target


def test_vectors_have_the_documented_sizes():
    for name in ("TRACK_CONTROLS", "FX_BUS_CONTROLS", "MASTER_CONTROLS"):
        assert f"| `{name}` | {getattr(dsp, name)} |" in LIBRARY

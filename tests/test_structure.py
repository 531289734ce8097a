"""Where code stands: imports point one way, between files and between folders alike."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import diffmst_jax
import dsp

PACKAGES = [Path(package.__file__).parent for package in (dsp, diffmst_jax)]
FOLDERS = [path.parent for package in PACKAGES for path in package.rglob("__init__.py")]
# What `python -m diffmst_jax` starts, and what the packages hand on, are their doors.
DOORS = ("__init__", "__main__")


def imported(file: Path) -> Iterator[tuple[str, ...]]:
    """Names of what a file imports, part by part."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (tuple(f"{node.module}.{name.name}".split(".")) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (tuple(name.name.split(".")) for name in node.names)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_imports_inside_a_folder_go_round_in_no_circle(folder):
    root = next(package for package in PACKAGES if folder.is_relative_to(package))
    name = folder.relative_to(root.parent).parts
    needs: dict[str, set[str]] = {}
    for file in folder.rglob("*.py"):
        room = file.relative_to(folder).parts[0].removesuffix(".py")
        if room in DOORS:
            continue
        inside = (parts for parts in imported(file) if parts[: len(name)] == name)
        rooms = {parts[len(name)] for parts in inside if len(parts) > len(name)}
        needs.setdefault(room, set()).update(rooms - {room})
    assert needs
    TopologicalSorter(needs).prepare()

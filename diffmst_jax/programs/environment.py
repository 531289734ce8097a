"""The environment that a run is made in: this program, and what it computes with.

The same settings give the same numbers in one environment alone. A run's folder lists all that it
was made in, one after the other, so that a run that went on elsewhere shows it.
"""

import hashlib
import json
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

import dsp
from diffmst_jax import __version__
from diffmst_jax.errors import InputError
from diffmst_jax.files import write_text

ENVIRONMENT_NAME = "environment.json"
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
# Of a digest or a commit: enough to tell them apart, short enough to read.
SHOWN_DIGITS = 12


@cache
def environment() -> dict[str, str]:
    """Return what this process computes with, by name.

    `source` is a digest of the code of `dsp` and `diffmst_jax`, which also tells apart what was
    edited and never committed. `commit` is there in a checkout alone.
    """
    devices = jax.devices()
    return {
        "diffmst-jax": __version__,
        "source": _digest([Path(__file__).parents[1], Path(dsp.__file__).parent]),
        **_commit(Path(__file__).parents[2]),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "devices": f"{len(devices)} x {devices[0].device_kind}",
    }


def _digest(packages: list[Path]) -> str:
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:SHOWN_DIGITS]


def _commit(checkout: Path) -> dict[str, str]:
    if not (checkout / ".git").exists():
        return {}
    command = ["git", "-C", str(checkout), "rev-parse", f"--short={SHOWN_DIGITS}", "HEAD"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": told.stdout.strip()}


def environments(folder: Path) -> list[dict[str, str]]:
    """Return what the run in a folder was made in so far; nothing where that is not known.

    Raises:
        InputError: the list cannot be read.
    """
    path = folder / ENVIRONMENT_NAME
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise InputError(path, "cannot be read", "restore it, or remove it") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(path, "is no list of environments", "restore it, or remove it")
    return found


def keep_environment(folder: Path) -> None:
    """Add this environment to those of the run in a folder, unless it is the last of them."""
    found = environments(folder)
    if found[-1:] != [environment()]:
        text = json.dumps([*found, environment()], indent=1)
        write_text(folder / ENVIRONMENT_NAME, f"{text}\n")


def what_changed(folder: Path) -> str:
    """Say what differs from the environment that a run was last made in; "" for nothing."""
    last = (environments(folder) or [environment()])[-1]
    now = environment()
    # The commit says no more than the source does, and changes with every document.
    names = [name for name in {**last, **now} if name != "commit"]
    return ", ".join(
        f"{name} {now.get(name, 'none')} instead of {last.get(name, 'none')}"
        for name in names
        if now.get(name) != last.get(name)
    )


def made_in(folder: Path) -> str:
    """Name the environments of a run in a line; "" where they are not known."""
    shown = ("diffmst-jax", "source", "jax", "devices")
    texts = [
        ", ".join(f"{name} {one[name]}" for name in shown if name in one)
        for one in environments(folder)
    ]
    return "; then ".join(dict.fromkeys(texts))

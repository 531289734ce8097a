"""From a command line that Hydra cannot compose to the one argument that is wrong, and a remedy."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig

from diffmst_jax.errors import InputError
from diffmst_jax.programs.argument import quoted
from diffmst_jax.typed_config import nearest

SLURM_PLUGIN = "hydra/launcher/submitit_slurm"


def advise(folder: Path, name: str, arguments: Sequence[str], error: Exception) -> InputError:
    """Find what is wrong with `arguments`, each `group=choice` or `group.key=value`.

    Args:
      folder: of the configuration.
      name: of the primary configuration.
      arguments: that Hydra refused; none of them sweeps.
      error: what it said.

    Returns:
      One line that names the argument and the nearest thing that would be right; what Hydra said,
      if it is something else.
    """
    if SLURM_PLUGIN in str(error):
        problem = "needs the package hydra-submitit-launcher, which is not installed"
        return InputError("launcher=slurm", problem, "pip install 'diffmst-jax[slurm]'")
    for argument in arguments:
        try:
            OverridesParser.create().parse_override(argument)
        except HydraException:
            return _unreadable(argument)
    choices = _choices(folder)
    chosen = [argument for argument in arguments if _key(argument) in choices]
    for argument in chosen:
        key, _, value = argument.partition("=")
        known = choices[_key(argument)]
        if value not in known:
            return InputError(argument, f"is no {_key(key)} there is", nearest(value, known))
    keys = [a for a in arguments if a not in chosen and "=" in a and not a.startswith(("+", "~"))]
    with suppress(HydraException):  # it may be the choices that do not go together
        settings = compose(name, overrides=chosen)
        for argument in keys:
            wrong = _unknown_key(settings, _key(argument).split("."), choices)
            if wrong is not None:
                return wrong
    said = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return InputError("the command line", said, "see --help")


def _unreadable(argument: str) -> InputError:
    """Say how to write an argument that Hydra's grammar does not allow, as a shell takes it."""
    key, equals, value = argument.partition("=")
    if not equals:
        return InputError(argument, "has no value", "write it as key=value")
    listed = value.startswith(("[", "{"))
    shown = """'key=["text","text"]'""" if listed else quoted(key, str(Path(value).expanduser()))
    remedy = f"put what is text into quotes within quotes: {shown}"
    return InputError(argument, "holds signs that mean something else to Hydra", remedy)


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+~").partition("@")[0]


def _choices(folder: Path) -> dict[str, list[str]]:
    """Return what can be chosen for each group."""
    groups = sorted(item for item in folder.iterdir() if item.is_dir())
    return {group.name: sorted(file.stem for file in group.glob("*.yaml")) for group in groups}


def _unknown_key(
    settings: DictConfig, path: list[str], groups: dict[str, list[str]]
) -> InputError | None:
    """Follow a path of keys as far as it goes; None if it goes to its end."""
    if path[0] == "hydra":
        return None
    here: Any = settings
    for depth, key in enumerate(path):
        if not isinstance(here, DictConfig) or key not in here:
            known = list(here) if isinstance(here, DictConfig) else []
            if depth == 0:
                known = sorted({*map(str, known), *groups})
            parent = "".join(f"{part}." for part in path[:depth])
            remedy = nearest(key, known) if known else f"{parent[:-1]} is a value, not a group"
            return InputError(f"{parent}{key}", "is no known setting", remedy)
        here = here[key]
    return None

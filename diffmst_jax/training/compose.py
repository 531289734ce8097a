"""From the command line to typed settings, with every mistake said in one line."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from diffmst_jax.errors import InputError
from diffmst_jax.training.config import TrainConfig, load_train_values, train_config

RESUME = "resume"


def compose_or_exit(folder: str, name: str, arguments: Sequence[str], *, program: str) -> None:
    """Leave with status 2 and one line if Hydra cannot compose what the command line asks for.

    Options (`--help`, `-m` and the like) are left to Hydra itself.
    """
    if any(argument.startswith("-") for argument in arguments):
        return
    try:
        with initialize_config_dir(folder, version_base="1.3"):
            compose(name, overrides=list(arguments), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        sys.stderr.write(f"{program}: {' '.join(lines)}\n")
        sys.exit(2)
    finally:
        GlobalHydra.instance().clear()


def read_settings(
    settings: DictConfig, overrides: Sequence[str]
) -> tuple[TrainConfig, Path | None]:
    """Turn composed settings into a typed configuration and the run folder to resume, if any.

    A resumed run has the settings stored in its folder; only `group.key=value` given beside
    `resume=` changes them.

    Raises:
      InputError: settings that are missing, unknown or do not go together; no such run.
    """
    try:
        values = OmegaConf.to_container(settings, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        place = getattr(error, "full_key", None) or "configuration"
        raise InputError(str(place), "is missing", f"give {place}=<value>") from error
    assert isinstance(values, dict)
    resume = values.pop(RESUME, None)
    if resume is None:
        return train_config({str(k): v for k, v in values.items()}), None
    run_dir = Path(str(resume))
    return train_config(_resumed_values(run_dir, overrides)), run_dir


def _resumed_values(run_dir: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Read a run's stored settings with the changes given on the command line."""
    stored = OmegaConf.create(load_train_values(run_dir))
    changes = [o for o in overrides if "." in o.split("=", 1)[0]]
    groups = [o for o in overrides if o not in changes and not o.startswith(f"{RESUME}=")]
    if groups:
        raise InputError(groups[0], "cannot be changed when a run is resumed", "leave it out")
    merged = OmegaConf.merge(stored, OmegaConf.from_dotlist(changes))
    values = OmegaConf.to_container(merged, resolve=True)
    assert isinstance(values, dict)
    return {str(k): v for k, v in values.items()}


def remove_if_empty(folder: Path) -> None:
    """Remove the run folder that Hydra made, and its parent, unless something was written there.

    A resumed run writes to the folder it was started in, and a refused one writes nothing.
    """
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()

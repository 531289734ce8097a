"""From composed settings to a typed configuration, of a new run or of one that goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from diffmst_jax.errors import InputError
from diffmst_jax.programs.compose import resolved
from diffmst_jax.training.config import TrainConfig, load_train_values, train_config
from diffmst_jax.training.export import check_start

RESUME = "resume"
INIT_FROM = "init_from"


def read_settings(
    settings: DictConfig, overrides: Sequence[str]
) -> tuple[TrainConfig, Path | None]:
    """Turn composed settings into a typed configuration and the run folder to resume, if any.

    A resumed run has the settings stored in its folder; only `group.key=value` given beside
    `resume=` changes them.

    Raises:
      InputError: settings that are missing, unknown or do not go together; no such run or model.
    """
    values = resolved(settings)
    resume = values.pop(RESUME, None)
    if resume is None:
        _check_given(values, ())
        config = train_config(values)
        check_start(config)  # before the data is made, which may take hours
        return config, None
    run_dir = Path(str(resume))
    return train_config(_resumed_values(run_dir, overrides)), run_dir


def _check_given(values: Any, path: tuple[str, ...]) -> None:
    """Refuse what a configuration file only describes, in angle brackets, for the user to give.

    (OmegaConf's own mark for it, `???`, does not replace a value that a default has given.)
    """
    if isinstance(values, dict):
        for key, value in values.items():
            _check_given(value, (*path, str(key)))
    elif isinstance(values, str) and values.startswith("<"):
        place = ".".join(path)
        raise InputError(place, "is missing", f"give {place}={values}")


def _resumed_values(run_dir: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Read a run's stored settings with the changes given on the command line."""
    stored = OmegaConf.create(load_train_values(run_dir))
    merged = stored.copy()
    for change in OverridesParser.create().parse_overrides(list(overrides)):
        if change.key_or_group == RESUME:
            continue
        if "." not in change.key_or_group or change.is_delete():
            problem = "cannot be changed when a run is resumed"
            raise InputError(change.input_line, problem, "leave it out")
        OmegaConf.update(merged, change.key_or_group, change.value(), force_add=True)
    if merged.trainer.get(INIT_FROM) != stored.trainer.get(INIT_FROM):
        problem = "changes nothing of a run that goes on: its weights are those of its checkpoint"
        raise InputError(f"trainer.{INIT_FROM}", problem, "leave it out, or start a new run")
    return resolved(merged)

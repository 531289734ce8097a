"""The settings that Hydra composes from a command line, with every mistake said in one line."""

import itertools
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder
from diffmst_jax.process import EXIT_WRONG_INPUT
from diffmst_jax.programs.advice import advise


def _given_or(value: Any, otherwise: Any) -> Any:
    """In conf/config.yaml `${given_or:VALUE,OTHERWISE}`: the first unless it is null."""
    return otherwise if value is None else value


OmegaConf.register_new_resolver("given_or", _given_or, replace=True)


def compose_or_exit(folder: str, name: str, arguments: Sequence[str], *, program: str) -> None:
    """Leave with status 2 and one line if Hydra cannot do what the command line asks for.

    That is to compose its settings and, unless they are only shown (`--cfg`), to make its folder.
    Of a sweep (`-m`), every run is composed. Other options are left to Hydra itself.
    """
    parser = ArgumentParser(prog=program, add_help=False)
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("-c", "--cfg")
    options, overrides = parser.parse_known_args(arguments)
    if any(argument.startswith("-") for argument in overrides):
        return
    try:
        with initialize_config_dir(folder, version_base="1.3"):
            for run in _runs(overrides) if options.multirun else [overrides]:
                settings = _composed(Path(folder), name, run)
                if not options.cfg:
                    _check_run(settings, sweep=options.multirun)
    except InputError as error:
        sys.stderr.write(f"{program}: {error}\n")
        sys.exit(EXIT_WRONG_INPUT)
    finally:
        GlobalHydra.instance().clear()


def _runs(overrides: list[str]) -> list[list[str]]:
    """Return the arguments of each run of a sweep; `a=1,2 b=3` makes two."""
    try:
        loader = GlobalHydra.instance().config_loader()  # knows what `glob(*)` finds
        each = [
            [f"{o.get_key_element()}={value}" for value in o.sweep_string_iterator()]
            if o.is_sweep_override()
            else [o.input_line]
            for o in OverridesParser.create(loader).parse_overrides(overrides)
        ]
    except HydraException:
        return [overrides]  # said when it is composed
    return [list(run) for run in itertools.product(*each)]


def _composed(folder: Path, name: str, overrides: list[str]) -> DictConfig:
    try:
        return compose(name, overrides=overrides, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise advise(folder, name, overrides, error) from error


def resolved(settings: DictConfig) -> dict[str, Any]:
    """Return composed settings as plain values, those that stand for others replaced by them.

    Raises:
      InputError: one stands for a setting that there is not.
    """
    try:
        values = OmegaConf.to_container(settings, resolve=True)
    except OmegaConfBaseException as error:
        problem = f"cannot be read ({str(error).splitlines()[0]})"
        remedy = "name a setting that there is, or write \\${ for a text"
        raise InputError(error.full_key or "the command line", problem, remedy) from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _check_run(settings: DictConfig, *, sweep: bool) -> None:
    launcher = settings.hydra.runtime.choices.get("launcher")
    if launcher == "slurm" and not sweep:
        raise InputError("launcher=slurm", "submits sweeps, and one run alone by -m", "add -m")
    # Hydra makes the folder of a run before anything of ours can answer for it.
    HydraConfig.instance().set_config(settings)
    check_folder(str(settings.hydra.sweep.dir if sweep else settings.hydra.run.dir))


def remove_if_empty(folder: Path) -> None:
    """Remove the run folder that Hydra made, and its parent, unless something was written there.

    A resumed run writes to the folder it was started in, and a refused one writes nothing.
    """
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()

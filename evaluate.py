"""Compare mixes: `python evaluate.py model=<folder or name> protocol=table1|table2 [key=value]`.

Writes manifest.json, metrics.csv (a row per example and system), summary.json and summary.md into
runs/evaluation/<time> and prints the table. The settings are in conf/evaluation.
"""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import evaluation_config
from diffmst_jax.evaluation.run import evaluate
from diffmst_jax.evaluation.summary import summarize, terminal_table
from diffmst_jax.training.compose import compose_or_exit, remove_if_empty
from diffmst_jax.training.display import Display
from diffmst_jax.training.process import settle_process

CONF = str(Path(__file__).parent.resolve() / "conf" / "evaluation")


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def main(settings: DictConfig) -> None:
    """Read the settings, evaluate, print the table."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    values = OmegaConf.to_container(settings, resolve=True)
    assert isinstance(values, dict)
    try:
        config = evaluation_config({str(key): value for key, value in values.items()})
        with Display(Console(stderr=True)) as display:
            scores = evaluate(config, folder, display.report)
    except InputError as error:
        sys.stderr.write(f"evaluate.py: {error}\n")
        sys.exit(2)
    finally:
        remove_if_empty(folder)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(terminal_table(summarize(scores), config.protocol.name))
    console.print(f"results in {folder}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    settle_process()
    compose_or_exit(CONF, "config", sys.argv[1:], program="evaluate.py")
    main()

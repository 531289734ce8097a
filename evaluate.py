"""Compare systems that mix: `python evaluate.py model=<folder or name> [key=value]`.

Writes metrics.csv (a row per example, system and metric), summary.json, summary.md, table.tex and
report.html into runs/evaluation/<time> and prints the table. `--help` lists every setting.
"""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import EvaluationConfig, check_overrides, evaluation_config
from diffmst_jax.evaluation.report.tables import terminal_table
from diffmst_jax.evaluation.results import compare_runs, write_results
from diffmst_jax.evaluation.run import evaluate
from diffmst_jax.evaluation.store import CONFIG_NAME, holds_run
from diffmst_jax.evaluation.summary import Summary
from diffmst_jax.process import EXIT_INTERRUPTED, EXIT_WRONG_INPUT
from diffmst_jax.programs.argument import argument
from diffmst_jax.programs.claim import claimed
from diffmst_jax.programs.compose import compose_or_exit, remove_if_empty, resolved
from diffmst_jax.programs.display import Display
from diffmst_jax.programs.environment import what_changed
from diffmst_jax.programs.process import settle_process
from diffmst_jax.programs.signals import Stopped

CONF = str(Path(__file__).parent.resolve() / "conf" / "evaluation")


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def main(settings: DictConfig) -> None:
    """Read the settings, evaluate, print the table."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        config = evaluation_config(resolved(settings))
        check_overrides(config, list(HydraConfig.get().overrides.task))
        summary, kind, place = run(config, folder)
    except InputError as error:
        sys.stderr.write(f"evaluate.py: {error}\n")
        sys.exit(EXIT_WRONG_INPUT)
    except (Stopped, KeyboardInterrupt) as stop:
        place = Path(settings.resume or folder)
        resuming = argument("resume", str(place))
        advice = f"; go on with {resuming}" if (place / CONFIG_NAME).is_file() else ""
        sys.stderr.write(f"evaluate.py: stopped{advice}\n")
        sys.exit(stop.status if isinstance(stop, Stopped) else EXIT_INTERRUPTED)
    finally:
        remove_if_empty(folder)
    width = None if sys.stdout.isatty() else 180
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    console.print(terminal_table(summary, kind))
    for name, system in summary.systems.items():
        for reason, count in system.reasons.items():
            console.print(f"{name}: {count} failed: {reason}")
    console.print(f"results in {place}", soft_wrap=True)


def run(config: EvaluationConfig, folder: Path) -> tuple[Summary, str, Path]:
    """Evaluate, go on, or compare; returns what was found, the protocol's kind, and the folder."""
    with _claim(config, folder):
        if config.compare:
            runs = [Path(path) for path in config.compare]
            return *compare_runs(runs, folder, config.report), folder
        with Display(Console(stderr=True)) as display:
            if config.resume is not None and (changed := what_changed(Path(config.resume))):
                display.say(f"goes on in another environment than its results so far: {changed}")
            store = evaluate(config, folder, display.report)
        return write_results(store, store.config), store.kind, store.folder


def _claim(config: EvaluationConfig, folder: Path) -> AbstractContextManager[None]:
    """Keep what is written to this process."""
    if config.resume is None:
        return claimed(folder, holds_run)
    earlier = Path(config.resume)
    return claimed(earlier, None) if holds_run(earlier) else nullcontext()


if __name__ == "__main__":
    settle_process()
    compose_or_exit(CONF, "config", sys.argv[1:], program="evaluate.py")
    main()

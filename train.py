"""Train a model: `python train.py experiment=<name> [group=choice] [group.key=value] ...`.

Experiments are the files in conf/experiment; `python train.py --help` lists them, docs/training.md
says the rest. A run writes into runs/<experiment>/<time>: its configuration, checkpoints,
TensorBoard files and, at the end, `model/`, the folder that `diffmst mix --model` and `evaluate.py`
read. `python train.py resume=<run folder>` goes on exactly where a run stopped.
"""

import math
import sys
from contextlib import closing
from pathlib import Path

import hydra
from flax import nnx
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console

from diffmst_jax.errors import InputError
from diffmst_jax.models.folder import save_model
from diffmst_jax.process import EXIT_WRONG_INPUT
from diffmst_jax.programs.argument import argument
from diffmst_jax.programs.claim import claimed
from diffmst_jax.programs.compose import compose_or_exit, remove_if_empty
from diffmst_jax.programs.display import Display
from diffmst_jax.programs.environment import keep_environment, what_changed
from diffmst_jax.programs.process import settle_process
from diffmst_jax.programs.signals import Stopped, StopRequest
from diffmst_jax.training.checkpoint import Checkpoints, holds_checkpoint
from diffmst_jax.training.config import CONFIG_NAME, TrainConfig, save_train_config
from diffmst_jax.training.devices import (
    first_then_others,
    held_by_first,
    is_first_process,
    join_processes,
    make_devices,
    same_folder,
)
from diffmst_jax.training.export import model_card, starting_model
from diffmst_jax.training.feed import make_batches, make_feed
from diffmst_jax.training.help import help_text
from diffmst_jax.training.logger import Logger
from diffmst_jax.training.settings import read_settings
from diffmst_jax.training.step import (
    averaged,
    initial_state,
    make_eval_step,
    make_optimizer,
    make_schedule,
    make_train_step,
)
from diffmst_jax.training.stream import Stream
from diffmst_jax.training.watch import Watch, due

MODEL_FOLDER = "model"
CONF = str(Path(__file__).parent.resolve() / "conf")

refused: list[Path] = []
"""Folders of a sweep's runs that were refused or broke off."""


def train(config: TrainConfig, run_dir: Path, *, display: Display, resume: bool = False) -> float:
    """Run the experiment `config` in `run_dir`, from its last checkpoint if `resume`.

    Returns:
      The lowest validation loss.

    Raises:
      InputError: data, a model folder or a checkpoint that cannot be used; too many broken batches.
      Stopped: a signal asked for it; the state is saved.
    """
    trainer = config.trainer

    # Devices: one mesh; the rows of a batch are divided over it.
    devices = make_devices(trainer)

    # Data: tracks and references, and the held-out examples; it fails sooner than a model compiles.
    feed = first_then_others(lambda: make_feed(config.data, display.report))

    # Model and optimiser.
    schedule = make_schedule(config)
    optimizer = make_optimizer(config.optimizer, schedule)
    graph, state = initial_state(starting_model(config, resumed=resume), optimizer, config)
    state = devices.state(state)

    # Checkpoint: the last one to go on from, the best one to export.
    checkpoints = Checkpoints(run_dir, config)
    if resume:
        state = checkpoints.restore_last(state, display.say)
    step, best_loss = int(state.step), checkpoints.best_loss or math.inf

    # Steps: jitted functions. The first takes the old state's memory and returns the new state.
    train_step = make_train_step(graph, optimizer, schedule, config, devices, state)
    eval_step = make_eval_step(graph, config, devices)

    # Loop, over endless batches of which the step says the next.
    batches = Stream(
        make_batches(feed, config.data, trainer.batch_size, first=step, shard=devices.shard),
        devices,
    )
    logger = Logger(run_dir, config.logger, first_step=step) if is_first_process() else None
    if is_first_process():
        save_train_config(run_dir / CONFIG_NAME, config)
        keep_environment(run_dir)
    watch = Watch(
        config, run_dir, devices, display, logger, eval_step, feed.validation, batches, checkpoints
    )
    stopped, done = False, step >= trainer.steps
    with closing(batches), StopRequest() as stop:
        while not done:
            batch = next(batches)
            state, metrics = train_step(state, batch)
            step += 1
            watch.guard(step, batch, metrics)
            stopped, late = watch.asked_to_end(step, stop.wanted)
            done = stopped or late or step >= trainer.steps
            if due(step, trainer.log_every) or done:
                watch.log(step, metrics)
            loss = None
            if due(step, trainer.validate_every) or (done and not stopped):
                loss = watch.validate(step, state)
            better = loss is not None and loss < best_loss
            if better or due(step, trainer.checkpoint_every) or done:
                checkpoints.save(step, state, loss)
            best_loss = min(best_loss, math.inf if loss is None else loss)
    watch.close()

    # Export.
    if stopped:
        checkpoints.close()
        display.say(
            f"stopped and saved after step {step}; "
            f"python train.py {argument('resume', str(run_dir))} goes on"
        )
        raise Stopped(stop.number)
    best = devices.whole(checkpoints.restore_best(state))
    checkpoints.close()
    if is_first_process():
        module = nnx.merge(graph, averaged(best), best.others)
        card = model_card(config, step=int(best.step), loss=best_loss)
        save_model(run_dir / MODEL_FOLDER, module, config.model, card, console=config.console)
    display.say(f"model of step {int(best.step)} in {run_dir / MODEL_FOLDER}")
    return best_loss


def holds_run(folder: Path) -> bool:
    """Whether a folder holds a run that can be gone on with, or a model."""
    return holds_checkpoint(folder) or (folder / MODEL_FOLDER).exists()


def one_of_several(hydra_config: DictConfig) -> bool:
    """Whether this process trains other runs of a sweep too, and not as a job of its own."""
    choices = hydra_config.runtime.choices
    return hydra_config.mode == RunMode.MULTIRUN and choices["hydra/launcher"] == "basic"


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def main(settings: DictConfig) -> float:
    """Read the settings, choose the run folder, train.

    Returns:
      The loss, for sweepers; NaN of a run that was refused or broke off, which does not keep the
      others of a sweep from being trained.
    """
    hydra_config = HydraConfig.get()
    own_folder = Path(hydra_config.runtime.output_dir)
    try:
        config, resumed = read_settings(settings, list(hydra_config.overrides.task))
        join_processes(config.trainer)
        run_dir = same_folder(resumed or own_folder)
        claim = held_by_first(claimed(run_dir, None if resumed else holds_run))
        with claim, Display(Console(stderr=True, quiet=not is_first_process())) as display:
            if resumed and (changed := what_changed(run_dir)):
                display.say(f"goes on in another environment: {changed}")
            return train(config, run_dir, display=display, resume=resumed is not None)
    except InputError as error:
        sys.stderr.write(f"train.py: {error}\n")
        if not one_of_several(hydra_config):
            sys.exit(EXIT_WRONG_INPUT)
        refused.append(own_folder)
        return math.nan
    except Stopped as stop:
        sys.exit(stop.status)
    finally:
        remove_if_empty(own_folder)


if __name__ == "__main__":
    settle_process()
    if {"-h", "--help"} & {*sys.argv[1:]}:
        sys.stdout.write(help_text(Path(CONF)))
        sys.exit(0)
    compose_or_exit(CONF, "config", sys.argv[1:], program="train.py")
    main()
    if refused:  # what each of them said is far up by now
        sys.stderr.write(f"train.py: refused or broken off: {', '.join(map(str, refused))}\n")
        sys.exit(EXIT_WRONG_INPUT)

"""Train a model: `python train.py experiment=<name> [group=choice] [group.key=value] ...`.

Experiments are the files in conf/experiment; each says what it needs, how long it takes and what to
expect. A run writes into runs/<experiment>/<time>: its configuration, checkpoints, TensorBoard
files and, at the end, `model/`, the folder that `diffmst mix --model` and `evaluate.py` read.
`python train.py resume=<run folder>` goes on exactly where a run stopped.
"""

import math
import sys
from pathlib import Path

import hydra
from flax import nnx
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from diffmst_jax.errors import InputError
from diffmst_jax.models.folder import save_model
from diffmst_jax.training.checkpoint import BEST, Checkpoints, Progress
from diffmst_jax.training.compose import compose_or_exit, read_settings, remove_if_empty
from diffmst_jax.training.config import CONFIG_NAME, TrainConfig, save_train_config
from diffmst_jax.training.display import Display
from diffmst_jax.training.export import model_card, starting_model
from diffmst_jax.training.feed import make_batches, make_feed
from diffmst_jax.training.logger import Logger
from diffmst_jax.training.process import settle_process
from diffmst_jax.training.signals import StopRequest
from diffmst_jax.training.step import (
    averaged,
    initial_state,
    make_eval_step,
    make_optimizer,
    make_schedule,
    make_train_step,
)
from diffmst_jax.training.watch import Watch, due

MODEL_FOLDER = "model"
CONF = str(Path(__file__).parent.resolve() / "conf")


def train(config: TrainConfig, run_dir: Path, *, display: Display, resume: bool = False) -> float:
    """Run the experiment `config` in `run_dir`, from its last checkpoint if `resume`.

    Returns:
      The lowest validation loss.

    Raises:
      InputError: data, a model folder or a checkpoint that cannot be used.
    """
    trainer = config.trainer

    # Data: tracks and references, held-out examples, an endless iterator of batches.
    feed = make_feed(config.data, display.report)
    batches = make_batches(feed, config.data, trainer.batch_size)

    # Model and optimiser.
    model = starting_model(config)
    schedule = make_schedule(config)
    optimizer = make_optimizer(config.optimizer, schedule)
    graph, state = initial_state(model, optimizer, config)

    # Update step: one jitted function that takes the old state's memory and returns the new state.
    train_step = make_train_step(graph, optimizer, config)

    # Checkpoint: the last one to go on from, the best one to export.
    checkpoints = Checkpoints(run_dir)
    best_loss = math.inf
    if resume:
        state, progress = checkpoints.restore(state)
        batches.set_state(progress.data)
        best_loss = progress.best_loss
    save_train_config(run_dir / CONFIG_NAME, config)
    step = int(state.step)

    # Loop.
    logger = Logger(run_dir, config.logger, first_step=step)
    watch = Watch(config, display, logger, schedule, make_eval_step(graph, config), feed.validation)
    stopped, done = False, step >= trainer.steps
    with StopRequest() as stop:
        while not done:
            state, metrics = train_step(state, next(batches))
            step += 1
            stopped = stop.wanted
            done = stopped or step >= trainer.steps or watch.out_of_time
            if due(step, trainer.log_every) or done:
                watch.log(step, state, metrics)
            if due(step, trainer.validate_every) or (done and not stopped):
                loss = watch.validate(step, state)
                if loss < best_loss:
                    best_loss = loss
                    checkpoints.save(state, Progress(batches.get_state(), loss), name=BEST)
            if due(step, trainer.checkpoint_every) or done:
                checkpoints.save(state, Progress(batches.get_state(), best_loss))
    batches.close()
    logger.close()

    # Export.
    if stopped:
        display.say(f"stopped after step {step}; python train.py resume={run_dir} goes on")
    else:
        best, _ = checkpoints.restore(state, name=BEST)
        module = nnx.merge(graph, averaged(best), best.others)
        card = model_card(config, step=int(best.step), loss=best_loss)
        save_model(run_dir / MODEL_FOLDER, module, config.model, card, console=config.console)
        display.say(f"model of step {int(best.step)} in {run_dir / MODEL_FOLDER}")
    checkpoints.close()
    return best_loss


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def main(settings: DictConfig) -> float:
    """Read the settings, choose the run folder, train; returns the loss for sweepers."""
    hydra_config = HydraConfig.get()
    try:
        config, resumed = read_settings(settings, list(hydra_config.overrides.task))
        run_dir = resumed or Path(hydra_config.runtime.output_dir)
        with Display(Console(stderr=True)) as display:
            return train(config, run_dir, display=display, resume=resumed is not None)
    except InputError as error:
        sys.stderr.write(f"train.py: {error}\n")
        sys.exit(2)
    finally:
        remove_if_empty(Path(hydra_config.runtime.output_dir))


if __name__ == "__main__":
    settle_process()
    compose_or_exit(CONF, "config", sys.argv[1:], program="train.py")
    main()

"""The model a run starts from, and the card of the one it leaves."""

from flax import nnx

from diffmst_jax.data.corpora_config import Folders
from diffmst_jax.errors import InputError
from diffmst_jax.models import DiffMstModel, build_model
from diffmst_jax.models.build import Keys
from diffmst_jax.models.folder import (
    CONFIG_FILE,
    flat_weights,
    load_model,
    model_folder,
    module_with_weights,
    read_configs,
)
from diffmst_jax.training.config import TrainConfig

# What the weights of a model belong to.
OF_WEIGHTS = ("encoder", "transformer", "sample_rate")


def check_start(config: TrainConfig) -> None:
    """Look at the model folder that a run is to start from, if any, without reading its weights.

    Raises:
      InputError: no such model, or one of another size than the settings say.
    """
    folder = config.trainer.init_from
    if folder is None:
        return
    found, _ = read_configs(model_folder(folder) / CONFIG_FILE)
    if any(getattr(found, name) != getattr(config.model, name) for name in OF_WEIGHTS):
        problem = "is a model of another architecture or size than the settings say"
        raise InputError(folder, problem, "choose the model group it was trained with")


def starting_model(config: TrainConfig, *, resumed: bool = False) -> DiffMstModel:
    """Return the weights to start from, in training mode: random, or those of a model folder.

    How a model computes (number format, rematerialisation, window) is the settings' to say.

    Args:
      config: of the run.
      resumed: whether the weights of a checkpoint take the place of these; the model folder, which
        may be gone, is then not read.

    Raises:
      InputError: no such model, or one of another size than the settings say.
    """
    folder = config.trainer.init_from
    if folder is None or resumed:
        seed = config.trainer.seed
        # One program for all the weights instead of one for every shape.
        return nnx.jit(lambda: build_model(config.model, rngs=Keys(seed)))()
    check_start(config)
    return module_with_weights(config.model, flat_weights(load_model(folder).module), folder)


def model_card(config: TrainConfig, *, step: int, loss: float) -> str:
    """Say in Markdown how a model came about and how good it was when it was left."""
    source = _named(config.data.songs) or f"{config.data.synthetic.songs} synthetic songs"
    references = {
        "unpaired": _named(config.data.references) or "finished mixes of the synthetic corpus",
        "random_mix": "random mixes of the same tracks",
    }[config.data.reference]
    return f"""# {config.name}

A mixing style transfer model: control vectors of a mixing console from raw tracks and a reference.

- Architecture: {config.model.architecture}
- Tracks: {source}
- References: {references}
- Examples of {config.data.max_tracks} tracks and {config.data.samples} samples at 44.1 kHz
- Left after {step} steps of {config.trainer.batch_size} examples
- Validation loss on held-out songs: {loss:.4f}

Use it with `diffmst mix TRACKS REFERENCE --model <this folder> --out DIR`.
"""


def _named(folders: Folders) -> str:
    return folders if isinstance(folders, str) else ", ".join(folders or ())

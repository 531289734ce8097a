"""A model as a folder: weights in safetensors, configuration in YAML, a model card. No pickle."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import yaml
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

import dsp
from diffmst_jax.errors import InputError
from diffmst_jax.files import folder_written_beside
from diffmst_jax.models.build import DiffMstModel, Keys, build_model
from diffmst_jax.models.config import ModelConfig
from diffmst_jax.models.inference import Model
from diffmst_jax.typed_config import plain_config, read_config

WEIGHTS_FILE, CONFIG_FILE, CARD_FILE = "weights.safetensors", "config.yaml", "README.md"
FORMAT_VERSION = 1
PACKAGED_MODELS = Path(__file__).resolve().parent / "packaged"
GIVE_MODEL = (
    "give the folder of a model written by diffmst (of a training run: RUN/model),"
    " or the name of a packaged one"
)


def save_model(
    folder: str | Path,
    module: DiffMstModel,
    config: ModelConfig,
    card: str,
    *,
    console: dsp.ConsoleConfig,
) -> None:
    """Write a model folder; either all of it appears or nothing.

    Args:
        folder: where to; made if missing, files of a model already there are replaced.
        module: the model with its weights.
        config: what it was built from.
        card: model card in Markdown: what it is, what it was trained on, how good it is.
        console: the console that its controls are for.

    Raises:
        InputError: the place cannot be written to.
    """
    values = {
        "format_version": FORMAT_VERSION,
        **config.to_dict(),
        "console": plain_config(console),
    }
    text = yaml.safe_dump(values, sort_keys=False)
    with folder_written_beside(folder) as partial:
        save_file(flat_weights(module), partial / WEIGHTS_FILE)
        (partial / CONFIG_FILE).write_text(text, encoding="utf-8")
        (partial / CARD_FILE).write_text(card, encoding="utf-8")


def load_model(name_or_folder: str | Path) -> Model:
    """Load a model by the name of a packaged one, or from a model folder.

    Raises:
        InputError: there is no such model, or its files are damaged, of another version, or hold
            weights that are not finite.
    """
    folder = model_folder(name_or_folder)
    config, console = read_configs(folder / CONFIG_FILE)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise InputError(path, "does not exist", GIVE_MODEL)
    try:
        weights = read_safetensors(path)
    except (SafetensorError, OSError) as error:
        raise InputError(path, f"is damaged ({error})", "write the model again") from error
    module = module_with_weights(config, weights, path)
    return Model(config, module, console, folder.absolute().name)


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a file.

    Raises:
        SafetensorError: it is damaged, or holds numbers that NumPy has not.
        OSError: it cannot be read.
    """
    try:
        return load_file(path)
    except AttributeError as error:  # the library looks for their type in NumPy
        raise SafetensorError("it holds floats of 8 bits or less") from error


def packaged_models() -> list[str]:
    """Names of the models that come with the package."""
    if not PACKAGED_MODELS.is_dir():
        return []
    return sorted(p.name for p in PACKAGED_MODELS.iterdir() if (p / CONFIG_FILE).is_file())


def flat_weights(module: nnx.Module) -> dict[str, np.ndarray]:
    """All variables of a module by dotted name, as NumPy arrays."""
    state = nnx.to_flat_state(nnx.state(module))
    return {_name(path): np.asarray(variable[...]) for path, variable in state}


def weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of every variable of a model by dotted name, without making it."""
    abstract = nnx.eval_shape(lambda: build_model(config, rngs=Keys(0)))
    return {_name(path): v.shape for path, v in nnx.to_flat_state(nnx.state(abstract))}


def module_with_weights(
    config: ModelConfig, weights: dict[str, np.ndarray], path: str | Path
) -> DiffMstModel:
    """Build a module around given weights, without making random ones first.

    Args:
        config: which module.
        weights: every variable by dotted name.
        path: what to blame in an error.

    Raises:
        InputError: entries are missing, unexpected, of the wrong shape or not finite.
    """
    graph, state = nnx.split(nnx.eval_shape(lambda: build_model(config, rngs=Keys(0))))
    flat = nnx.to_flat_state(state)
    check_entries({_name(p): v.shape for p, v in flat}, weights, path)
    filled = [(p, v.replace(jax.numpy.asarray(weights[_name(p)], v.dtype))) for p, v in flat]
    return nnx.merge(graph, nnx.from_flat_state(filled))


def check_entries(
    expected: dict[str, tuple[int, ...]], found: dict[str, np.ndarray], path: str | Path
) -> None:
    """Compare names and shapes, and look for values that no model can answer with.

    Raises:
        InputError: lists everything that is missing, unexpected, misshapen, or not finite in
            float32.
    """
    problems = {
        "missing": sorted(set(expected) - set(found)),
        "unexpected": sorted(set(found) - set(expected)),
        "misshapen": [
            f"{name} {list(found[name].shape)} instead of {list(shape)}"
            for name, shape in expected.items()
            if name in found and tuple(found[name].shape) != tuple(shape)
        ],
    }
    texts = [f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names]
    if texts:
        raise InputError(
            path,
            f"does not hold the weights of this model ({'; '.join(texts)})",
            "give weights and configuration that belong together",
        )
    broken = [name for name in expected if not _is_finite(found[name])]
    if broken:
        raise InputError(
            path,
            f"holds NaN or infinite weights: {', '.join(broken)}",
            "give weights from before training diverged",
        )


def read_configs(path: Path) -> tuple[ModelConfig, dsp.ConsoleConfig]:
    """Read `config.yaml`: what the model is, and the console it is for.

    Raises:
        InputError: it is missing, not YAML, or of another version or content.
    """
    if not path.is_file():
        raise InputError(path, "does not exist", GIVE_MODEL)
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(path, f"is not YAML ({error})", "write the model again") from error
    version = values.pop("format_version", None) if isinstance(values, dict) else None
    if version is None:
        raise InputError(path, "is not the configuration of a model", GIVE_MODEL)
    if version != FORMAT_VERSION:
        problem = f"has format version {version!r}, this program reads {FORMAT_VERSION}"
        raise InputError(path, problem, "use the program that wrote it")
    try:
        console = read_config(dsp.ConsoleConfig, values.pop("console", None), place="console")
        return ModelConfig.from_dict(values), console
    except InputError as error:
        raise InputError(path, f"is wrong ({error})", "correct the entry") from error


def model_folder(name_or_folder: str | Path) -> Path:
    """Find the folder of a packaged model, by its name, or of another.

    Raises:
        InputError: there is none.
    """
    if str(name_or_folder) in packaged_models():
        return PACKAGED_MODELS / str(name_or_folder)
    folder = Path(str(name_or_folder))
    if not folder.is_dir():
        names = ", ".join(packaged_models()) or "none"
        raise InputError(folder, f"is no folder and no packaged model ({names})", GIVE_MODEL)
    return folder


def _is_finite(array: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.isfinite(array.astype(np.float32, copy=False)).all())


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))

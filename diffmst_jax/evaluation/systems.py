"""What is compared: anything that mixes songs. `make_systems` finds them by the configuration."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.batch import Mixed, console_mixes, weighted_mixes
from diffmst_jax.evaluation.config import EvaluationConfig
from diffmst_jax.evaluation.finished import FinishedMixes
from diffmst_jax.evaluation.known import random_settings
from diffmst_jax.evaluation.loading import Loaded
from diffmst_jax.evaluation.store import REFERENCE
from diffmst_jax.evaluation.tone import SpectralMatch, corpus_target, sloping_target
from diffmst_jax.mixing.analyse import neutral_settings, predicted_settings
from diffmst_jax.mixing.comparing.baselines import (
    equal_loudness_weights,
    mono_equal_loudness_weights,
    plain_weights,
)
from diffmst_jax.mixing.console.settings import MixSettings, Provenance
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.refining.refine import refine
from diffmst_jax.mixing.sources.style import song_style
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.models.folder import load_model
from diffmst_jax.models.inference import Model

Failure = InputError | ValueError


class System(Protocol):
    """Mixes several songs: one result each, a failure for those that it cannot mix."""

    def __call__(self, songs: Sequence[Loaded]) -> Sequence[Mixed | Failure]:
        """Mix songs; may look at `heard` and `heard_reference`, and mixes `tracks`."""


Weights = Callable[[Multitrack], np.ndarray]
Settings = Callable[[Loaded], MixSettings]

BASELINES: dict[str, Weights] = {
    "plain_sum": plain_weights,
    "equal_loudness": equal_loudness_weights,
    "equal_loudness_mono": mono_equal_loudness_weights,
}


def make_systems(config: EvaluationConfig) -> dict[str, System]:
    """Return the systems of an evaluation by name: baselines, finished mixes, models.

    Raises:
      InputError: two systems of one name, said before anything is read; a model or a folder that
        cannot be read.
    """
    models = _named_models(config)
    systems: dict[str, System] = {}
    for baseline in config.systems:
        systems[baseline] = _named_system(baseline, config)
    for name, folder in config.finished_folders.items():
        systems[name] = FinishedMixes(folder)
    for name, model in models.items():
        loaded = load_model(model)
        systems[name] = ConsoleSystem(partial(model_settings, loaded), size=config.batch)
        if config.refine:
            systems[f"{name} refined"] = ConsoleSystem(
                partial(refined_settings, partial(model_settings, loaded), config.refine),
                size=config.batch,
            )
    return systems


class WeightedSystem:
    """A sum of the tracks, each with a gain in left and right."""

    def __init__(self, weights: Weights, *, size: int):
        self.weights, self.size = weights, size

    def __call__(self, songs: Sequence[Loaded]) -> list[Mixed]:
        """Mix; gains are found where systems may listen."""
        pairs = [(song.tracks, self.weights(song.heard)) for song in songs]
        return weighted_mixes(pairs, size=self.size)


class ConsoleSystem:
    """A console with settings from somewhere."""

    def __init__(self, settings: Settings, *, size: int):
        self.settings, self.size = settings, size

    def __call__(self, songs: Sequence[Loaded]) -> list[Mixed | Failure]:
        """Ask for the settings of each song, then mix all together that have some."""
        results: list[MixSettings | Failure] = []
        for song in songs:
            try:
                results.append(self.settings(song))
            except (InputError, ValueError) as error:
                results.append(error)
        jobs = [
            (song.tracks, settings)
            for song, settings in zip(songs, results, strict=True)
            if isinstance(settings, MixSettings)
        ]
        mixes = iter(console_mixes(jobs, size=self.size))
        return [next(mixes) if isinstance(r, MixSettings) else r for r in results]


def model_settings(model: Model, song: Loaded) -> MixSettings:
    """Ask a model, as `diffmst mix` does."""
    return predicted_settings(
        model, song.heard, song.heard_reference, target=OutputTarget(), provenance=Provenance()
    )


def random_console(song: Loaded) -> MixSettings:
    """Settings by chance, others than those of a random reference."""
    return random_settings(song.heard, seed=song.example.seed + 1)


def neutral_console(song: Loaded) -> MixSettings:
    """Settings that leave the tracks as they are, equally loud."""
    return neutral_settings(song.heard, target=OutputTarget())


def refined_settings(start: Settings, steps: int, song: Loaded) -> MixSettings:
    """Gradient descent on the settings from where `start` says, against the heard reference."""
    return refine(start(song), song.heard, song_style(song.heard_reference), steps=steps).settings


def _named_system(name: str, config: EvaluationConfig) -> System:
    if name in BASELINES:
        return WeightedSystem(BASELINES[name], size=config.batch)
    if name == "spectral_match":
        target = sloping_target() if config.tone is None else corpus_target(config.tone)
        return SpectralMatch(target, size=config.batch)
    if name == "random_console":
        return ConsoleSystem(random_console, size=config.batch)
    settings = partial(refined_settings, neutral_console, config.optimise)
    return ConsoleSystem(settings, size=config.batch)


def _named_models(config: EvaluationConfig) -> dict[str, str]:
    """Name models by their folders, or by the whole path where that is taken or says nothing.

    Raises:
      InputError: a name is taken by another system, or by the reference.
    """
    taken = {REFERENCE}

    def take(name: str, place: str) -> None:
        if name in taken:
            problem = f"makes a system {name!r}, and that name is taken"
            raise InputError(place, problem, "give each system a name of its own")
        taken.add(name)

    for baseline in config.systems:
        take(baseline, "systems")
    for entry in config.finished:
        take(entry.split("=", 1)[0], "finished")
    models: dict[str, str] = {}
    for model in config.models:
        short = Path(model).name
        name = model if short in taken or short in ("", "model") else short
        take(name, "model")
        models[name] = model
        if config.refine:
            take(f"{name} refined", "model")
    return models

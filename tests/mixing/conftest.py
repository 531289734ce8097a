"""The small song, mixed once for all tests that look at the result."""

from pathlib import Path

import pytest

from diffmst_jax.api import mix
from diffmst_jax.mixing.sources.tracks import Multitrack, load_tracks
from diffmst_jax.models import Model
from diffmst_jax.result import MixResult
from tests.mixing.songs import tiny_model, write_reference, write_song


@pytest.fixture(scope="session")
def song(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("song")
    write_song(folder)
    return folder


@pytest.fixture(scope="session")
def reference(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "finished.wav"
    write_reference(path)
    return path


@pytest.fixture(scope="session")
def multitrack(song) -> Multitrack:
    return load_tracks(song)


@pytest.fixture(scope="session")
def model() -> Model:
    return tiny_model()


@pytest.fixture(scope="session")
def mixed(song, reference, model) -> MixResult:
    return mix(song, reference, model=model)

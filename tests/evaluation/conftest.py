"""A small corpus on disk, and settings that evaluate it."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import dsp
from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.evaluation.config import EvaluationConfig, evaluation_config
from diffmst_jax.evaluation.run import evaluate
from diffmst_jax.models import save_model
from tests.mixing.songs import bursts, tone
from tests.models.small import SMALL, fresh
from tests.training.conftest import CONF

SONG_S = 6.0


def composed(*overrides: str) -> EvaluationConfig:
    with initialize_config_dir(f"{CONF}/evaluation", version_base="1.3"):
        settings = compose("config", overrides=list(overrides))
    values = OmegaConf.to_container(settings, resolve=True)
    assert isinstance(values, dict)
    return evaluation_config({str(key): value for key, value in values.items()})


def song_tracks(seed: int) -> dict[str, np.ndarray]:
    wide = np.concatenate(
        [tone(SONG_S, 440.0 + seed), bursts(SONG_S, 3.0, seed + 5) + tone(SONG_S, 554.0)]
    )
    return {
        "kick": bursts(SONG_S, 2.0, seed),
        "bass": tone(SONG_S, 60.0 + 7 * seed, 0.3),
        "pad": 0.5 * wide,
    }


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """Two songs of three tracks, one of them stereo, and two finished mixes."""
    root = tmp_path_factory.mktemp("material")
    for number, name in enumerate(("one", "two")):
        for track, audio in song_tracks(number).items():
            write_audio(root / "songs" / name / f"{track}.wav", audio, sample_rate=SAMPLE_RATE)
        left = bursts(SONG_S, 2.0, 30 + number) + tone(SONG_S, 80.0)
        right = bursts(SONG_S, 4.0, 40 + number) + tone(SONG_S, 90.0)
        mix = 0.4 * np.concatenate([left, right])
        write_audio(root / "references" / f"mix {number}.wav", mix, sample_rate=SAMPLE_RATE)
    return root


@pytest.fixture(scope="session")
def overrides(material):
    return (
        f"data.songs={material}",
        f"data.references={material}",
        "protocol.duration_s=2",
        "batch=2",
        "embeddings=[]",
    )


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """The paper's kind of model, for the compact one takes ten times as long to compile."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    card = "A model for tests."
    save_model(folder, fresh("cnn14"), SMALL["cnn14"], card, console=dsp.ConsoleConfig())
    return folder


@pytest.fixture(scope="session")
def finished_run(overrides, model_folder, tmp_path_factory):
    """A whole evaluation: its store and settings."""
    folder = tmp_path_factory.mktemp("run")
    config = composed(
        *overrides,
        f"model={model_folder}",
        "systems=[plain_sum,equal_loudness_mono,spectral_match]",
        "embeddings=[encoder]",
        "protocol.examples=3",
        "report.clip_s=1",
    )
    reports: list[tuple[str, int, int]] = []
    store = evaluate(config, folder, lambda *what: reports.append(what))
    return store, config, reports

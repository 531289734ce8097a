import dataclasses
import io
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from rich.console import Console

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data import pipeline
from diffmst_jax.data.examples import read_tracks
from diffmst_jax.errors import InputError
from diffmst_jax.models.folder import load_model
from diffmst_jax.programs.display import Display
from diffmst_jax.programs.environment import ENVIRONMENT_NAME, environment, keep_environment
from diffmst_jax.training.config import CONFIG_NAME, save_train_config
from diffmst_jax.training.logger import SCALARS_NAME, read_scalars
from diffmst_jax.training.stream import Stream
from diffmst_jax.training.watch import Watch
from tests.mixing.songs import tone
from tests.training.conftest import CONF
from train import MODEL_FOLDER, train
from train import main as program

ROOT = Path(CONF).parent
WEIGHTS = f"{MODEL_FOLDER}/weights.safetensors"


def run(config, folder, *, resume=False):
    text = io.StringIO()
    with Display(Console(file=text, width=200)) as display:
        loss = train(config, folder, display=display, resume=resume)
    return loss, text.getvalue()


def with_steps(config, steps, **changes):
    return dataclasses.replace(
        config, trainer=dataclasses.replace(config.trainer, steps=steps, **changes)
    )


@pytest.fixture
def random_mixes(tiny):
    """Losses of audio and of controls, on random mixes, with accumulation."""
    return dataclasses.replace(
        with_steps(tiny, 2),
        data=dataclasses.replace(tiny.data, reference="random_mix", samples=36000),
        loss=dataclasses.replace(tiny.loss, mrstft=1.0, parameters=1.0, normalize=True),
        optimizer=dataclasses.replace(tiny.optimizer, accumulate=2),
    )


@pytest.mark.parametrize(("steps", "said"), [(6, True), (8, False)])
def test_a_learning_rate_that_is_not_reached_is_said(random_mixes, tmp_path, steps, said):
    schedule = dataclasses.replace(random_mixes.schedule, warmup_steps=4)
    config = with_steps(dataclasses.replace(random_mixes, schedule=schedule), steps)
    text = io.StringIO()
    with Display(Console(file=text, width=200)) as display:
        Watch(config, tmp_path, None, display, None, None, [], None, None)
    found = "rises for 4 updates and the run has 3: it ends at 75 % of" in text.getvalue()
    assert found == said


@pytest.mark.slow
def test_a_run_leaves_a_model_and_all_there_is_to_see(random_mixes, tmp_path):
    logger = dataclasses.replace(random_mixes.logger, tensorboard=True, audio_examples=1)
    config = dataclasses.replace(random_mixes, logger=logger)
    loss, said = run(config, tmp_path / "run")
    assert f"validation loss {loss:.4f}" in said
    assert load_model(tmp_path / "run" / MODEL_FOLDER).config == config.model
    assert f"{loss:.4f}" in (tmp_path / "run" / MODEL_FOLDER / "README.md").read_text()
    scalars = read_scalars(tmp_path / "run" / SCALARS_NAME)
    steps = [line for line in scalars if "train/loss" in line]
    assert ["train/norm_update" in line for line in steps] == [False, True], "batches are gathered"
    assert {"evaluation/audio_features", "evaluation/bark_spectrum"} <= {*chain(*scalars)}
    events = list((tmp_path / "run" / "tensorboard").iterdir())
    assert len(events) == 1
    content = events[0].read_bytes()
    tags = [
        "train/mrstft",
        "train/parameters_master",
        "train/audio_features_stereo_width",
        *(f"train/norm_{of}" for of in ("gradient", "update", "params")),
        "train/learning_rate",
        "train/data_wait_share",
        "validation/loss",
        "evaluation/audio_features",
        "tracks/compressor/threshold_db",
        "master_bus/output_fader_db",
        *(f"example_0/{name}" for name in ("mix", "reference", "target")),
        "example_0/spectrograms_mix_reference_target",
    ]
    for tag in tags:
        assert tag.encode() in content, tag


@pytest.mark.slow
@pytest.mark.parametrize(
    ("saved_every", "advice"), [(2, "go on with resume=.*"), (9, "start anew")]
)
def test_broken_batches_are_skipped_and_then_end_the_run_with_the_last_saved(
    random_mixes, tmp_path, monkeypatch, saved_every, advice
):
    def broken(*args):
        tracks, *rest = read_tracks(*args)
        return np.full_like(tracks, np.nan), *rest

    monkeypatch.setattr(pipeline, "read_tracks", broken)
    close = Mock()
    monkeypatch.setattr(Stream, "close", close)
    optimizer = dataclasses.replace(random_mixes.optimizer, skip_nonfinite=2)
    logger = dataclasses.replace(random_mixes.logger, tensorboard=True, audio_examples=1)
    # Where it is saved, it is validated as well, by examples that are broken too.
    every = {"validate_every": saved_every, "checkpoint_every": saved_every}
    changed = with_steps(random_mixes, 9, **every)
    config = dataclasses.replace(changed, optimizer=optimizer, logger=logger)
    said = rf"the last of 2 in a row.*learning_rate, and {advice}$"
    with pytest.raises(InputError, match=said) as caught:
        run(config, tmp_path / "broken")
    assert caught.value.path.endswith("nonfinite_step_2.npz")
    assert close.called, "workers would go on beside the next run of a sweep"
    with np.load(caught.value.path) as saved:
        assert np.isnan(saved["tracks"]).any()
        assert set(saved) == {"tracks", "mask", "side", "reference"}
    lines = read_scalars(tmp_path / "broken" / SCALARS_NAME)
    norms = [line["train/norm_params"] for line in lines if "train/norm_params" in line]
    assert norms == [norms[0]] * 2
    assert np.isfinite(norms[0]), "weights were moved by a broken batch"


@pytest.mark.slow
def test_run_resumed_with_a_larger_loss_exports_what_it_trained_since(tiny_cnn, tmp_path):
    before, _ = run(with_steps(tiny_cnn, 2, validate_every=2), tmp_path / "run")
    # Nothing that noises are mixed to comes near tones, and what was compiled fits them too.
    for name in ("a.flac", "b.flac"):
        write_audio(tmp_path / "tones" / name, tone(2.0, 440.0), sample_rate=SAMPLE_RATE)
    data = dataclasses.replace(tiny_cnn.data, references=str(tmp_path / "tones"))
    # Nor is the folder that a run began with needed any more.
    later = with_steps(tiny_cnn, 4, validate_every=2, init_from="gone")
    farther = dataclasses.replace(later, data=data)
    lowest, said = run(farther, tmp_path / "run", resume=True)
    assert lowest > before
    assert "validation losses until step 2 were of other settings and do not count" in said
    card = (tmp_path / "run" / MODEL_FOLDER / "README.md").read_text()
    assert "after 4 steps" in card
    assert f"{lowest:.4f}" in card


def test_run_without_checkpoint_cannot_be_resumed(tiny, tmp_path):
    with pytest.raises(InputError, match="holds no checkpoint"):
        run(tiny, tmp_path, resume=True)


@pytest.fixture
def trained(monkeypatch):
    """What the program trains: folder and whether it goes on, instead of training."""
    calls = []

    def noted(config, folder, *, display, resume=False):
        calls.append((folder, resume))
        return 0.0

    monkeypatch.setattr("train.train", noted)
    return calls


@pytest.mark.parametrize("left", ["checkpoints/3", MODEL_FOLDER])
def test_new_run_refuses_the_folder_of_another(left, trained, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    (folder / left).mkdir(parents=True)
    arguments = ["experiment=smoke", f"hydra.run.dir={folder}"]
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as stop:
        program()
    assert stop.value.code == 2
    said = f"train.py: {folder}: holds a run already; go on with resume={folder}, or give another"
    assert capsys.readouterr().err.startswith(said)
    assert [str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))][-1] == left
    assert trained == []


@pytest.mark.parametrize(
    ("arguments", "name"), [([], "default"), (["experiment=smoke"], "smoke"), (["name=x"], "x")]
)
def test_new_run_lies_in_the_folder_of_its_experiment(
    arguments, name, trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    program()
    assert [folder.parent for folder, _ in trained] == [tmp_path / "runs" / name]


def test_a_sweep_trains_the_others_where_one_run_is_refused(tmp_path, monkeypatch, capsys):
    def picky(config, folder, **_):
        if config.trainer.seed == 0:
            raise InputError("seed 0", "is refused", "take another")
        (folder / "trained").touch()

    monkeypatch.setattr("train.train", picky)
    refused: list[Path] = []
    monkeypatch.setattr("train.refused", refused)
    arguments = ["-m", "trainer.seed=0,1", f"hydra.sweep.dir={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    program()
    assert [path.name for path in tmp_path.glob("*/trained")] == ["trained"]
    assert capsys.readouterr().err == "train.py: seed 0: is refused; take another\n"
    assert refused == [tmp_path / "0"]


def test_a_resumed_run_says_that_it_does_not_begin_with_other_weights(
    tiny, trained, tmp_path, monkeypatch, capsys
):
    save_train_config(tmp_path / CONFIG_NAME, with_steps(tiny, 2, init_from="gone"))
    for given, fits in (("gone", True), ("elsewhere", False)):
        resuming = [f"resume={tmp_path}", f"trainer.init_from={given}"]
        monkeypatch.setattr(sys, "argv", ["train.py", *resuming])
        if fits:
            program()
            continue
        with pytest.raises(SystemExit, match="2"):
            program()
    assert trained == [(tmp_path, True)]
    assert "trainer.init_from: changes nothing of a run that goes on" in capsys.readouterr().err


def test_a_run_that_goes_on_in_another_environment_says_so(
    tiny, trained, tmp_path, monkeypatch, capsys
):
    save_train_config(tmp_path / CONFIG_NAME, tiny)
    keep_environment(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", f"resume={tmp_path}"])
    program()
    assert "environment" not in capsys.readouterr().err
    earlier = json.dumps([{**environment(), "jax": "0.0.1"}])
    (tmp_path / ENVIRONMENT_NAME).write_text(earlier)
    program()
    said = f"goes on in another environment: jax {environment()['jax']} instead of 0.0.1\n"
    assert said in capsys.readouterr().err
    assert len(trained) == 2


def test_what_changes_a_resumed_run_is_read_as_for_a_new_one(tiny, tmp_path, monkeypatch, capsys):
    configs = []
    monkeypatch.setattr("train.train", lambda config, *_, **__: configs.append(config))
    save_train_config(tmp_path / CONFIG_NAME, tiny)
    given = [r"data.songs=a\,b", r"data.references='it\'s'", "++trainer.steps=7"]
    monkeypatch.setattr(sys, "argv", ["train.py", f"resume={tmp_path}", *given])
    program()
    (config,) = configs
    assert (config.data.songs, config.data.references) == ("a,b", "it's")
    assert config.trainer.steps == 7
    monkeypatch.setattr(sys, "argv", ["train.py", f"resume={tmp_path}", "~trainer.seed"])
    with pytest.raises(SystemExit, match="2"):
        program()
    assert "~trainer.seed: cannot be changed" in capsys.readouterr().err


def test_new_run_and_resumed_one_take_their_folders(tiny, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", f"hydra.run.dir={tmp_path}/new"])
    program()
    (tmp_path / "old" / "checkpoints" / "3").mkdir(parents=True)
    save_train_config(tmp_path / "old" / CONFIG_NAME, tiny)
    resuming = [f"resume={tmp_path}/old", f"hydra.run.dir={tmp_path}/unused"]
    monkeypatch.setattr(sys, "argv", ["train.py", *resuming])
    program()
    assert trained == [(tmp_path / "new", False), (tmp_path / "old", True)]
    assert [item.name for item in tmp_path.iterdir()] == ["old"]


def test_a_folder_of_no_run_is_refused_in_one_line_with_status_2(tmp_path, monkeypatch, capfd):
    refused = f"hydra.run.dir={tmp_path / 'runs' / 'refused'}"
    monkeypatch.setattr(sys, "argv", ["train.py", "resume=/nowhere", refused])
    with pytest.raises(SystemExit) as stop:
        program()
    assert stop.value.code == 2
    assert list(tmp_path.iterdir()) == []
    told, complained = capfd.readouterr()
    assert "/nowhere: is not the folder of a training run" in complained
    assert len(complained.strip().splitlines()) == 1
    assert told == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["experiment=smoke", "trainer.stepz=3"], "stepz"),
        (["experiment=smoke", "data.songs=/nowhere"], "/nowhere: is not a folder"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(arguments, said, tmp_path):
    result = subprocess.run(
        [sys.executable, "train.py", *arguments, f"hydra.run.dir={tmp_path / 'runs' / 'refused'}"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 2
    assert list(tmp_path.iterdir()) == []
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""

import dataclasses
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.training.checkpoint import DELETED, FOLDER, Checkpoints
from diffmst_jax.training.config import train_config
from diffmst_jax.training.step import TrainState
from tests.training.conftest import composed


@pytest.fixture
def config():
    return train_config(composed("experiment=smoke", "trainer.steps=8"))


def louder(config):
    """The same losses ten times as large."""
    return dataclasses.replace(config, loss=dataclasses.replace(config.loss, audio_features=10.0))


def state_of(step):
    zero = jnp.zeros((), jnp.int32)
    step = jnp.asarray(step, jnp.int32)
    return TrainState(step, {"w": jnp.full(3, step)}, {}, {}, (), zero, zero, zero)


def saved(folder, config, losses):
    """Save a run that is validated at some of its steps; returns it and what was said of losses."""
    checkpoints = Checkpoints(folder, config)
    said: list[str] = []
    if (folder / FOLDER).is_dir() and list((folder / FOLDER).iterdir()):
        checkpoints.restore_last(state_of(0), said.append)
    for step, loss in losses.items():
        checkpoints.save(step, state_of(step), loss)
    return checkpoints, said


def steps_in(folder):
    return sorted(int(item.name) for item in (folder / FOLDER).iterdir())


def test_last_and_best_are_kept_and_found_again(config, tmp_path):
    checkpoints, _ = saved(tmp_path, config, {1: 0.9, 2: 0.3, 3: 0.3, 4: None, 5: 0.4, 6: None})
    assert checkpoints.best_loss == 0.3
    assert int(checkpoints.restore_best(state_of(0)).step) == 3
    checkpoints.close()
    assert steps_in(tmp_path) == [3, 6]
    again, said = saved(tmp_path, config, {7: 0.2})
    assert again.best_loss == 0.2
    assert said == []


def test_run_without_a_finite_loss_has_no_best_state_and_says_why(config, tmp_path):
    checkpoints, _ = saved(tmp_path, config, {3: None})
    with pytest.raises(InputError, match=r"no state whose validation loss was finite; .*lower"):
        checkpoints.restore_best(state_of(0))
    assert int(checkpoints.restore_last(state_of(0), print).step) == 3


def test_a_run_may_be_killed_while_it_deletes_and_writes(config, tmp_path, monkeypatch):
    removed = []
    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda path, *args, **rest: removed.append(Path(path)))
    saved(tmp_path, config, {1: 0.3, 2: 0.5, 3: 0.4})[0].close()
    folder = tmp_path / FOLDER
    assert {*removed} == {folder / DELETED}
    monkeypatch.setattr(shutil, "rmtree", remove)
    (folder / "4.orbax-checkpoint-tmp").mkdir()
    again, _ = saved(tmp_path, config, {})
    assert again.best_loss == 0.3
    assert steps_in(tmp_path) == [1, 3]


def test_a_checkpoint_that_cannot_be_written_is_said(config, tmp_path, monkeypatch):
    def no_space(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: No space left on device")

    checkpoints, _ = saved(tmp_path, config, {1: 0.3})
    monkeypatch.setattr(checkpoints._manager, "wait_until_finished", no_space)
    with pytest.raises(InputError, match=f"{FOLDER}: cannot be written .*No space.*; make room"):
        checkpoints.save(2, state_of(2), None)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("state", f"{FOLDER}/2: does not fit the settings, or is damaged; .*move this folder away"),
        ("config", f"{FOLDER}: holds a damaged checkpoint, .*; move it away"),
        ("metrics", f"{FOLDER}: holds a damaged checkpoint, .*; move it away"),
    ],
)
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_is_whole(config, tmp_path, part, said):
    saved(tmp_path, config, {1: 0.3, 2: 0.5})[0].close()
    for file in (tmp_path / FOLDER / "2" / part).rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(InputError, match=said):
        saved(tmp_path, config, {})
    shutil.rmtree(tmp_path / FOLDER / "2")
    again = Checkpoints(tmp_path, config)
    assert int(again.restore_last(state_of(0), print).step) == 1


def test_losses_of_another_scale_do_not_count_and_do_not_stay(config, tmp_path):
    saved(tmp_path, config, {2: 0.3, 4: 0.5})[0].close()
    checkpoints, said = saved(tmp_path, louder(config), {5: 2.5, 6: 1.0})
    assert said == ["validation losses until step 4 were of other settings and do not count"]
    assert checkpoints.best_loss == 1.0
    np.testing.assert_array_equal(checkpoints.restore_best(state_of(0)).params["w"], 6)
    checkpoints.close()
    assert steps_in(tmp_path) == [6]


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ("loss.feature_weights.rms=0.2", False),
        ("console.track_compressor=false", False),
        ("data.validation_examples=3", False),
        ("data.seed=5", False),
        ("data.songs=elsewhere", False),
        ("trainer.seed=5", False),
        ("optimizer.learning_rate=1e-2", True),
        ("trainer.batch_size=4", True),
        ("data.workers=2", True),
        ("data.decoded=cache", True),
        ("data.augmentation.drop=0.5", True),
        ("data.synthetic.folder=elsewhere", True),
    ],
)
def test_losses_count_while_what_they_are_measured_by_stays(config, tmp_path, change, counts):
    saved(tmp_path, config, {2: 0.3})[0].close()
    changed = train_config(composed("experiment=smoke", "trainer.steps=8", change))
    checkpoints, said = saved(tmp_path, changed, {})
    assert (checkpoints.best_loss, len(said)) == ((0.3, 0) if counts else (None, 1))


def test_finished_run_does_not_pass_off_its_model_as_the_best_by_other_settings(config, tmp_path):
    saved(tmp_path, config, {4: 0.3, 8: 0.5})[0].close()
    with pytest.raises(InputError, match=r"validated by these settings; raise trainer\.steps"):
        saved(tmp_path, louder(config), {})
    assert steps_in(tmp_path) == [4, 8]

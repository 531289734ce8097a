import errno
import fcntl
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hydra import compose, initialize_config_dir

from diffmst_jax.errors import InputError
from diffmst_jax.files import folder_written_beside, written_beside
from diffmst_jax.programs import claim
from diffmst_jax.programs.claim import LOCK_NAME, claimed
from diffmst_jax.training.checkpoint import FOLDER, holds_checkpoint
from tests.training.conftest import CONF


def test_of_runs_that_start_at_once_in_one_folder_one_goes_on(tmp_path):
    count = 8
    started, tried = Barrier(count), Barrier(count)

    def start(_):
        started.wait()
        try:
            with claimed(tmp_path / "run", holds_checkpoint):
                tried.wait()
                return "went on"
        except InputError as error:
            tried.wait()
            return str(error)

    with ThreadPoolExecutor(count) as pool:
        said = list(pool.map(start, range(count)))
    assert said.count("went on") == 1
    assert sum("another hydra.run.dir" in one for one in said) == count - 1
    assert not list((tmp_path / "run").iterdir())


def test_a_folder_with_a_checkpoint_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / FOLDER / "3").mkdir(parents=True)
    with (
        pytest.raises(InputError, match=f"holds a run already; go on with resume={tmp_path}"),
        claimed(tmp_path, holds_checkpoint),
    ):
        raise AssertionError
    assert [item.name for item in tmp_path.iterdir()] == [FOLDER]


def test_a_run_that_was_killed_before_its_first_checkpoint_is_in_nobodys_way(tmp_path):
    (tmp_path / LOCK_NAME).touch()
    (tmp_path / FOLDER / "3.orbax-checkpoint-tmp-7").mkdir(parents=True)
    with claimed(tmp_path, holds_checkpoint):
        assert (tmp_path / LOCK_NAME).exists()
    assert not (tmp_path / LOCK_NAME).exists()


def test_what_a_killed_run_was_writing_is_taken_away_when_it_is_gone_on_with(tmp_path):
    """A model that was being written stayed beside the run's own for ever."""
    folder, file = tmp_path / "model", tmp_path / "00000.npz"
    with folder_written_beside(folder) as model, written_beside(file) as part:
        (model / "weights").touch()
        part.touch()
        left = shutil.copytree(tmp_path, tmp_path.with_name("killed"))
    (left / "model").mkdir()
    assert len(list(left.iterdir())) == 3
    with claimed(left, None):
        assert {item.name for item in left.iterdir()} == {LOCK_NAME, "model"}


def test_a_run_is_gone_on_with_by_one_at_a_time(tmp_path):
    (tmp_path / FOLDER / "3").mkdir(parents=True)
    with claimed(tmp_path, None):
        for second in (None, holds_checkpoint):
            with (
                pytest.raises(InputError, match="in use by another run"),
                claimed(tmp_path, second),
            ):
                raise AssertionError
    with claimed(tmp_path, None):
        pass
    assert [item.name for item in tmp_path.iterdir()] == [FOLDER]


@pytest.mark.parametrize("where", ["disk", "system"])
def test_where_there_are_no_locks_is_no_reason_to_stop(tmp_path, monkeypatch, where):
    def none_here(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    if where == "disk":
        monkeypatch.setattr(fcntl, "flock", none_here)
    else:
        monkeypatch.setattr(claim, "fcntl", None)
    with claimed(tmp_path, holds_checkpoint):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"file: cannot be written to"),
        claimed(tmp_path / "file", holds_checkpoint),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("folder", "kind"),
    [(CONF, "run.dir"), (CONF, "sweep.dir"), (f"{CONF}/evaluation", "run.dir")],
)
def test_runs_of_one_second_have_folders_of_their_own(folder, kind):
    overrides = ["name=test"] if folder == CONF else []
    with initialize_config_dir(folder, version_base="1.3"):
        several = [
            compose("config", overrides=overrides, return_hydra_config=True).hydra for _ in range(2)
        ]
    section, key = kind.split(".")
    assert len({hydra[section][key] for hydra in several}) == 2

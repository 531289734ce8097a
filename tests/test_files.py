import errno
import os

import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.files import folder_written_beside, written_beside


class Interrupted(BaseException):
    """Stands for Ctrl-C, which is no `Exception` either."""


def write_half_a_file(path, problem):
    with written_beside(path) as beside:
        beside.write_text("half")
        raise problem


def write_half_a_folder(path, problem):
    with folder_written_beside(path) as beside:
        (beside / "x.txt").write_text("half")
        raise problem


@pytest.mark.parametrize("problem", [Interrupted, ValueError])
def test_a_file_that_fails_leaves_the_old_one_and_no_rest(tmp_path, problem):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(problem):
        write_half_a_file(path, problem)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["x.txt"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "x.txt"
    with written_beside(path) as first:
        first.write_text("first")
        with written_beside(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert [item.name for item in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("problem", [Interrupted, ValueError])
def test_a_folder_that_fails_is_not_made_and_neither_are_its_parents(tmp_path, problem):
    with pytest.raises(problem):
        write_half_a_folder(tmp_path / "a" / "b", problem)
    assert not list(tmp_path.iterdir())


def test_a_folder_keeps_other_files_and_replaces_its_own(tmp_path):
    out = tmp_path / "out"
    (out / "in").mkdir(parents=True)
    for name in ("mine.txt", "in/mine.txt", "x.txt", "in/x.txt"):
        (out / name).write_text("old")
    with folder_written_beside(out) as beside:
        (beside / "in").mkdir()
        for name in ("x.txt", "in/x.txt"):
            (beside / name).write_text("new")
            assert (out / name).read_text() == "old"
    assert {str(p.relative_to(out)): p.read_text() for p in out.rglob("*.txt")} == {
        "mine.txt": "old",
        "x.txt": "new",
        "in/mine.txt": "old",
        "in/x.txt": "new",
    }
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


def test_nothing_is_written_above_a_folder_that_is_there(tmp_path):
    """What is above it may be read-only, or another disk."""
    out = tmp_path / "out"
    out.mkdir()
    with folder_written_beside(out) as beside:
        assert [item.name for item in tmp_path.iterdir()] == ["out"]
        (beside / "x.txt").write_text("new")
        assert not (out / "x.txt").exists()
    assert [item.name for item in out.iterdir()] == ["x.txt"]
    with pytest.raises(Interrupted):
        write_half_a_folder(out, Interrupted)
    assert [item.name for item in out.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("letter", ["x", "ü", "鼓"])
def test_the_longest_name_can_be_written(tmp_path, letter):
    """Names have at most 255 bytes, of which the temporary one needs some for itself."""
    name = letter * (250 // len(letter.encode())) + ".wav"
    with written_beside(tmp_path / name) as beside:
        beside.write_text("new")
    assert (tmp_path / name).read_text() == "new"


def test_what_is_written_gets_the_rights_of_a_new_file(tmp_path):
    plain = tmp_path / "plain.txt"
    plain.touch()
    with folder_written_beside(tmp_path / "out") as beside:
        (beside / "x.txt").touch(mode=0o600)
    assert (tmp_path / "out" / "x.txt").stat().st_mode == plain.stat().st_mode


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="cannot be written"),
        written_beside(tmp_path / "file" / "x"),
    ):
        pass
    with pytest.raises(InputError, match="not a folder"), folder_written_beside(tmp_path / "file"):
        pass
    with pytest.raises(InputError, match="is a folder"), written_beside(tmp_path):
        pass


def test_a_full_disk_is_an_input_error_and_leaves_nothing(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(InputError, match="No space left"):
        write_half_a_file(tmp_path / "x", full)
    assert not list(tmp_path.iterdir())


def test_a_place_is_named_as_it_was_to_be(tmp_path):
    def fails(inside):
        raise InputError(inside, "cannot be written", "make room")

    with pytest.raises(InputError) as found, folder_written_beside(tmp_path / "out") as beside:
        fails(beside / "stems" / "1.wav")
    assert found.value.path == str(tmp_path / "out" / "stems" / "1.wav")
    with pytest.raises(InputError) as found, folder_written_beside(tmp_path / "out"):
        fails(tmp_path / "song" / "1.wav")
    assert found.value.path == str(tmp_path / "song" / "1.wav")
    assert not list(tmp_path.iterdir())


def test_wrong_input_is_a_value_error():
    with pytest.raises(ValueError, match=r"take\.wav: is silent; give another"):
        raise InputError("take.wav", "is silent", "give another")

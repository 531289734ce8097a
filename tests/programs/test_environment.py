import json

import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.programs import environment as module
from diffmst_jax.programs.environment import (
    ENVIRONMENT_NAME,
    environment,
    environments,
    keep_environment,
    made_in,
    what_changed,
)


@pytest.fixture
def elsewhere(monkeypatch):
    """As if the process ran with other packages."""

    def change(**values):
        other = {**environment(), **values}
        monkeypatch.setattr(module, "environment", lambda: other)

    return change


def test_an_environment_is_kept_once_however_often_a_run_goes_on(tmp_path, elsewhere):
    assert (environments(tmp_path), what_changed(tmp_path), made_in(tmp_path)) == ([], "", "")
    keep_environment(tmp_path)
    keep_environment(tmp_path)
    assert environments(tmp_path) == [environment()]
    here = made_in(tmp_path)
    assert environment()["source"] in here
    elsewhere(jax="99.0", commit="abc")
    assert what_changed(tmp_path) == f"jax 99.0 instead of {environment()['jax']}"
    keep_environment(tmp_path)
    assert what_changed(tmp_path) == ""
    assert [one["jax"] for one in environments(tmp_path)] == [environment()["jax"], "99.0"]
    assert made_in(tmp_path) == f"{here}; then {here.replace(environment()['jax'], '99.0')}"


def test_a_package_that_came_or_went_is_said(tmp_path, elsewhere):
    keep_environment(tmp_path)
    elsewhere(cudnn="9.1")
    assert what_changed(tmp_path) == "cudnn 9.1 instead of none"


def test_the_digest_is_of_all_code_and_of_nothing_else(tmp_path):
    (tmp_path / "inner").mkdir()
    digests = []
    for name, text in (("a.py", "1"), ("inner/b.py", "2"), ("notes.txt", "3"), ("a.py", "4")):
        (tmp_path / name).write_text(text)
        digests.append(module._digest([tmp_path]))
    assert digests[1] == digests[2]
    assert len({*digests}) == 3


@pytest.mark.parametrize("text", ["[", json.dumps({"jax": "1"}), "[1]"])
def test_a_list_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / ENVIRONMENT_NAME).write_text(text)
    with pytest.raises(InputError, match=rf"{ENVIRONMENT_NAME}: .*; restore it, or remove it"):
        what_changed(tmp_path)

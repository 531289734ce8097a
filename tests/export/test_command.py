"""`diffmst export` as people call it: what it writes, what it says, and how it refuses."""

import json
import time
from pathlib import Path

import pytest

from diffmst_jax.cli import main
from diffmst_jax.errors import InputError
from diffmst_jax.export import export_session
from diffmst_jax.export import media as media_module
from diffmst_jax.mixing.console.file import console_text
from tests.export.consoles import random_console


@pytest.fixture(scope="module")
def console(multitrack, tmp_path_factory):
    path = tmp_path_factory.mktemp("mixed") / "console.json"
    path.write_text(console_text(random_console(multitrack, 3)), encoding="utf-8")
    return path


def run(*arguments):
    return main(["export", *map(str, arguments)])


@pytest.mark.parametrize("name", ["A Song.dawproject", "session/A Song.rpp"])
def test_it_writes_a_session_and_lists_what_differs(name, song, console, tmp_path, capsys):
    assert run(song, console, "--out", tmp_path / name) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / name}  5 tracks"
    assert all(line.startswith("- ") for line in lines[1:])
    assert any("Left out: silent.wav" in line for line in lines)
    written = next(line for line in lines if "written as WAV" in line)
    assert written.startswith("- hat.wav, vox 1.wav: ")
    # the pair leans, which in a .dawproject is done in its file
    assert "as they were" not in written
    assert (tmp_path / name).stat().st_size > 1000


def test_the_same_session_is_the_same_file(song, console, tmp_path):
    first, second = tmp_path / "1.dawproject", tmp_path / "2.dawproject"
    export_session(song, console, first)
    time.sleep(1.0)  # WAV files of floats would say in which second they were written
    export_session(song, console, second)
    assert first.read_bytes() == second.read_bytes()


def test_effects_are_installed_where_reaper_looks(song, console, tmp_path, capsys):
    resources = tmp_path / "REAPER"
    resources.mkdir()
    out = tmp_path / "a.rpp"
    assert run(song, console, "--out", out, "--install", resources) == 0
    installed = resources / "Effects" / "diffmst"
    assert (installed / "diffmst_channel.jsfx").read_text().startswith("desc:diffmst channel strip")
    assert capsys.readouterr().out.splitlines()[-1] == f"{installed}  effects installed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "a.als"], "does not end in .dawproject or .rpp"),
        (["--out", "a.rpp", "--format", "dawproject"], "does not end in .dawproject;"),
        (["--out", "a.rpp", "--install", "nowhere"], "is not there"),
        (["--out", "file/a.dawproject"], "is a file, not a folder"),
    ],
)
def test_wrong_arguments_are_refused_before_any_work(
    arguments, words, song, console, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("not a folder")
    assert run(song, console, *arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_among_files_is_refused(song, console, tmp_path, capsys):
    file = next(song.glob("*.wav"))
    assert run(file, song, console, "--out", tmp_path / "a.rpp") == 2
    assert f"{song}: is a folder among files" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["dawproject", "rpp"])
def test_a_missing_recording_is_named(ending, song, console, tmp_path, capsys):
    document = json.loads(console.read_text())
    document["tracks"][0]["file"] = "gone.wav"
    (tmp_path / "console.json").write_text(json.dumps(document))
    out = tmp_path / "out" / f"a.{ending}"
    assert run(song, tmp_path / "console.json", "--out", out) == 2
    assert "has no track named 'gone.wav'" in capsys.readouterr().err
    assert not out.parent.exists()


@pytest.mark.parametrize("ending", ["dawproject", "rpp"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_disk_that_fills_up_leaves_nothing(ending, error, song, console, tmp_path, monkeypatch):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(media_module, "_copy", fail)
    with pytest.raises((InputError, KeyboardInterrupt)):
        export_session(song, console, tmp_path / "out" / f"a.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_progress_grows_to_the_end(song, console, tmp_path):
    told = []
    export_session(
        song, console, tmp_path / "a.rpp", progress=lambda stage, done: told.append((stage, done))
    )
    fractions = [done for _, done in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0, abs=0.01)
    assert [*dict.fromkeys(stage for stage, _ in told)] == ["Reading", "Mixing", "Writing"]

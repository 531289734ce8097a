"""Nothing is written over what is read; a mix and its stems are there together or not at all."""

import dataclasses
import errno
import shutil

import numpy as np
import pytest

from diffmst_jax import result
from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.cli import main
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.console.file import console_text
from diffmst_jax.mixing.rendering import render, stems
from diffmst_jax.mixing.sources.finding import find_tracks
from diffmst_jax.mixing.sources.overwriting import check_apart
from tests.mixing.songs import tone

SHORT_S = 0.5


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def place(tmp_path, mixed, monkeypatch):
    """A short song in a folder called `stems`, two consoles of it, a reference; we are there."""
    for index, strip in enumerate(mixed.console.strips):
        audio = np.concatenate([tone(SHORT_S, 200.0 * (index + 1))] * len(strip.channels))
        name = strip.file.replace(".mp3", ".wav").replace(".flac", ".wav")
        write_audio(tmp_path / "stems" / name, audio, sample_rate=SAMPLE_RATE)
    strips = tuple(
        strip._replace(file=strip.file.replace(".mp3", ".wav").replace(".flac", ".wav"))
        for strip in mixed.console.strips
    )
    console = dataclasses.replace(mixed.console, strips=strips, left_out=())
    (tmp_path / "console.json").write_text(console_text(console), encoding="utf-8")
    wet = dataclasses.replace(console, config=dataclasses.replace(console.config, reverb=True))
    (tmp_path / "reverb.json").write_text(console_text(wet), encoding="utf-8")
    write_audio(tmp_path / "ref.wav", tone(1.0, 300.0), sample_rate=SAMPLE_RATE)
    shutil.copy(tmp_path / "ref.wav", tmp_path / "mix.wav")
    (tmp_path / "song audio").mkdir()
    for file in (tmp_path / "stems").iterdir():
        shutil.copy(file, tmp_path / "song audio")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("render stems console.json --out mix.wav --stems", "stems"),
        ("render stems console.json --out stems/1%kick.wav", "stems/1 kick.wav"),
        ("mix ref.wav mix.wav --out .", "mix.wav"),
        ("mix mix.wav ref.wav --out .", "mix.wav"),
        ("mix stems ref.wav --out . --stems", "stems"),
        ("mix stems ref.wav --reference mix.wav=0.5 --out .", "mix.wav"),
        ("mix stems ref.wav --out new --save-preset new/console.json", "new/console.json"),
        ("export song%audio console.json --out song.rpp", "song audio/1 kick.wav"),
        ("render stems console.json --out stems/mix.wav", "stems/mix.wav"),
        ("render stems console.json --out stems/new/mix.flac", "stems/new/mix.flac"),
        ("mix stems ref.wav --out stems", "stems/mix.wav"),
        ("export stems console.json --out stems/song.rpp", "stems/song audio/1 kick.wav"),
        (
            "export song%audio console.json --out song.rpp --link --print-effects",
            "song audio/1 kick.wav",
        ),
        (
            "export stems console.json --out stems/song.rpp --link --print-effects",
            "stems/song audio/1 kick.wav",
        ),
        ("export song%audio reverb.json --out song.rpp --link", "song audio/effects return.wav"),
    ],
)
def test_what_is_read_is_not_written_over(place, capsys, command, named):
    before = contents(place)
    assert main([word.replace("%", " ") for word in command.split()]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"diffmst: {named}: ")
    assert said.count("\n") == 1
    assert "; give " in said
    assert contents(place) == before


@pytest.mark.parametrize("name", ["1 kick.wav", "notes.txt"])
def test_a_session_is_not_written_over_files_of_others(place, capsys, name):
    """Its folder of audio may have been there before; what an earlier session left is its own."""
    shutil.rmtree(place / "song audio")
    (place / "song audio").mkdir()
    (place / "song audio" / name).write_text("mine\n")
    before = contents(place)
    command = ["export", "stems", "console.json", "--out", "song.rpp"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert (
        said == f"diffmst: song audio/{name}: is of no earlier session; give --out another name\n"
    )
    assert contents(place) == before
    (place / "song audio" / name).rename(place / "song audio" / "mine.txt")
    assert main(command) == 0
    assert main(command) == 0
    assert (place / "song audio" / "mine.txt").read_text() == "mine\n"


@pytest.mark.parametrize(
    "command",
    [
        "render stems console.json --out stems/mixed/mix.wav --stems",
        "render stems console.json --out stems/takes/1/mix.wav",
        "render stems console.json --out stems/.mix/mix.wav",
        "render stems console.json --out mix.flac",
        "export stems console.json --out stems/song.dawproject",
    ],
)
def test_results_may_lie_among_tracks_where_none_is_looked_for(place, command):
    before = find_tracks(place / "stems")
    (place / "stems" / "mixed").mkdir()
    shutil.copy(place / "console.json", place / "stems" / "mixed")
    assert main(command.split()) == 0
    assert find_tracks(place / "stems") == before


@pytest.mark.parametrize("name", ["mix.wav", "report.html"])
def test_a_folder_in_the_place_of_a_result_is_refused_before_the_work(place, capsys, name):
    (place / "new" / name).mkdir(parents=True)
    assert main(["mix", "stems", "ref.wav", "--out", "new"]) == 2
    assert f"new/{name}: is a folder; give --out another folder" in capsys.readouterr().err
    assert contents(place / "new") == {}


def test_a_link_and_its_file_are_one(tmp_path):
    (tmp_path / "kick.wav").touch()
    (tmp_path / "link.wav").symlink_to(tmp_path / "kick.wav")
    with pytest.raises(InputError, match=r"link\.wav: is read here"):
        check_apart([tmp_path / "link.wav"], [tmp_path / "kick.wav"], remedy="rename it")
    check_apart([tmp_path / "new.wav"], [tmp_path / "kick.wav"], remedy="rename it")


def test_a_result_from_python_is_not_written_over_its_tracks(mixed, song):
    assert song / "1 kick.wav" in mixed.files
    result = dataclasses.replace(mixed, files=(song / "mix.wav",))
    with pytest.raises(InputError, match=r"mix\.wav: is read here"):
        result.write(song)


def test_a_result_from_python_does_not_become_a_track(mixed, song):
    assert mixed.folder == song
    before = contents(song)
    with pytest.raises(InputError, match=r"mix\.wav: would be taken for a track"):
        mixed.write(song)
    assert contents(song) == before


def test_linked_recordings_may_lie_where_the_session_does(place, capsys):
    command = ["export", "song audio", "console.json", "--out", "song.rpp", "--link"]
    before = contents(place / "song audio")
    assert main(command) == 0
    after = contents(place / "song audio")
    assert {name: after[name] for name in before} == before


@pytest.fixture
def failing(monkeypatch):
    """Stems fail after the first piece, in a way to be chosen."""

    def fail_with(error):
        real = render.stem_pieces

        def pieces(*arguments):
            yield next(real(*arguments))
            raise error

        monkeypatch.setattr(stems, "stem_pieces", pieces)

    return fail_with


FAILURES = [(OSError(errno.ENOSPC, "No space left on device"), 2), (KeyboardInterrupt(), 130)]


@pytest.mark.parametrize(("error", "status"), FAILURES)
def test_stems_that_fail_leave_no_mix_either(place, failing, capsys, error, status):
    failing(error)
    before = contents(place)
    command = ["render", "stems", "console.json", "--out", "new/mix.wav", "--stems"]
    assert main(command) == status
    assert capsys.readouterr().err.count("\n") == 1
    assert contents(place) == before
    assert not (place / "new").exists()


def test_stems_that_fail_keep_the_mix_of_before(mixed, song, place, failing, monkeypatch):
    monkeypatch.setattr("diffmst_jax.commands.mixing.mix", lambda *_, **__: mixed)
    mixed.write(place / "out")
    failing(OSError(errno.ENOSPC, "No space left on device"))
    before = contents(place)
    assert main(["mix", str(song), "ref.wav", "--out", "out", "--stems"]) == 2
    assert contents(place) == before


def test_a_mix_that_fails_leaves_no_stems_either(mixed, song, place, monkeypatch):
    def fail(*_arguments, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("diffmst_jax.commands.mixing.mix", lambda *_, **__: mixed)
    monkeypatch.setattr(result, "write_mix", fail)
    before = contents(place)
    assert main(["mix", str(song), "ref.wav", "--out", "out", "--stems"]) == 2
    assert contents(place) == before
    assert not (place / "out").exists()


def test_stems_of_before_leave_and_other_files_stay(place, capsys):
    command = ["render", "stems", "console.json", "--out", "new/mix.wav", "--stems"]
    assert main(command) == 0
    assert "4 stems" in capsys.readouterr().out
    (place / "new" / "stems" / "notes.txt").write_text("mine")
    text = (place / "console.json").read_text()
    (place / "console.json").write_text(text.replace('"muted": false', '"muted": true', 1))
    assert main(command) == 0
    assert {path.name for path in (place / "new" / "stems").iterdir()} == {
        "2 bass.wav",
        "10 pad.wav",
        "11 hat.wav",
        "console.json",
        "notes.txt",
    }
    stems_console = (place / "new" / "stems" / "console.json").read_text()
    assert stems_console == (place / "console.json").read_text()


def test_stems_do_not_take_the_place_of_a_file_that_is_none(place, capsys):
    """A track was muted when the stems were written, so its name was free for something else."""
    command = ["render", "stems", "console.json", "--out", "new/mix.wav", "--stems"]
    unmuted = (place / "console.json").read_text()
    (place / "console.json").write_text(unmuted.replace('"muted": false', '"muted": true', 1))
    assert main(command) == 0
    mine = place / "new" / "stems" / "1 kick.wav"
    assert not mine.exists()
    mine.write_text("mine")
    before = contents(place / "new")
    (place / "console.json").write_text(unmuted)
    capsys.readouterr()
    assert main(command) == 2
    assert "1 kick.wav: is no stem of an earlier mix" in capsys.readouterr().err
    assert contents(place / "new") == before


def test_stems_do_not_go_among_files_that_are_none(place, capsys):
    (place / "new" / "stems").mkdir(parents=True)
    (place / "new" / "stems" / "1 kick.wav").write_text("mine")
    command = ["render", "stems", "console.json", "--out", "new/mix.wav", "--stems"]
    assert main(command) == 2
    assert "no stems of an earlier mix" in capsys.readouterr().err
    assert contents(place / "new") == {"stems/1 kick.wav": b"mine"}
    (place / "new" / "stems" / "console.json").write_text("{}")
    assert main(command) == 2
    assert "does not say which stems" in capsys.readouterr().err


def test_mixes_of_earlier_stems_are_refused_where_new_ones_would_go(place, capsys):
    assert main(["render", "stems", "console.json", "--out", "new/mix.wav", "--stems"]) == 0
    capsys.readouterr()
    before = contents(place)
    assert main(["mix", "new/stems", "ref.wav", "--out", "new", "--stems"]) == 2
    assert "stems would take the place" in capsys.readouterr().err
    assert contents(place) == before

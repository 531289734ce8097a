import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from diffmst_jax import api
from diffmst_jax import result as result_module
from diffmst_jax.audio import SAMPLE_RATE, read_audio, write_audio
from diffmst_jax.cli import main
from diffmst_jax.commands import mixing, preparing
from diffmst_jax.errors import InputError
from diffmst_jax.export.install import resource_folder
from diffmst_jax.mixing.report.page import report_html
from diffmst_jax.process import keep_compilations
from tests.mixing.songs import (
    load_quickly,
    save_tiny_model,
    tone,
    write_reference,
    write_song,
)


@pytest.fixture(scope="module", autouse=True)
def loaded_once():
    """Load each model once for all tests here: a loaded model keeps what it compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "load_model", load_quickly)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a song, a reference, a model, and one mix of them."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "song").mkdir()
    write_song(folder / "song")
    write_reference(folder / "reference.wav")
    save_tiny_model(folder / "model")
    assert main(mix_command(folder, out=folder / "mixed")) == 0
    return folder


def mix_command(place: Path, out: Path, *more: str, tracks: str = "song") -> list[str]:
    files = [str(place / tracks), str(place / "reference.wav")]
    return ["mix", *files, "--out", str(out), "--model", str(place / "model"), *more]


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_mix_writes_three_files_and_shows_the_distances(place, tmp_path, capsys):
    assert main(mix_command(place, tmp_path / "out", "--format", "flac", "--loudness", "-20")) == 0
    assert files_below(tmp_path) == {
        "out",
        "out/mix.flac",
        "out/console.json",
        "out/report.html",
    }
    shown = capsys.readouterr()
    for word in (
        "plain sum",
        "equal loudness",
        "mix",
        "tone",
        "style distance",
        "about 0.057 apart",
        "-20.0 LUFS",
    ):
        assert word in shown.out
    assert "silent.wav was left out" in shown.out
    assert shown.err == ""


def test_a_mix_is_not_said_to_be_done_while_its_report_is_made(place, tmp_path, monkeypatch):
    told: list[tuple[str, float]] = []

    def reporting(*arguments):
        assert told[-1][0] == "Reporting"
        assert told[-1][1] < 1
        return report_html(*arguments)

    @contextmanager
    def progress():
        yield lambda stage, done: told.append((stage, done))

    monkeypatch.setattr(mixing, "progress", progress)
    monkeypatch.setattr(result_module, "report_html", reporting)
    assert main([*mix_command(place, tmp_path / "out"), "--stems"]) == 0
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert {stage for stage, _ in told} >= {"Mixing", "Writing stems"}


def test_render_gives_the_same_samples_again(place, tmp_path, capsys):
    console, out = place / "mixed" / "console.json", tmp_path / "again.wav"
    assert main(["render", str(place / "song"), str(console), "--out", str(out)]) == 0
    np.testing.assert_array_equal(read_audio(out), read_audio(place / "mixed" / "mix.wav"))
    assert "LUFS" in capsys.readouterr().out


def test_render_says_that_it_stays_quieter_than_an_edit_asks(place, tmp_path, capsys):
    document = json.loads((place / "mixed" / "console.json").read_text())
    document["output"]["loudness_lufs"] = -6.0
    console = tmp_path / "edited.json"
    console.write_text(json.dumps(document))
    out = tmp_path / "loud.wav"
    assert main(["render", str(place / "song"), str(console), "--out", str(out)]) == 0
    assert "LU quieter than asked: more would have crushed its peaks." in capsys.readouterr().out


def test_tracks_that_the_console_file_does_not_list_are_named(place, tmp_path, capsys):
    document = json.loads((place / "mixed" / "console.json").read_text())
    gone = document["tracks"].pop(1)["file"]
    console = tmp_path / "edited.json"
    console.write_text(json.dumps(document))
    said = f"Not in the mix, for the console file does not list them: {gone}. Mix again"
    for command, out in (("render", "out.wav"), ("export", "out.dawproject")):
        for settings, is_said in ((console, True), (place / "mixed" / "console.json", False)):
            arguments = [command, str(place / "song"), str(settings)]
            assert main([*arguments, "--out", str(tmp_path / out)]) == 0
            assert (said in capsys.readouterr().out) == is_said


def test_the_reference_comes_last_after_single_files(place, tmp_path):
    names = ["11 hat.mp3", "10 pad.flac", "2 bass.flac", "1 kick.wav"]
    files = [str(place / "song" / name) for name in names]
    command = ["mix", *files, str(place / "reference.wav"), "--out", str(tmp_path / "out")]
    assert main([*command, "--model", str(place / "model")]) == 0
    document = json.loads((tmp_path / "out" / "console.json").read_text())
    assert [track["file"] for track in document["tracks"]] == names


def bad_file(path: Path, kind: str) -> None:
    """Write a track that cannot be used."""
    audio = tone(1.0, 200.0)
    if kind == "text":
        path.write_text("not audio\n" * 100)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "short":
        write_audio(path, audio[:, :10], sample_rate=SAMPLE_RATE)
    elif kind == "nan":
        audio[0, 5] = np.nan
        soundfile.write(path, audio.T, SAMPLE_RATE, subtype="FLOAT")
    elif kind == "truncated":
        write_audio(path, audio, sample_rate=SAMPLE_RATE)
        path.write_bytes(path.read_bytes()[:-1000])
    elif kind == "silent":
        write_audio(path, 0 * audio, sample_rate=SAMPLE_RATE)


KINDS = ("text", "empty", "short", "nan", "truncated", "silent")
UNREADABLE = KINDS[:-1]
WRITERS = {"render": "mix.wav", "export": "song.dawproject"}
WRONG_JSON = {
    "text": "not json",
    "list": "[]",
    "style": '{"format": "diffmst-style", "version": 1}',
    "later": '{"format": "diffmst-console", "version": 99}',
    "half": '{"format": "diffmst-console", "version": 1, "tracks": [',
}


def is_one_line_naming(text: str, *names: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and all(name in text for name in names)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_track_is_named_and_nothing_is_written(place, tmp_path, capsys, kind):
    (tmp_path / "tracks").mkdir()
    bad_file(tmp_path / "tracks" / "bad.wav", kind)
    before = files_below(tmp_path)
    command = mix_command(place, tmp_path / "a" / "out", tracks=str(tmp_path / "tracks"))
    assert main(command) == 2
    named = "tracks" if kind == "silent" else "bad.wav"
    assert is_one_line_naming(capsys.readouterr().err, named)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_bad_track_of_a_console_is_named_and_nothing_is_written(
    place, tmp_path, capsys, kind, command
):
    shutil.copytree(place / "song", tmp_path / "tracks")
    bad_file(tmp_path / "tracks" / "1 kick.wav", kind)
    before = files_below(tmp_path)
    console, out = str(place / "mixed" / "console.json"), str(tmp_path / "a" / WRITERS[command])
    assert main([command, str(tmp_path / "tracks"), console, "--out", out]) == 2
    assert is_one_line_naming(capsys.readouterr().err, "1 kick.wav")
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("command", [*WRITERS, "diff"])
@pytest.mark.parametrize("kind", WRONG_JSON)
def test_a_wrong_console_is_named_and_nothing_is_written(place, tmp_path, capsys, kind, command):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(WRONG_JSON[kind])
    if command == "diff":
        arguments = ["diff", str(place / "mixed" / "console.json"), str(wrong)]
    else:
        out = str(tmp_path / "a" / WRITERS[command])
        arguments = [command, str(place / "song"), str(wrong), "--out", out]
    assert main(arguments) == 2
    assert is_one_line_naming(capsys.readouterr().err, "wrong.json")
    assert files_below(tmp_path) == {"wrong.json"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_reference_is_named_and_nothing_is_written(place, tmp_path, capsys, kind):
    bad_file(tmp_path / "bad.wav", kind)
    command = ["mix", str(place / "song"), str(tmp_path / "bad.wav"), "--out", str(tmp_path / "o")]
    assert main([*command, "--model", str(place / "model")]) == 2
    assert is_one_line_naming(capsys.readouterr().err, "bad.wav")
    assert files_below(tmp_path) == {"bad.wav"}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--amount", "2"), "--amount"),
        (("--amount", "tone=1"), "tone"),
        (("--model", "no_such_model"), "no_such_model"),
        (("--format", "flac", "--bits", "float"), "--bits float"),
        (("--exclude", "Vox*"), "--exclude 'Vox*'"),
        (("--lock", "Vox*"), "--lock 'Vox*'"),
        (("--lock", "Vox*", "--solo-master"), "--lock 'Vox*'"),
        (("--centre", "Vox*"), "--centre 'Vox*'"),
        (("--center", "Vox*"), "--centre 'Vox*'"),
    ],
)
def test_wrong_options_are_named(place, tmp_path, capsys, more, named):
    assert main(mix_command(place, tmp_path / "out", *more)) == 2
    assert is_one_line_naming(capsys.readouterr().err, named)
    assert not list(tmp_path.iterdir())


def test_names_that_are_no_utf8_work_and_are_legible_in_all_that_is_written(
    place, tmp_path, capsys, raw_name
):
    """As an old archive leaves them; here everything has such a name."""
    song, out = tmp_path / raw_name(b"S\xe4ng"), tmp_path / raw_name(b"\xfc")
    reference, style = tmp_path / raw_name(b"r\xe9f.wav"), tmp_path / raw_name(b"st\xffl.json")
    (song / raw_name(b"Dr\xfcms")).mkdir(parents=True)
    shutil.copy(place / "song" / "1 kick.wav", song / raw_name(b"Dr\xfcms/k\xefck.wav"))
    shutil.copy(place / "song" / "2 bass.flac", song / raw_name(b"gro\xdf.flac"))
    shutil.copy(place / "reference.wav", reference)
    model = ("--model", str(place / "model"))
    more = ("--stems", "--save-preset", str(style), "--lock", raw_name(b"gro\xdf*"))
    assert main(["mix", str(song), str(reference), "--out", str(out), *model, *more]) == 0
    assert "%FC/console.json" in capsys.readouterr().out
    console = json.loads((out / "console.json").read_text(encoding="utf-8"))
    assert [track["file"] for track in console["tracks"]] == ["gro%DF.flac", "Dr%FCms/k%EFck.wav"]
    assert console["made_with"]["reference"] == "r%E9f.wav"
    report = (out / "report.html").read_text(encoding="utf-8")
    assert all(name in report for name in ("S%E4ng", "gro%DF", "r%E9f.wav"))
    assert (out / "stems" / "gro%DF.wav").is_file()

    again = out / "again.wav"
    assert main(["render", str(song), str(out / "console.json"), "--out", str(again)]) == 0
    assert again.read_bytes() == (out / "mix.wav").read_bytes()
    assert main(["mix", str(song), str(style), "--out", str(tmp_path / "b"), *model]) == 0
    for session in (out / "s.rpp", out / "s.dawproject"):
        export = ["export", str(song), str(out / "console.json"), "--out", str(session)]
        assert main(export) == 0
        assert main([*export, "--link"]) == 2
        assert is_one_line_naming(capsys.readouterr().err, "gro%DF.flac", "rename it")
    assert {f.name for f in (out / "s audio").iterdir()} >= {"gro%DF.flac", "Dr%FCms - k%EFck.wav"}
    missing = str(tmp_path / raw_name(b"n\xf6.wav"))
    assert main(["mix", str(song), missing, "--out", str(out), *model]) == 2
    assert is_one_line_naming(capsys.readouterr().err, "n%F6.wav", "does not exist")


def test_two_files_of_one_legible_name_are_refused(place, tmp_path, capsys, raw_name):
    (tmp_path / "song").mkdir()
    for name in (b"a\xdf.wav", b"a%DF.wav"):
        shutil.copy(place / "song" / "1 kick.wav", tmp_path / "song" / raw_name(name))
    assert main(mix_command(place, tmp_path / "out", tracks=str(tmp_path / "song"))) == 2
    assert is_one_line_naming(capsys.readouterr().err, "a%DF.wav", "rename it")


def test_an_empty_folder_and_a_missing_one_are_named(place, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for name, problem in (("empty", "holds no audio"), ("none", "does not exist")):
        assert main(mix_command(place, tmp_path / "out", tracks=str(tmp_path / name))) == 2
        assert is_one_line_naming(capsys.readouterr().err, name, problem)
        for command, file in WRITERS.items():
            files = [str(tmp_path / name), str(place / "mixed" / "console.json")]
            assert main([command, *files, "--out", str(tmp_path / file)]) == 2
            assert is_one_line_naming(capsys.readouterr().err, name, problem)
    assert files_below(tmp_path) == {"empty"}


def test_an_output_that_is_a_file_is_named_and_kept(place, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert main(mix_command(place, tmp_path / "out")) == 2
    assert is_one_line_naming(capsys.readouterr().err, "out", "is a file")
    assert (tmp_path / "out").read_text() == "mine"


def test_an_output_that_is_meant_as_a_file_is_answered_with_the_folder_to_give(
    place, tmp_path, capsys
):
    assert main(mix_command(place, tmp_path / "out.wav")) == 2
    folder = tmp_path / "out"
    named = f"--out {folder} writes {folder / 'mix.wav'}"
    assert is_one_line_naming(capsys.readouterr().err, "out.wav", named)
    assert not files_below(tmp_path)


def test_results_do_not_go_among_the_tracks(place, capsys):
    before = files_below(place / "song")
    assert main(mix_command(place, place / "song")) == 2
    assert is_one_line_naming(capsys.readouterr().err, "mix.wav", "would be taken for a track")
    assert files_below(place / "song") == before


def test_a_wrong_edit_is_answered_with_place_value_and_range(place, tmp_path, capsys):
    document = json.loads((place / "mixed" / "console.json").read_text())
    document["tracks"][1]["compressor"]["ratio"] = 99
    (tmp_path / "console.json").write_text(json.dumps(document))
    files = [str(place / "song"), str(tmp_path / "console.json")]
    assert main(["render", *files, "--out", str(tmp_path / "x.wav")]) == 2
    said = capsys.readouterr().err
    assert is_one_line_naming(
        said, "console.json: ", ", tracks[1].compressor.ratio is 99", "1 to 10"
    )
    assert files_below(tmp_path) == {"console.json"}


def test_render_refuses_other_tracks_and_other_endings(place, tmp_path, capsys):
    console = str(place / "mixed" / "console.json")
    other = [str(place / "song" / "1 kick.wav"), console]
    assert main(["render", *other, "--out", str(tmp_path / "x.wav")]) == 2
    assert is_one_line_naming(capsys.readouterr().err, "2 bass.flac")
    assert main(["render", str(place / "song"), console, "--out", str(tmp_path / "x.mp3")]) == 2
    assert is_one_line_naming(capsys.readouterr().err, "x.mp3")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", [["convert", "{}/none.ckpt", "{}/out"], ["data", "check", "{}"]]
)
def test_other_commands_name_what_is_wrong(tmp_path, capsys, command):
    assert main([part.format(tmp_path) for part in command]) == 2
    assert is_one_line_naming(capsys.readouterr().err, str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_synthesized_songs_pass_the_check_and_faults_are_listed(tmp_path, capsys):
    corpus = tmp_path / "corpus"
    assert main(["data", "synthesize", str(corpus), "--songs", "1", "--seconds", "4"]) == 0
    assert len(list((corpus / "songs" / "song_00000").iterdir())) >= 4
    assert (corpus / "references" / "song_00000.flac").exists()
    capsys.readouterr()
    assert main(["data", "check", str(corpus)]) == 0
    assert capsys.readouterr().out == "1 song, 0 findings\n"
    bad_file(corpus / "songs" / "song_00000" / "bad.wav", "truncated")
    assert main(["data", "check", str(corpus)]) == 1
    assert "song_00000/bad.wav: unreadable" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [[], ["mix"], ["render"], ["diff"], ["prepare"], ["convert"], ["data", "check"]]
)
def test_help_teaches_without_loading_anything_heavy(command):
    code = (
        "import sys; from diffmst_jax.cli import main\n"
        "try: main([*sys.argv[1:], '--help'])\n"
        "except SystemExit as stop: status = stop.code\n"
        "heavy = {'jax', 'numpy', 'scipy', 'rich'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy), status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=True
    )
    assert "heavy: [] 0" in done.stdout
    assert f"diffmst {' '.join(command)}".strip() in done.stdout


def test_rendering_starts_without_scipy():
    code = (
        "import sys, numpy as np; import diffmst_jax.commands.rendering\n"
        "from diffmst_jax.mixing.finishing.output import OutputTarget, finish\n"
        "finish(np.ones((2, 44100), np.float32), OutputTarget())\n"
        "print('scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_no_command_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    assert "start here:" in capsys.readouterr().err
    assert main(["data"]) == 2
    said = capsys.readouterr()
    assert "synthesize" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("mix", "mix: the following arguments are required: TRACKS, REFERENCE, --out"),
        ("mix a b", "mix: the following arguments are required: --out"),
        ("nothing", "argument COMMAND: invalid choice: 'nothing'"),
        ("serve --port x", "argument --port: 'x' is no whole number from 0 to 65535"),
        ("serve --max-upload-mb big", "'big' is no number from 1 to 100000"),
        ("mix a b --out c --loudness loud", "argument --loudness: 'loud' is no number from"),
        ("mix a b --out c --ceiling nan", "argument --ceiling: 'nan' is no number from"),
        ("mix a b --out c --refine 1.5", "'1.5' is no whole number from 0 to 1000"),
        ("data synthesize a --songs many", "'many' is no whole number of at least 1"),
        ("data index a --processes 0", "'0' is no whole number of at least 1"),
        ("convert a b --card", "convert: unrecognized arguments: --card; see diffmst convert"),
        ("data check a b", "check: unrecognized arguments: b; see diffmst data check"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    assert stop.value.code == 2
    assert is_one_line_naming(capsys.readouterr().err, "diffmst", said, "--help")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["mix", "", "reference.wav", "--out", "mixed"], "TRACKS"),
        (["mix", "song", "reference.wav", "--out", ""], "--out"),
        (["render", "song", "console.json", "--out", ""], "--out"),
        (["data", "check", ""], "ROOT"),
    ],
)
def test_an_empty_name_is_not_the_folder_one_stands_in(arguments, named, capsys):
    """A variable of the shell that is not set: the mix went over files there."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert is_one_line_naming(capsys.readouterr().err, f"argument {named}: is empty", "--help")


def test_compilations_are_kept_in_the_users_cache(tmp_path, monkeypatch):
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, "")  # restored afterwards, whatever happens here
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keep_compilations()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path / "cache" / "diffmst")
    assert (tmp_path / "cache" / "diffmst").is_dir()
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "mine")
    keep_compilations()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "mine"


def test_a_place_that_cannot_be_written_keeps_no_compilations(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_compilations()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    assert main(["prepare"]) == 2  # it would be for nothing
    assert is_one_line_naming(capsys.readouterr().err, "file/diffmst", "XDG_CACHE_HOME")


def test_without_a_home_nothing_is_kept_and_all_else_works(tmp_path, monkeypatch, capsys):
    """As in a container whose user has no name."""

    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    for name in ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    keep_compilations()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    assert main(["prepare"]) == 2
    assert is_one_line_naming(capsys.readouterr().err, "~/.cache", "XDG_CACHE_HOME")
    with pytest.raises(InputError, match="REAPER: is nowhere without a home"):
        resource_folder()
    write_audio(tmp_path / "songs" / "a" / "1.wav", tone(1.0, 100.0), sample_rate=SAMPLE_RATE)
    assert main(["data", "index", str(tmp_path / "songs"), "--processes", "1"]) == 0


def run_in_shell(command: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **more}
    return subprocess.run(
        command, shell=True, env=environment, capture_output=True, text=True, check=False
    )


SAYING = f"""{sys.executable} -c "
from diffmst_jax.process import open_streams
from diffmst_jax.commands.terminal import say
open_streams()
say('written to 日.wav')
"
"""


def test_characters_that_standard_output_lacks_are_replaced():
    done = run_in_shell(SAYING, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, "written to ?.wav\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(closed):
    done = run_in_shell(f"{SAYING.rstrip()} {closed}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_takes_nothing_is_said_in_one_line(place):
    console = place / "mixed" / "console.json"
    done = run_in_shell(f"{sys.executable} -m diffmst_jax diff {console} {console} > /dev/full")
    assert done.returncode == 2
    assert is_one_line_naming(done.stderr, "diffmst: standard output: cannot be written", "room")


def test_songs_are_mixed_by_the_program_that_was_prepared(place, monkeypatch, capsys):
    monkeypatch.setattr(preparing, "load_model", load_quickly)
    program: Any = load_quickly(str(place / "model"))._listen
    for_the_song = program._cache_size()
    assert for_the_song > 0
    assert main(["prepare", "--tracks", "2", "7", "--model", str(place / "model")]) == 0
    assert "songs of 1 to 8 tracks" in capsys.readouterr().out
    assert program._cache_size() == for_the_song


@pytest.fixture
def environment(tmp_path_factory) -> dict[str, str]:
    """An environment whose cache is not the user's own."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


def test_a_program_says_one_line_although_decoders_chat(place, tmp_path, environment):
    (tmp_path / "bad.mp3").write_bytes(b"\xff\xfb" + bytes(5000))
    command = [sys.executable, "-m", "diffmst_jax", "mix", str(place / "song")]
    command += [str(tmp_path / "bad.mp3"), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert is_one_line_naming(done.stderr, "bad.mp3")
    assert done.stdout == ""


@pytest.mark.slow
@pytest.mark.parametrize("wait_s", [0.6, 2.0, 6.0])
def test_ctrl_c_leaves_nothing_behind(place, tmp_path, environment, wait_s):
    command = [sys.executable, "-m", "diffmst_jax", *mix_command(place, tmp_path / "a" / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        time.sleep(wait_s)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "diffmst: stopped, nothing was written\n"
    assert not list(tmp_path.iterdir())


WRITING = """
import signal, time
from diffmst_jax.process import STOPPED, as_program
from diffmst_jax.files import folder_written_beside
{before}
with as_program(STOPPED), folder_written_beside("made/stems") as folder:
    (folder / "1.wav").touch()
    print("writing", flush=True)
    {then}
"""


STARTED_AT_A_TERMINAL = "signal.signal(signal.SIGHUP, signal.SIG_DFL)"
"""The tests themselves may have been started by nohup, which programs inherit."""


def writing(folder, *, before=STARTED_AT_A_TERMINAL, then="time.sleep(60)"):
    """Start a program that is in the midst of writing stems."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING.format(before=before, then=then)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_to_end_take_away_what_is_being_written(tmp_path, name):
    number = signal.Signals[name]
    process = writing(tmp_path)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said == "diffmst: stopped, nothing was written\n"
    assert not list(tmp_path.iterdir())


def test_what_keeps_its_work_does_not_say_that_nothing_was_written(tmp_path):
    command = [sys.executable, "-m", "diffmst_jax", "data", "synthesize", str(tmp_path / "songs")]
    more = ["--songs", "1000", "--seconds", "4", "--tracks", "2", "2", "--processes", "1"]
    process = subprocess.Popen(
        [*command, *more],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    while not list(tmp_path.glob("songs/references/*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "diffmst: stopped; what is done is kept, run it again to go on\n"
    assert list(tmp_path.glob("songs/songs/song_00000/*"))


def test_nothing_is_left_when_the_terminal_is_gone(tmp_path):
    with writing(tmp_path) as process:
        process.stderr.close()
        process.send_signal(signal.SIGHUP)
    assert process.returncode == 128 + signal.SIGHUP
    assert not list(tmp_path.iterdir())


def test_program_started_by_nohup_outlives_its_terminal(tmp_path):
    process = writing(
        tmp_path,
        before="signal.signal(signal.SIGHUP, signal.SIG_IGN)",
        then="signal.raise_signal(signal.SIGHUP)",
    )
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert files_below(tmp_path) == {"made", "made/stems", "made/stems/1.wav"}

"""What must hold whatever comes in: exit status 2, one line, nothing half written."""

import errno
import json
import os
import resource
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diffmst_jax import result
from diffmst_jax.audio import read_audio, write_audio
from diffmst_jax.cli import main
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.console.file import console_text, load_console
from diffmst_jax.mixing.sources.reference import parse_reference
from diffmst_jax.mixing.sources.strips import LeftOut
from diffmst_jax.mixing.sources.style_file import load_style, style_text
from diffmst_jax.mixing.sources.tracks import load_tracks
from tests.mixing.songs import bursts, tone


@contextmanager
def files_no_larger_than(size: int):
    """As if the disk were full: the system refuses to let any file grow further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("preset", [None, "style.json"])
def test_a_full_disk_leaves_nothing_of_a_mix(mixed, tmp_path, preset, monkeypatch):
    place = None if preset is None else tmp_path / preset
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    said = r"(/a/out/mix\.wav: .*\(No space left on device\)|/style\.json: .*); .*make room"
    with files_no_larger_than(100_000), pytest.raises(InputError, match=said):
        mixed.write(tmp_path / "a" / "out", preset=place)
    assert below(tmp_path) == []


def test_a_full_disk_keeps_the_mix_that_was_there(mixed, tmp_path):
    mixed.write(tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with files_no_larger_than(100_000), pytest.raises(InputError):
        mixed.write(tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_full_disk_is_said_in_one_line_by_render(mixed, song, tmp_path, capsys):
    (tmp_path / "console.json").write_text(console_text(mixed.console))
    command = ["render", str(song), str(tmp_path / "console.json"), "--out"]
    with files_no_larger_than(100_000):
        assert main([*command, str(tmp_path / "b" / "mix.wav")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "mix.wav" in said
    assert below(tmp_path) == ["console.json"]


def test_a_page_that_cannot_be_written_takes_the_rest_with_it(mixed, tmp_path, monkeypatch):
    """The last of three files fails: the first two must not stay."""

    def fail(*_args, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(result.MixReport, "html", property(fail))
    with pytest.raises(InputError, match="No space left"):
        mixed.write(tmp_path / "out", preset=tmp_path / "style.json")
    assert below(tmp_path) == []


@pytest.fixture
def drive(mixed):
    """A drive with two tracks and `lost+found`, looked at by somebody without rights.

    What is needed of the program is loaded before, for it may lie where nobody else may read.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        for file in ("a.wav", "b.wav", "lost+found/c.wav"):
            write_audio(folder / "drive" / file, bursts(1.0, 4.0, 0), sample_rate=44100)
        strips = mixed.console.strips
        elsewhere = (strips[0]._replace(file="lost+found/c.wav"), *strips[1:])
        console = replace(mixed.console, strips=elsewhere)
        (folder / "console.json").write_text(console_text(console))
        load_console(folder / "console.json")
        for command in ("data", "differing", "mixing", "rendering"):
            import_module(f"diffmst_jax.commands.{command}")
        closed = folder / "drive" / "lost+found"
        closed.chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)
            closed.chmod(0o700)


def test_a_folder_that_may_not_be_entered_is_left_out_and_said(drive):
    multitrack = load_tracks(drive / "drive")
    assert [strip.file for strip in multitrack.strips] == ["a.wav", "b.wav"]
    assert multitrack.left_out == (LeftOut("lost+found", "it may not be entered"),)


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("mix drive drive/lost+found/c.wav --out out", "lost+found/c.wav: cannot be read"),
        ("mix drive/lost+found/c.wav drive/a.wav --out out", "lost+found/c.wav: cannot be read"),
        ("mix drive/lost+found drive/a.wav --out out", "lost+found: cannot be read"),
        (
            "mix drive/a.wav drive/lost+found/c.wav drive/b.wav --out out",
            "lost+found/c.wav: cannot be read",
        ),
        ("render drive console.json --out out.wav", "lost+found/c.wav: cannot be read"),
        ("render drive drive/lost+found/x.json --out out.wav", "x.json: cannot be read"),
        ("diff console.json drive/lost+found/x.json", "x.json: cannot be read"),
        ("data check drive/lost+found", "lost+found: cannot be read"),
        ("data check drive/lost+found/x", "lost+found/x: cannot be read"),
    ],
)
def test_what_cannot_be_reached_is_named(drive, capsys, monkeypatch, command, named):
    monkeypatch.chdir(drive)
    before = set(drive.iterdir())
    assert main(command.split()) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert named in said
    assert set(drive.iterdir()) == before


WRONG_STYLES = {
    "none.json": None,
    "text.json": "not a style",
    "list.json": "[]",
    "deep.json": "[" * 50_000,
    "console.json": '{"format": "diffmst-console", "version": 1}',
}


@pytest.mark.parametrize("name", WRONG_STYLES)
def test_a_wrong_style_is_named_and_nothing_is_written(song, tmp_path, capsys, name):
    if WRONG_STYLES[name] is not None:
        (tmp_path / name).write_text(WRONG_STYLES[name])
    before = below(tmp_path)
    command = ["mix", str(song), str(tmp_path / name), "--out", str(tmp_path / "out")]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert below(tmp_path) == before


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--section", "9:00-9:10"], "finished.wav"),
        (["--section", "later"], "section"),
        (["--reference", "nowhere.mp3=0.5"], "nowhere.mp3"),
        (["--reference", "nowhere.mp3=0"], "weight"),
        (["--save-preset", "style.txt"], "style.txt"),
    ],
)
def test_wrong_references_and_presets_are_named(song, reference, tmp_path, capsys, more, named):
    command = ["mix", str(song), str(reference), "--out", str(tmp_path / "out"), *more]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert named in said
    assert below(tmp_path) == []


@pytest.mark.parametrize("text", ["-1", "1001", "many", "1.5", ""])
def test_wrong_steps_are_refused(text, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["mix", "a", "b", "--out", "c", f"--refine={text}"])
    assert stop.value.code == 2
    assert "from 0 to 1000" in capsys.readouterr().err


ANY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=60, **ANY)
@given(content=st.binary(max_size=400), start=st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS"]))
def test_random_bytes_are_no_track(tmp_path, content, start):
    folder = tmp_path / "tracks"
    folder.mkdir(exist_ok=True)
    (folder / "x.wav").write_bytes(start + content)
    with pytest.raises(InputError) as caught:
        load_tracks(folder)
    assert "\n" not in str(caught.value)
    assert "x.wav" in str(caught.value)


@settings(max_examples=60, **ANY)
@given(place=st.integers(44, 4000), content=st.binary(min_size=1, max_size=60), cut=st.booleans())
def test_damaged_audio_is_read_or_refused_in_one_line(tmp_path, place, content, cut):
    path = tmp_path / "x.flac"
    write_audio(path, bursts(0.5, 4.0, 1), sample_rate=44100)
    data = path.read_bytes()
    damaged = data[:place] if cut else data[:place] + content + data[place + len(content) :]
    path.write_bytes(damaged)
    said = "x.flac"
    try:
        assert np.isfinite(read_audio(path)).all()
    except InputError as error:
        said = str(error)
    assert "x.flac" in said
    assert "\n" not in said


@settings(max_examples=60, **ANY)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=60).map(str.encode)))
def test_random_bytes_are_no_style(tmp_path, content):
    (tmp_path / "style.json").write_bytes(content)
    with pytest.raises(InputError, match=r"style\.json"):
        load_style(tmp_path / "style.json")


JSON = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())


@settings(max_examples=60, **ANY)
@given(key=st.sampled_from(["name", "weight", "features", "excerpt_flac", "more"]), value=JSON)
def test_any_edit_of_a_style_is_read_or_refused(mixed, tmp_path, key, value):
    document = json.loads(style_text(mixed.references))
    document["references"][0][key] = value
    (tmp_path / "style.json").write_text(json.dumps(document))
    with suppress(InputError):
        (found,) = load_style(tmp_path / "style.json")
        assert found.weight > 0


@settings(max_examples=200, **ANY)
@given(text=st.text(alphabet="ab/.@=-:0123456789", max_size=20))
def test_any_reference_text_is_read_or_refused(text):
    with suppress(InputError):
        found = parse_reference(text)
        assert found.weight > 0


FORMATS = [
    ("PCM_U8", "wav", 0.02),
    ("PCM_S8", "aiff", 0.02),
    ("PCM_16", "wav", 1e-4),
    ("PCM_24", "flac", 1e-6),
    ("PCM_32", "wav", 1e-6),
    ("FLOAT", "wav", 0.0),
    ("DOUBLE", "wav", 0.0),
    ("VORBIS", "ogg", 0.2),
    ("MPEG_LAYER_III", "mp3", 0.3),
]


@pytest.mark.parametrize(
    ("subtype", "ending", "tolerance", "rate"),
    [
        (*kind, rate)
        for kind in FORMATS
        for rate in (22050, 44100, 48000, 96000)
        if kind[1] not in ("mp3", "ogg") or rate <= 48000
    ],
)
def test_tracks_of_every_depth_and_rate_come_in_alike(tmp_path, subtype, ending, tolerance, rate):
    stereo = np.concatenate([tone(1.0, 400.0, sample_rate=rate), tone(1.0, 500.0, 0.1, rate)])
    name = f"x.{ending}"
    soundfile.write(tmp_path / name, stereo.T, rate, subtype=subtype)
    found = load_tracks(tmp_path)
    assert found.strips[0].channels == (1, 2)
    expected = np.concatenate([tone(1.0, 400.0), tone(1.0, 500.0, 0.1)])
    middle = slice(20000, 24000)  # away from the edges, where codecs and resamplers settle
    np.testing.assert_allclose(
        found.audio[:, middle], expected[:, middle], atol=tolerance + 1e-4, rtol=0
    )

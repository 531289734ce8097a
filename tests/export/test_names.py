"""Names of every writing system: what a session says is where its audio lies."""

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rpp

from diffmst_jax.audio import write_audio
from diffmst_jax.errors import InputError
from diffmst_jax.export import export_session
from diffmst_jax.mixing.sources.tracks import load_tracks
from tests.export.consoles import random_console

ANY = {
    "ideographic space": "ドラム\u3000キック",
    "no-break space": "Gui\u00a0tar\u202f!",
    "emoji joiner": "👩\u200d🎤",
    "two quotes": "x\"'y",
}
"""Names that both formats say exactly."""

CONTROLS = {
    "line end": "a\nb",
    "line separator": "a\u2028b",
    "control character": "c\x01d",
    "C1 control character": "e\x85f",
}
UNSAYABLE = {**CONTROLS, "three quotes": "x\"'`y"}
"""Names that a project cannot say."""

ELSEWHERE = {
    "Windows forbids": 'kick: in? <1|2>*"\\',
    "a device of Windows": "Aux",
    "a device as it is copied": "_aux",
}
"""Names of recordings that a session is not to bring where no file may have them."""

IN_SONG = {**ANY, **ELSEWHERE, **UNSAYABLE, "no character": "\ufffe"}
COPIES = {
    *(name.replace('"', "_") for name in ANY.values()),
    "kick_ in_ _1_2____",
    "_aux",
    "_Aux (2)",
}
SAMPLE_RATE = 44100


def written_song(folder, names):
    """Write a song of short recordings, and draw a console for it."""
    for number, name in enumerate(names):
        audio = np.full((1, 22050), 0.1 + 0.01 * number, np.float32)
        write_audio(folder / f"{name}.wav", audio, sample_rate=SAMPLE_RATE)
    return random_console(load_tracks(folder), 8)


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    return tmp_path_factory.mktemp("names") / "song"


@pytest.fixture(scope="module")
def console(song):
    return written_song(song, [*IN_SONG.values(), "c d"])


def files_of(path):
    """Every FILE of a project, as a second reader and as the bare text have it."""
    text = path.read_text(encoding="utf-8")
    tracks = rpp.loads(text).findall("TRACK")
    read = [line[1] for t in tracks for line in t.find("ITEM").find("SOURCE") if line[0] == "FILE"]
    bare = re.findall(r"^ *FILE ([\"'`]?)(.*)\1$", text, re.MULTILINE)
    assert [place for _, place in bare] == read
    return read


def paths_of(path):
    """Every path in the XML of a `.dawproject`, and every entry of its ZIP."""
    with zipfile.ZipFile(path) as archive:
        project = ET.fromstring(archive.read("project.xml"))
        return [file.get("path") for file in project.iter("File")], archive.namelist()


@pytest.mark.parametrize("print_effects", [False, True])
def test_every_file_of_a_project_is_there(print_effects, song, console, tmp_path):
    path = tmp_path / "a.rpp"
    export_session(song, console, path, print_effects=print_effects)
    places = files_of(path)
    assert len(set(places)) == len(IN_SONG) + 1
    assert [place for place in places if not (tmp_path / place).is_file()] == []
    for name in COPIES:
        assert f"a audio/{name}.wav" in places


@pytest.mark.parametrize("print_effects", [False, True])
def test_every_path_of_a_dawproject_is_in_its_archive(print_effects, song, console, tmp_path):
    path = tmp_path / "a.dawproject"
    export_session(song, console, path, print_effects=print_effects)
    places, entries = paths_of(path)
    assert len(set(places)) == len(IN_SONG) + 2  # "c d" and the finished mix
    assert set(places) <= set(entries)
    for name in COPIES:
        assert f"audio/{name}.wav" in places


@pytest.mark.parametrize("name", ANY.values(), ids=ANY)
def test_a_project_and_a_linked_folder_of_any_name(name, tmp_path):
    console = written_song(tmp_path / name, ["kick"])
    path = tmp_path / f"{name}.rpp"
    export_session(tmp_path / name, console, path)
    assert files_of(path) == [f"{name} audio/kick.wav"]
    assert (tmp_path / files_of(path)[0]).is_file()
    export_session(tmp_path / name, console, path, link=True)
    assert files_of(path) == [f"{name}/kick.wav"]
    path = path.with_suffix(".dawproject")
    export_session(tmp_path / name, console, path, link=True)
    assert paths_of(path)[0][0] == f"{name}/kick.wav"


def assert_refused(named, remedy, song, console, path, *, link):
    before = set(path.parent.iterdir())
    told = []

    def tell(stage, done):
        told.append(stage)

    with pytest.raises(InputError) as refused:
        export_session(song, console, path, link=link, progress=tell)
    assert refused.value.path == str(named)
    assert remedy in refused.value.remedy
    assert len(str(refused.value).splitlines()) == 1
    assert told == ["Reading"]
    assert set(path.parent.iterdir()) == before


@pytest.mark.parametrize("name", UNSAYABLE.values(), ids=UNSAYABLE)
def test_what_a_project_cannot_say_is_refused_before_any_work(name, song, console, tmp_path):
    path = tmp_path / f"{name}.rpp"
    assert_refused(path, "give --out another name", song, console, path, link=False)
    linked = tmp_path / name
    settings = written_song(linked, ["kick"])
    path = tmp_path / "a.rpp"
    assert_refused(linked / "kick.wav", "leave out --link", linked, settings, path, link=True)


def test_quotes_of_a_project_and_a_recording_count_together(tmp_path):
    console = written_song(tmp_path / "song", ["it's `it`"])
    path = tmp_path / 'a "song".rpp'
    assert_refused(path, "give --out another name", tmp_path / "song", console, path, link=False)


@pytest.mark.parametrize("name", ["c\x01d", "e\ufffe"])
def test_what_xml_cannot_say_is_not_linked(name, tmp_path):
    console = written_song(tmp_path / name, ["kick"])
    path = tmp_path / "a.dawproject"
    recording = tmp_path / name / "kick.wav"
    assert_refused(recording, "leave out --link", tmp_path / name, console, path, link=True)


def test_printed_tracks_are_not_linked_and_have_any_path(tmp_path):
    console = written_song(tmp_path / "a\nb", ["kick"])
    path = tmp_path / "a.rpp"
    export_session(tmp_path / "a\nb", console, path, link=True, print_effects=True)
    assert files_of(path) == ["a audio/kick.wav"]


@pytest.mark.parametrize("name", ["a\nb", "e\x85f", "x\"'`y"])
def test_what_xml_can_say_is_linked(name, tmp_path):
    console = written_song(tmp_path / name, ["kick"])
    path = tmp_path / "a.dawproject"
    export_session(tmp_path / name, console, path, link=True)
    place = Path(paths_of(path)[0][0])
    assert (tmp_path / place).is_file()

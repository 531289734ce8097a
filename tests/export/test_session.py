"""What holds for every console, gain and name."""

import dataclasses
import unicodedata
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rpp
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import dsp
from diffmst_jax.audio import write_audio
from diffmst_jax.export import export_session
from diffmst_jax.export.contents import Contents
from diffmst_jax.export.dawproject import Place, metadata_xml, project_xml
from diffmst_jax.export.jsfx_settings import channel_sliders, master_sliders
from diffmst_jax.export.leaning import lean_matrix
from diffmst_jax.export.media import media_of, write_media
from diffmst_jax.export.notes import dawproject_notes, notes_text
from diffmst_jax.export.reaper import project_chunk
from diffmst_jax.export.session import HIGHEST_FADER_DB, placement, session_of
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.mixing.sources.tracks import load_tracks
from dsp.stereo import PAN_LAWS, pan_gains
from tests.export.consoles import random_console, with_tracks
from tests.export.eel2_syntax import parse_source
from tests.export.test_dawproject import SCHEMAS
from tests.export.test_jsfx import FOLDER
from tests.mixing.songs import tone

SEEDS = st.integers(0, 10_000)
GAINS = st.floats(-40.0, 80.0)
# The rpp package takes some of Unicode's separators for line ends, which REAPER does not.
NAMES = st.text(st.characters(exclude_categories=("Cs", "Zl", "Zp", "Cc")), min_size=1, max_size=40)


def test_tracks_of_one_name_are_told_apart(tmp_path):
    for name in ("bass.wav", "bass.flac", "kick.wav"):
        write_audio(tmp_path / name, tone(0.5, 110.0), sample_rate=44100)
    console = random_console(load_tracks(tmp_path), 1)
    session = session_of(console, 0.0)
    media = media_of(tmp_path, console.strips)
    contents = Contents(session, media, "Song", notes_text(session, "Song", []))
    places = {item.name: item.name for item in media}
    project = rpp.loads(project_chunk(contents, places).text())
    names = [next(line[1] for line in t if line[0] == "NAME") for t in project.findall("TRACK")]
    xml = project_xml(contents, [Place(name, is_external=False) for name in places])
    for found in (names, [track.get("name") for track in xml.iter("Track")]):
        assert found[:3] == ["bass.flac", "bass.wav", "kick"]
    assert "bass.flac: fader" in contents.notes


@given(SEEDS, GAINS)
@settings(max_examples=25, deadline=None)
def test_gains_multiply_to_the_consoles(multitrack, seed, finish_gain_db):
    console = random_console(multitrack, seed)
    session = session_of(console, finish_gain_db)
    params, master = console.params.tracks, console.params.master_bus
    behind_db = finish_gain_db + master.input_fader_db + master.output_fader_db
    before_db = console.source_gain_db + params.input_gain_db
    for index, track in enumerate(session.tracks):
        place = placement(params.pan[index], "constant_power", is_stereo=track.is_stereo)
        total_db = track.fader_db + track.output_gain_db - place.gain_db
        assert total_db == pytest.approx(before_db[index] + behind_db, abs=1e-5)
        assert track.fader_db <= HIGHEST_FADER_DB
        assert track.output_gain_db >= 0
        threshold_db = params.compressor.threshold_db[index] - before_db[index]
        assert track.compressor is not None
        assert track.compressor.threshold_db == pytest.approx(threshold_db)
    # The sum arrives louder by `behind_db` than in the console, where a fader came before.
    arrives_db = behind_db - master.input_fader_db
    threshold_db = master.compressor.threshold_db + arrives_db
    assert session.master.compressor is not None
    assert session.master.compressor.threshold_db == pytest.approx(threshold_db)


@given(st.floats(0.0, 1.0), st.sampled_from(PAN_LAWS))
@settings(max_examples=50, deadline=None)
def test_every_law_is_a_place_and_a_gain_of_constant_power(position, law):
    place = placement(position, law, is_stereo=False)
    angle = place.position * np.pi / 2
    gains = 10 ** (place.gain_db / 20) * np.array([np.cos(angle), np.sin(angle)])
    np.testing.assert_allclose(gains, pan_gains(position, law=law), rtol=0, atol=1e-6)


def test_a_pair_in_the_centre_is_left_as_it_is():
    for law in PAN_LAWS:
        np.testing.assert_allclose(lean_matrix(0.5, law), np.eye(2), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("ballistics", "release_is_attack"),
    [("branching", False), ("one_pole", True), ("sampled_one_pole", True), ("decoupled", False)],
)
def test_one_time_becomes_two_equal_ones(multitrack, ballistics, release_is_attack):
    config = dsp.ConsoleConfig(ballistics=ballistics)
    session = session_of(random_console(multitrack, 5, config), 20.0)
    compressors = [*(track.compressor for track in session.tracks), session.master.compressor]
    for compressor in compressors:
        assert compressor is not None
        assert (compressor.release_ms == compressor.attack_ms) == release_is_attack


@given(SEEDS, st.sampled_from([-100.0, 0.0, 60.0]), st.sampled_from([-48.0, 48.0]), GAINS)
@settings(max_examples=25, deadline=None)
def test_sliders_stay_inside_their_ranges(multitrack, seed, source_db, input_db, finish_gain_db):
    strips = len(multitrack.strips)
    console = random_console(multitrack, seed)
    console = with_tracks(console, input_gain_db=np.full(strips, input_db))
    console = dataclasses.replace(console, source_gain_db=np.full(strips, source_db))
    session = session_of(console, finish_gain_db)
    channel = parse_source(FOLDER / "diffmst_channel.jsfx").sliders
    master = parse_source(FOLDER / "diffmst_master.jsfx").sliders
    chains = [(channel, channel_sliders(session, track)) for track in session.tracks]
    for sliders, values in [*chains, (master, master_sliders(session))]:
        for number, value in values.items():
            assert sliders[number].low <= value <= sliders[number].high, sliders[number].name


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_any_name_makes_valid_documents(song, multitrack, data):
    """Names come from files, and files are named by anybody."""
    console = random_console(multitrack, 6, dsp.ConsoleConfig(reverb=True))
    media = media_of(song, console.strips)
    names = [data.draw(NAMES.filter(lambda name: "/" not in name)) for _ in console.strips]
    strips = tuple(
        Strip(f"{n}.wav", s.channels) for n, s in zip(names, console.strips, strict=True)
    )
    session = session_of(dataclasses.replace(console, strips=strips), 20.0)
    notes = notes_text(session, names[0], dawproject_notes(session, media, 0.0))
    places = [Place(f"audio/{name}", is_external=False) for name in names]
    contents = Contents(session, media, names[0], notes)
    documents = [project_xml(contents, places), metadata_xml(names[0], notes)]
    for document, schema in zip(documents, ("Project.xsd", "MetaData.xsd"), strict=True):
        text = ET.tostring(document, encoding="utf-8")
        if SCHEMAS.is_dir():
            schema_of = etree.XMLSchema(etree.parse(SCHEMAS / schema))
            schema_of.assertValid(etree.fromstring(text))
    where = {item.name: f"audio/{item.name}" for item in media}
    chunk = project_chunk(contents, where)
    tracks = rpp.loads(chunk.text()).findall("TRACK")
    assert len(tracks) == len(session.tracks)
    for track, name in zip(tracks, session.names, strict=True):
        (line,) = [x for x in track if isinstance(x, list) and x[0] == "NAME"]
        assert line[1].replace("'", "`") == name.replace("'", "`")


@pytest.mark.parametrize("ending", ["dawproject", "rpp"])
def test_recordings_of_eight_bits_keep_their_level(ending, tmp_path):
    coarse = {"kick.wav": "PCM_U8", "bass.aiff": "PCM_S8", "vox.flac": "PCM_S8"}
    for index, (name, subtype) in enumerate(coarse.items()):
        audio = tone(0.5, 100.0 * (index + 1), 0.5)
        write_audio(tmp_path / "song" / name, audio, sample_rate=44100, subtype=subtype)
    console = random_console(load_tracks(tmp_path / "song"), 7)
    out = tmp_path / f"a.{ending}"
    export_session(tmp_path / "song", console, out)
    folder = tmp_path / "a audio"
    if ending == "dawproject":
        zipfile.ZipFile(out).extractall(tmp_path)
        folder = tmp_path / "audio"
    for name in coarse:
        written, _ = soundfile.read(folder / Path(name).with_suffix(".wav"))
        recorded, _ = soundfile.read(tmp_path / "song" / name)
        np.testing.assert_array_equal(written, recorded)


def test_recordings_that_are_not_what_their_names_say_become_what_they_say(tmp_path):
    """A workstation, and the project's own word for the file, go by the ending."""
    kinds = {"flac.wav": "FLAC", "aiff.wav": "AIFF", "wav.flac": "WAV", "caf.aif": "CAF"}
    for index, (name, kind) in enumerate(kinds.items()):
        audio = tone(0.5, 100.0 * (index + 1), 0.5)
        with (tmp_path / name).open("wb") as file:
            soundfile.write(file, audio.T, 44100, format=kind, subtype="PCM_16")
    right = {"a.wav": "WAV", "b.wav": "WAVEX", "c.wav": "RF64", "d.aif": "AIFF", "e.flac": "FLAC"}
    for name, kind in right.items():
        soundfile.write(tmp_path / name, audio.T, 44100, format=kind, subtype="PCM_16")
    names = [*kinds, *right]
    media = media_of(tmp_path, [Strip(name, (1,)) for name in names])
    assert [item.is_original for item in media] == [name in right for name in names]
    for item in media[: len(kinds)]:
        with (tmp_path / "written").open("wb") as file:
            write_media(item, file, lambda _: None)
        with soundfile.SoundFile(tmp_path / "written") as written:
            assert (Path(item.name).suffix, written.format) == (".wav", "WAV")
            np.testing.assert_array_equal(
                written.read(dtype="int16"), soundfile.read(item.source, dtype="int16")[0]
            )


def test_names_of_files_never_clash(tmp_path):
    audio = np.full((1, 22050), 0.1, np.float32)
    for name in ("kick.wav", "KICK.mp3", "drums/kick.wav", "drums - kick.flac"):
        write_audio(tmp_path / name, audio, sample_rate=44100)
    strips = [
        Strip(p.relative_to(tmp_path).as_posix(), (1,)) for p in sorted(tmp_path.rglob("*.*"))
    ]
    names = [item.name for item in media_of(tmp_path, strips)]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == 4
    assert all(Path(name).name == name for name in names)

"""The session as REAPER gets it: parsed by a second reader, and played from its own files."""

import dataclasses
import math

import numpy as np
import pytest
import rpp
import soundfile

import dsp
from diffmst_jax.audio import SAMPLE_RATE, resample
from diffmst_jax.export import export_session
from diffmst_jax.export.rpp_text import Chunk
from diffmst_jax.mixing.finishing.output import finish
from diffmst_jax.mixing.rendering.render import render
from tests.export.consoles import random_console
from tests.export.eel2 import Effect


def words(element, name):
    (found,) = [line for line in element if isinstance(line, list) and line[0] == name]
    return found[1:]


def numbers(element, name):
    return [float(word) for word in words(element, name)]


class Player:
    """Plays a project: items, JSFX, pan laws and faders as REAPER's documentation says."""

    def __init__(self, path):
        self.folder = path.parent
        self.project = rpp.loads(path.read_text())
        self.effects = {}

    def effect(self, element, audio):
        """Run one JSFX of a chain with the values that the project holds for its sliders."""
        name = element.attrib[0]
        if name not in self.effects:
            self.effects[name] = Effect(self.folder / "Effects" / name)
        effect = self.effects[name]
        (values,) = [line for line in element if isinstance(line, str)] or [
            " ".join(line) for line in element
        ]
        given = values.split()
        assert len(given) == 64
        sliders = {i + 1: float(value) for i, value in enumerate(given) if value != "-"}
        assert set(sliders) == set(effect.sliders)
        return effect.run(audio, sliders)

    def chain(self, element, audio):
        for js in element.findall("JS"):
            audio = self.effect(js, audio)
        return audio

    def recording(self, track, length):
        """The audio of a track's only item on both channels, at the project's rate."""
        item = track.find("ITEM")
        source = item.find("SOURCE")
        audio, rate = soundfile.read(
            self.folder / words(source, "FILE")[0], dtype="float32", always_2d=True
        )
        audio = resample(audio.T, from_rate=rate, to_rate=SAMPLE_RATE).astype(np.float64)
        assert float(words(item, "LENGTH")[0]) * SAMPLE_RATE == pytest.approx(audio.shape[1], abs=1)
        audio = np.pad(audio, ((0, 0), (0, length - audio.shape[1])))
        return np.repeat(audio, 2, axis=0) if len(audio) == 1 else audio

    def track(self, track, length):
        audio = self.recording(track, length)
        if track.find("FXCHAIN") is not None:
            audio = self.chain(track.find("FXCHAIN"), audio)
        volume, pan, law = numbers(track, "VOLPAN")[:3]
        return volume * audio * panned(pan, law)[:, np.newaxis]

    def play(self, length):
        total = np.zeros((2, length))
        for track in self.project.findall("TRACK"):
            if track.find("ITEM") is not None and words(track, "MUTESOLO")[0] == "0":
                total += self.track(track, length)
        return self.chain(self.project.find("MASTERFXLIST"), total)


def panned(pan, law):
    """Gains left and right of REAPER's balance mode at `pan`, -1 to 1, with the sine taper."""
    if law == 1:
        return np.array([min(1.0, 1 - pan), min(1.0, 1 + pan)])
    power = math.log(law) / math.log(0.5**0.5)
    angle = (pan + 1) * np.pi / 4
    return np.array([math.cos(angle), math.sin(angle)]) ** power


EDGE_S = 0.045
"""The limiter's windows at the ends of a song reach over them: what they see there is silence in
REAPER and the song's own ends in the mix, which differs by hundredths of a dB at most."""


@pytest.fixture(scope="module")
def console(multitrack):
    """Every setting at random, with all that the console has."""
    config = dsp.ConsoleConfig(
        reverb=True,
        pan_law="compromise",
        detector="max",
        track_lookahead_ms=3.0,
        master_lookahead_ms=2.0,
    )
    settings = random_console(multitrack, 2, config)
    return dataclasses.replace(settings, muted=np.arange(len(settings.strips)) == 1)


@pytest.fixture(scope="module")
def exported(song, console, tmp_path_factory):
    return export_session(song, console, tmp_path_factory.mktemp("out") / "A Song.rpp")


@pytest.fixture(scope="module")
def tracks(exported):
    found = rpp.loads(exported.path.read_text()).findall("TRACK")
    return {words(track, "NAME")[0]: track for track in found}


@pytest.mark.slow
def test_the_session_played_from_its_files_is_the_mix(exported, multitrack, console):
    rendered = render(console, multitrack)
    finished = finish(rendered.mix, console.target)
    mix = finished.audio
    played = Player(exported.path).play(mix.shape[1])
    error = np.abs(played - mix) / np.max(np.abs(mix))
    edge = round(EDGE_S * SAMPLE_RATE)
    assert finished.level.limiting_db > 0
    assert np.max(error[:, edge:-edge]) < 5e-6
    assert np.max(error) < 5e-3


def test_the_project_reads_back_the_same(exported):
    text = exported.path.read_text()
    assert rpp.dumps(rpp.loads(rpp.dumps(rpp.loads(text)))) == rpp.dumps(rpp.loads(text))


def test_mono_tracks_have_the_constant_power_law_and_pairs_none(console, tracks):
    assert list(tracks)[:5] == ["bass & more", "hat", "pad", "vox", "drums/kick"]
    for name, track in list(tracks.items())[:5]:
        law = numbers(track, "VOLPAN")[2]
        assert law == pytest.approx(1.0 if name == "pad" else 0.5**0.5)
        assert numbers(track, "PANLAWFLAGS") == [0]


def test_sends_go_to_a_muted_bus_at_the_consoles_levels(console, tracks, exported):
    bus = tracks["Effects bus (live, muted)"]
    received = [line for line in bus if isinstance(line, list) and line[0] == "AUXRECV"]
    assert [int(line[1]) for line in received] == list(range(5))
    levels_db = [20 * np.log10(float(line[3])) for line in received]
    np.testing.assert_allclose(levels_db, console.params.tracks.send_db, atol=1e-6)
    assert max(levels_db) > 6.1
    assert not any("Sends above" in note for note in exported.notes)
    assert words(bus, "MUTESOLO")[0] == "1"


def test_the_audio_and_the_effects_lie_beside_the_project(song, exported):
    folder = exported.path.parent
    audio = {path.name for path in (folder / "A Song audio").iterdir()}
    assert audio == {
        "bass & more.flac",
        "drums - kick.wav",
        "effects bus impulse response.wav",
        "effects return.wav",
        "hat.wav",
        "notes.txt",
        "pad.wav",
        "vox 1.wav",
    }
    kick = folder / "A Song audio" / "drums - kick.wav"
    assert kick.read_bytes() == (song / "drums" / "kick.wav").read_bytes()
    effects = {path.name for path in (folder / "Effects" / "diffmst").iterdir()}
    assert effects == {
        "diffmst_channel.jsfx",
        "diffmst_dsp.jsfx-inc",
        "diffmst_limiter.jsfx",
        "diffmst_master.jsfx",
    }
    assert sorted(path.name for path in folder.iterdir()) == [
        "A Song audio",
        "A Song.rpp",
        "Effects",
    ]


def test_a_session_is_written_again_over_itself(song, console, exported):
    before = exported.path.read_text()
    export_session(song, console, exported.path)
    assert exported.path.read_text() == before


def test_linked_recordings_stay_where_they_are(song, console, tmp_path):
    export_session(song, console, tmp_path / "linked.rpp", link=True)
    assert not (tmp_path / "linked audio" / "pad.wav").exists()
    project = rpp.loads((tmp_path / "linked.rpp").read_text())
    files = [words(t.find("ITEM").find("SOURCE"), "FILE")[0] for t in project.findall("TRACK")[:5]]
    assert (tmp_path / files[2]).resolve() == song / "pad.wav"
    assert files[1] == "linked audio/hat.wav"


def test_printed_tracks_need_no_effects(song, console, tmp_path):
    export_session(song, console, tmp_path / "printed.rpp", print_effects=True)
    tracks = rpp.loads((tmp_path / "printed.rpp").read_text()).findall("TRACK")
    assert [track.find("FXCHAIN") for track in tracks[:5]] == [None] * 5
    pad = soundfile.info(tmp_path / "printed audio" / "pad.wav")
    assert (pad.channels, pad.samplerate, pad.subtype) == (2, SAMPLE_RATE, "FLOAT")


@pytest.mark.parametrize(
    "name",
    ["plain", "two words", 'with "quotes"', "it's", "both ' and \"", "#1 <a> | b; c", "`", ""],
)
def test_any_name_reads_back(name):
    chunk = Chunk("TRACK")
    chunk.line("NAME", name)
    (line,) = rpp.loads(chunk.text())
    assert line == ["NAME", name]


def test_a_name_cannot_end_its_line():
    chunk = Chunk("TRACK")
    chunk.line("NAME", "a\n>\nb\x00")
    (line,) = rpp.loads(chunk.text())
    assert line == ["NAME", "a > b "]

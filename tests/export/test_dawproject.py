"""The `.dawproject` as other programs get it: valid, complete, and the mix when played."""

import dataclasses
import io
import zipfile
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import soundfile
from lxml import etree

import dsp
from diffmst_jax.audio import SAMPLE_RATE, resample
from diffmst_jax.export import export_session
from diffmst_jax.export.media import media_of
from diffmst_jax.export.notes import dawproject_notes
from diffmst_jax.export.session import session_of
from diffmst_jax.mixing.finishing.output import finish
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.report.words import pan_words
from tests.export.consoles import random_console, with_centred_pairs, with_tracks, without_knees
from tests.export.rebuild import compressed, equalized, placed
from tests.golden import ROOT

SCHEMAS = ROOT.parent / "shared" / "dawproject"
needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="the format's schemas are not on this machine"
)


def read(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def child(element, path):
    found = element.find(path)
    assert found is not None, path
    return found


def value(element, path):
    return float(child(element, path).get("value"))


def channel_output(channel, audio):
    """What a channel of the session makes of `(channels, time)`, before its volume and pan."""
    for device in channel.findall("Devices/*"):
        if device.tag == "Equalizer":
            bands = [
                (b.get("type"), value(b, "Freq"), value(b, "Gain"), value(b, "Q"))
                for b in device.iter("Band")
                if child(b, "Enabled").get("value") == "true"
            ]
            audio = equalized(audio, bands)
            gain = device.find("OutputGain")
            audio = audio * (1.0 if gain is None else 10 ** (float(gain.get("value")) / 20))
        elif device.tag == "Compressor":
            settings = {
                "threshold_db": value(device, "Threshold"),
                "ratio": 1 / (1 - value(device, "Ratio") / 100),
                "attack_s": value(device, "Attack"),
                "release_s": value(device, "Release"),
                "output_db": value(device, "OutputGain"),
            }
            audio = compressed(audio, np.mean(np.abs(audio), axis=0), **settings)
    return audio


def recording(files, project, track):
    """The audio of a track's only clip at the console's rate, or None if it has none."""
    for lane in project.iter("Lanes"):
        if lane.get("track") == track.get("id"):
            name = child(lane, "Clips/Clip/Audio/File").get("path")
            audio, rate = soundfile.read(io.BytesIO(files[name]), dtype="float32", always_2d=True)
            return resample(audio.T, from_rate=rate, to_rate=SAMPLE_RATE).astype(np.float64)
    return None


def sum_of(path, length):
    """Play a `.dawproject` as its reference says, up to its limiter, `(2, length)`."""
    files = read(path)
    project = ET.fromstring(files["project.xml"])
    total = np.zeros((2, length))
    for track in child(project, "Structure"):
        channel = child(track, "Channel")
        if channel.get("role") == "master":
            return channel_output(channel, total) * value(channel, "Volume")
        audio = recording(files, project, track)
        if audio is None or child(channel, "Mute").get("value") == "true":
            continue
        audio = np.pad(audio, ((0, 0), (0, length - audio.shape[1])))
        audio = channel_output(channel, audio)
        total += placed(audio, value(channel, "Pan")) * value(channel, "Volume")
    raise AssertionError("the session has no master")


def the_mix(settings, multitrack):
    """The mix at its loudness, before its limiter."""
    rendered = render(settings, multitrack)
    gain_db = finish(rendered.mix, settings.target).level.gain_db
    return rendered.mix * 10 ** (gain_db / 20)


LOUDER_SENDS_DB, LEAN = 11.0, 0.3


@pytest.fixture(scope="module")
def console(multitrack):
    """Every setting at random, with reverb and a muted track, as far as the format can say it.

    The pair leans, and is not compressed: its channels are mixed before they would be.
    """
    settings = random_console(multitrack, 1, dsp.ConsoleConfig(reverb=True))
    settings = dataclasses.replace(settings, muted=np.arange(len(settings.strips)) == 1)
    tracks = settings.params.tracks
    is_pair = np.array([len(strip.channels) == 2 for strip in settings.strips])
    ratio = np.where(is_pair, 1.0, tracks.compressor.ratio)
    settings = with_tracks(
        settings,
        send_db=tracks.send_db + LOUDER_SENDS_DB,
        pan=np.where(is_pair, LEAN, tracks.pan),
        compressor=tracks.compressor._replace(ratio=ratio),
    )
    return without_knees(settings)


@pytest.fixture(scope="module")
def exported(song, console, tmp_path_factory):
    return export_session(song, console, tmp_path_factory.mktemp("out") / "A Song.dawproject")


@pytest.fixture(scope="module")
def project(exported):
    return ET.fromstring(read(exported.path)["project.xml"])


@pytest.fixture(scope="module")
def channels(project):
    return {t.get("name"): child(t, "Channel") for t in child(project, "Structure")}


def test_the_session_played_from_its_file_is_the_mix(exported, multitrack, console):
    mix = the_mix(console, multitrack)
    played = sum_of(exported.path, mix.shape[1])
    np.testing.assert_allclose(played, mix, rtol=0, atol=1e-5 * np.max(np.abs(mix)))


def test_a_pair_in_the_centre_is_compressed_as_one(song, multitrack, tmp_path):
    settings = without_knees(with_centred_pairs(random_console(multitrack, 6)))
    is_pair = np.array([len(strip.channels) == 2 for strip in settings.strips])
    settings = dataclasses.replace(settings, muted=~is_pair)
    path = tmp_path / "pair.dawproject"
    export_session(song, settings, path)
    mix = the_mix(settings, multitrack)
    played = sum_of(path, mix.shape[1])
    np.testing.assert_allclose(played, mix, rtol=0, atol=1e-5 * np.max(np.abs(mix)))


def test_the_finished_mix_lies_beside_what_the_format_cannot_say(
    exported, multitrack, console, song
):
    kept, rate = soundfile.read(io.BytesIO(read(exported.path)["audio/finished mix.wav"]))
    mix = render(console, multitrack).mix
    expected = finish(mix, console.target).audio
    assert rate == SAMPLE_RATE
    np.testing.assert_allclose(kept.T, expected, rtol=0, atol=2**-23)
    config = dataclasses.replace(console.config, master_lookahead_ms=10.0)
    late = session_of(dataclasses.replace(console, config=config), 20.0)
    notes = " ".join(dawproject_notes(late, media_of(song, console.strips), 0.0))
    assert "no place for the compressors' lookahead" in notes
    assert "10 ms on the master" in notes
    assert "finished mix is on a muted track" in notes


def assert_valid(path):
    files = read(path)
    for document, schema in (("project.xml", "Project.xsd"), ("metadata.xml", "MetaData.xsd")):
        validator = etree.XMLSchema(etree.parse(SCHEMAS / schema))
        validator.assertValid(etree.fromstring(files[document]))


@needs_schemas
def test_both_documents_are_valid_against_the_schemas(exported):
    assert_valid(exported.path)


@needs_schemas
def test_printed_and_linked_sessions_are_valid(song, console, tmp_path):
    path = tmp_path / "a.dawproject"
    export_session(song, console, path, link=True, print_effects=True)
    assert_valid(path)


def test_recordings_are_in_it_as_they_are(song, exported):
    files = read(exported.path)
    assert files["audio/drums - kick.wav"] == (song / "drums" / "kick.wav").read_bytes()
    assert files["audio/bass & more.flac"] == (song / "bass & more.flac").read_bytes()
    one_of_two, _ = soundfile.read(io.BytesIO(files["audio/vox 1.wav"]), dtype="int16")
    both, _ = soundfile.read(song / "vox.wav", dtype="int16")
    np.testing.assert_array_equal(one_of_two, both[:, 0])
    decoded = soundfile.info(io.BytesIO(files["audio/hat.wav"]))
    assert (decoded.subtype, decoded.samplerate) == ("FLOAT", SAMPLE_RATE)
    assert not any("silent" in name for name in files)


def test_a_pair_that_leans_does_so_in_its_file(song, channels, exported):
    leaning, _ = soundfile.read(io.BytesIO(read(exported.path)["audio/pad leaning.wav"]))
    pair, _ = soundfile.read(song / "pad.wav")
    moved = pair[:, 1] * np.cos(2 * LEAN * np.pi / 2)
    np.testing.assert_allclose(leaning[:, 0], pair[:, 0] + moved, rtol=0, atol=1e-7)
    assert value(channels["pad"], "Pan") == 0.5


@pytest.mark.parametrize("print_effects", [False, True])
def test_the_notes_say_where_a_pair_leans_also_if_it_does_so_in_its_file(
    song, console, tmp_path, print_effects
):
    out = tmp_path / "song.dawproject"
    export_session(song, console, out, print_effects=print_effects)
    notes = read(out)["notes.txt"].decode()
    (line,) = [line for line in notes.splitlines() if line.startswith("pad: fader")]
    assert f", leans {pan_words(LEAN)} in its file, send" in line


def test_tracks_are_named_routed_and_as_wide_as_their_recordings(project, channels):
    assert list(channels) == [
        "bass & more",
        "hat",
        "pad",
        "vox",
        "drums/kick",
        "Effects return (printed)",
        "Effects bus, impulse response",
        "Effects bus (live, muted)",
        "Finished mix (to compare, muted)",
        "Master",
    ]
    widths = {name: channel.get("audioChannels") for name, channel in channels.items()}
    assert (widths["pad"], widths["vox"], widths["Master"]) == ("2", "1", "2")
    destinations = {c.get("destination") for c in channels.values() if c.get("role") != "master"}
    assert destinations == {channels["Master"].get("id")}
    mutes = [name for name, c in channels.items() if child(c, "Mute").get("value") == "true"]
    assert mutes == [
        "hat",
        "Effects bus, impulse response",
        "Effects bus (live, muted)",
        "Finished mix (to compare, muted)",
    ]
    assert all(value(channel, "Volume") <= 2.0 for channel in channels.values())


def test_devices_hold_the_console_in_the_formats_units(console, channels):
    tracks, master = console.params.tracks, console.params.master_bus
    compressor = child(channels["drums/kick"], "Devices/Compressor")
    ratio = float(tracks.compressor.ratio[4])
    assert value(compressor, "Ratio") == pytest.approx(100 * (1 - 1 / ratio), abs=1e-5)
    assert value(compressor, "Attack") == pytest.approx(tracks.compressor.attack_ms[4] / 1000)
    assert child(compressor, "Ratio").get("unit") == "percent"
    assert child(compressor, "Attack").get("unit") == "seconds"
    bands = channels["Master"].findall("Devices/Equalizer/Band")
    assert [b.get("type") for b in bands] == ["lowShelf", *["bell"] * 4, "highShelf"]
    assert [value(b, "Freq") for b in bands] == pytest.approx(list(master.equalizer.frequency_hz))
    assert [value(b, "Gain") for b in bands] == pytest.approx(list(master.equalizer.gain_db))
    assert child(bands[0], "Freq").get("unit") == "hertz"
    ceiling = child(channels["Master"], "Devices/Limiter/Threshold")
    assert float(ceiling.get("value")) == console.target.ceiling_dbtp


def test_sends_keep_their_balance_under_the_highest_fader(console, channels):
    bus = channels["Effects bus (live, muted)"]
    sends = [child(c, "Sends/Send") for name, c in channels.items() if c.find("Sends") is not None]
    assert {send.get("destination") for send in sends} == {bus.get("id")}
    levels_db = [20 * np.log10(value(send, "Volume")) for send in sends]
    asked = console.params.tracks.send_db
    assert np.max(asked) > 6.1
    np.testing.assert_allclose(np.diff(levels_db), np.diff(asked), atol=1e-3)


def test_what_sends_are_lowered_by_the_bus_makes_up_for(song, console, tmp_path):
    """A dry bus, whose response is one sample, gives back what it is sent."""
    params = console.params
    dry = params.fx_bus._replace(reverb=params.fx_bus.reverb._replace(mix=np.zeros(())))
    console = dataclasses.replace(console, params=params._replace(fx_bus=dry))
    console = with_tracks(console, send_db=np.full(len(console.strips), 12.0))
    out = export_session(song, console, tmp_path / "a.dawproject")
    files = read(out.path)
    channels = ET.fromstring(files["project.xml"]).findall("Structure/Track/Channel")
    (bus,) = [channel for channel in channels if channel.get("role") == "effect"]
    response, _ = soundfile.read(io.BytesIO(files["audio/effects bus impulse response.wav"]))
    passed = channel_output(bus, response.T) * value(bus, "Volume")
    sent = value(channels[0], "Sends/Send/Volume")
    np.testing.assert_allclose(sent * passed[:, 0], 10 ** (12.0 / 20), rtol=1e-6)
    assert max(sent, value(bus, "Volume")) <= 2.0
    assert any("all sends are 6.0 dB lower" in note for note in out.notes)


def test_what_is_carried_another_way_is_listed_everywhere(exported):
    notes = " ".join(exported.notes)
    words = (
        "knees",
        "printed",
        "limiter",
        "Left out: silent.wav",
        "hat.wav, vox 1.wav",
        "lean (pad)",
    )
    for word in words:
        assert word in notes
    assert "48000 Hz" in notes
    files = read(exported.path)
    comment = child(ET.fromstring(files["metadata.xml"]), "Comment").text
    assert comment == files["notes.txt"].decode()
    assert all(note in comment for note in exported.notes)
    assert "drums/kick: fader" in comment


def test_a_marker_says_where_the_mix_comes_from(project):
    marker = child(project, "Arrangement/Markers/Marker")
    expected = "Mixed by diffmst, in the style of a finished mix.flac, model compact, amount 0.5"
    assert marker.get("name") == expected


def test_linked_recordings_stay_where_they_are(song, console, tmp_path):
    path = tmp_path / "session" / "linked.dawproject"
    export_session(song, with_centred_pairs(console), path, link=True)
    files = read(path)
    assert not any("pad" in name for name in files)
    assert "audio/hat.wav" in files
    references = [f for f in ET.fromstring(files["project.xml"]).iter("File") if f.get("external")]
    assert len(references) == 3
    for reference in references:
        assert (path.parent / reference.get("path")).resolve().parent in (song, song / "drums")


def test_printed_effects_leave_the_balance_and_the_sound(song, multitrack, console, tmp_path):
    settings = random_console(multitrack, 4, console.config)
    master = settings.params.master_bus
    hard = master._replace(compressor=master.compressor._replace(knee_db=np.zeros(())))
    settings = dataclasses.replace(settings, params=settings.params._replace(master_bus=hard))
    path = tmp_path / "printed.dawproject"
    export_session(song, settings, path, print_effects=True)
    project = ET.fromstring(read(path)["project.xml"])
    channels = [child(track, "Channel") for track in child(project, "Structure")]
    assert [len(c.findall("Devices/*")) for c in channels[:5]] == [0] * 5
    mix = the_mix(settings, multitrack)
    played = sum_of(path, mix.shape[1])  # what rings on behind a shorter recording included
    np.testing.assert_allclose(played, mix, rtol=0, atol=1e-5 * np.max(np.abs(mix)))

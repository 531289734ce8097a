import unicodedata

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.signals.measure import integrated_loudness
from diffmst_jax.mixing.sources.copies import Copies
from diffmst_jax.mixing.sources.finding import find_tracks, matches
from diffmst_jax.mixing.sources.inputs import gather_tracks
from diffmst_jax.mixing.sources.strips import LeftOut, Strip, strip_names
from diffmst_jax.mixing.sources.tracks import load_tracks, read_strips, split_channels
from tests.mixing.songs import SONG_S, bursts, tone


def test_files_become_strips_in_natural_order_and_silence_is_left_out(multitrack):
    assert multitrack.strips == (
        Strip("1 kick.wav", (1,)),
        Strip("2 bass.flac", (1,)),
        Strip("10 pad.flac", (1, 2)),
        Strip("11 hat.mp3", (1,)),
    )
    assert multitrack.left_out == (LeftOut("silent.wav", "it is silent"),)
    np.testing.assert_array_equal(multitrack.strip_of_track, [0, 1, 2, 2, 3])
    np.testing.assert_array_equal(multitrack.side_of_track, [0, 0, -1, 1, 0])


def test_shorter_tracks_are_padded_with_silence(multitrack):
    assert multitrack.audio.shape[0] == 5
    assert multitrack.audio.shape[1] >= SONG_S * SAMPLE_RATE
    end = round((SONG_S - 0.3) * SAMPLE_RATE)
    assert np.all(multitrack.audio[1, end + 1 :] == 0)
    assert np.any(multitrack.audio[1, end - 500 : end] != 0)


def test_a_pair_counts_as_loud_as_its_channels_on_average(multitrack):
    channels = [integrated_loudness(multitrack.audio[i : i + 1], sample_rate=44100) for i in (2, 3)]
    expected = 10 * np.log10(np.mean([10 ** (level / 10) for level in channels]))
    assert multitrack.loudness_lufs[2] == pytest.approx(expected, abs=0.05)


def test_two_equal_channels_are_one_mono_recording():
    mono = tone(1.0, 200.0)
    strips, left_out = split_channels("x", np.concatenate([mono, mono]))
    assert [item.strip for item in strips] == [Strip("x", (1,))]
    assert left_out == []


def test_a_stereo_file_with_one_silent_channel_is_mono_and_says_so():
    mono = tone(1.0, 200.0)
    strips, left_out = split_channels("x", np.concatenate([0 * mono, mono]))
    assert [item.strip for item in strips] == [Strip("x", (2,))]
    assert left_out == [LeftOut("x", "channel 1 is silent")]


def test_each_channel_of_a_many_channel_file_is_a_mono_strip():
    audio = np.concatenate([tone(1.0, 100.0 * i) for i in (1, 2, 3)])
    strips, _ = split_channels("x", audio)
    assert [item.strip for item in strips] == [Strip("x", (1,)), Strip("x", (2,)), Strip("x", (3,))]


@pytest.fixture
def write(tmp_path):
    def write_one(name: str):
        write_audio(tmp_path / name, bursts(1.0, 4.0, 0), sample_rate=SAMPLE_RATE)
        return tmp_path / name

    return write_one


def test_subfolders_are_groups_and_earlier_mixes_are_passed_over(tmp_path, write):
    for name in ("b.wav", "Drums/kick.wav", "Drums/snare.wav", "mixed/mix.wav", ".hidden/x.wav"):
        write(name)
    (tmp_path / "mixed" / "console.json").touch()
    names = [strip.file for strip in load_tracks(tmp_path).strips]
    assert names == ["b.wav", "Drums/kick.wav", "Drums/snare.wav"]


def test_how_many_tracks_are_read_is_told(tmp_path, write):
    for name in ("a.wav", "b.wav", "c.wav", "d.wav"):
        write(name)
    told: list[float] = []
    load_tracks(tmp_path, exclude="d", progress=told.append)
    assert told == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_folder_inside_a_group_is_left_out_and_said(tmp_path, write):
    for name in ("a.wav", "Drums/kick.wav", "Drums/Room/l.wav", "Drums/mixed/mix.wav"):
        write(name)
    (tmp_path / "Drums/mixed/console.json").touch()
    multitrack = load_tracks(tmp_path)
    assert [strip.file for strip in multitrack.strips] == ["a.wav", "Drums/kick.wav"]
    reason = "it lies in another subfolder; move its tracks up"
    assert multitrack.left_out == (LeftOut("Drums/Room", reason),)


def test_recordings_of_other_formats_are_left_out_and_said(tmp_path, write):
    write("Drums/kick.wav")
    for name in ("vox.M4A", "Drums/pad.w64", "._vox.m4a", "session.txt"):
        (tmp_path / name).touch()
    multitrack = load_tracks(tmp_path)
    assert [strip.file for strip in multitrack.strips] == ["Drums/kick.wav"]
    reason = "it is no WAV, FLAC, MP3, OGG or AIFF by its name; export it as one"
    assert multitrack.left_out == (LeftOut("Drums/pad.w64", reason), LeftOut("vox.M4A", reason))


def test_time_stamps_tell_which_recordings_begin_later(tmp_path, write):
    """Files of a session that were not exported from one start would be mixed out of time."""
    for name, stamp in (("a.wav", 3600 * 44100), ("b.wav", 3602 * 44100 + 22050), ("c.wav", None)):
        data = write(name).read_bytes()
        if stamp is not None:
            chunk = bytes(338) + stamp.to_bytes(8, "little") + bytes(257)
            data += b"bext" + len(chunk).to_bytes(4, "little") + chunk + b"\0"
            (tmp_path / name).write_bytes(data)
    write("d.flac")
    assert load_tracks(tmp_path).late_s == {"b.wav": 2.5}
    assert load_tracks(tmp_path, exclude="a").late_s == {}


def test_recordings_of_one_name_are_told_apart_by_their_endings():
    strips = [Strip("bass.wav", (1,)), Strip("bass.flac", (1, 2)), Strip("Drums/bass.wav", (2,))]
    assert strip_names(strips) == ["bass.wav", "bass.flac", "Drums/bass 2"]


def test_a_dc_offset_is_told(tmp_path):
    clean = np.repeat(bursts(1.0, 4.0, 0), 2, axis=0)
    clean -= np.mean(clean, axis=1, keepdims=True)
    leaning = 0.5 * clean + np.array([[0.0], [-0.05]], np.float32)
    for name, audio in (("clean.wav", clean[:1]), ("Drums/off.wav", leaning)):
        write_audio(tmp_path / name, audio, sample_rate=SAMPLE_RATE)
    told = load_tracks(tmp_path).offset
    assert told == {"Drums/off.wav": pytest.approx(0.05 / np.max(np.abs(leaning[1])), abs=1e-4)}


def test_a_recording_too_short_to_measure_does_not_keep_the_others_from_being_mixed(
    tmp_path, write
):
    write("kick.wav")
    for name, length_s in (("empty.wav", 0.0), ("hit.wav", 0.3)):
        audio = np.full((1, round(length_s * SAMPLE_RATE)), 0.1, np.float32)
        write_audio(tmp_path / name, audio, sample_rate=SAMPLE_RATE)
    multitrack = load_tracks(tmp_path)
    assert [strip.file for strip in multitrack.strips] == ["kick.wav"]
    reason = "it is shorter than 0.4 s; add silence to it to have it mixed"
    assert multitrack.left_out == (LeftOut("empty.wav", reason), LeftOut("hit.wav", reason))
    (tmp_path / "kick.wav").unlink()
    with pytest.raises(InputError, match=r"too short: empty\.wav, hit\.wav; give"):
        load_tracks(tmp_path)


def test_single_files_may_be_given(tmp_path, write):
    files = [write("a/2.wav"), write("b/1.wav")]
    base, found = find_tracks(files)
    assert base == tmp_path.resolve()
    assert [path.relative_to(base).as_posix() for path in found] == ["a/2.wav", "b/1.wav"]


@pytest.mark.parametrize(
    ("names", "problem"), [((), "no file was given"), (("a.wav", "a.wav"), "given twice")]
)
def test_no_file_and_the_same_file_twice_are_refused(write, names, problem):
    with pytest.raises(InputError, match=problem):
        find_tracks([write(name) for name in names])


def test_one_of_several_files_that_is_missing_is_named(write, tmp_path):
    with pytest.raises(InputError, match=r"b\.wav: does not exist"):
        load_tracks([write("a.wav"), tmp_path / "b.wav"], reference=write("c.wav"))


def test_a_folder_without_audio_and_one_of_silence_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no audio files"):
        load_tracks(tmp_path)
    silence = np.zeros((2, SAMPLE_RATE), np.float32)
    write_audio(tmp_path / "x.wav", silence, sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match="no track with sound"):
        load_tracks(tmp_path)


def test_silent_files_are_not_said_of_the_folder_that_they_lie_in(tmp_path, write):
    write("kick.wav")
    silent = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for file in silent:
        write_audio(file, np.zeros((1, SAMPLE_RATE)), sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match=r"one\.wav: holds no track with sound"):
        load_tracks(silent[0])
    with pytest.raises(InputError, match="tracks: holds no track with sound"):
        load_tracks(silent)


def test_a_reference_among_the_tracks_is_no_track(tmp_path, write):
    write("a.wav")
    multitrack = load_tracks(tmp_path, reference=write("finished.wav"))
    assert [strip.file for strip in multitrack.strips] == ["a.wav"]
    assert multitrack.left_out == (LeftOut("finished.wav", "it is the reference"),)
    with pytest.raises(InputError, match=r"a\.wav: holds no other track with sound in it; give tr"):
        load_tracks(tmp_path / "a.wav", reference=tmp_path / "a.wav")


def test_excluded_files_are_left_out_and_need_not_be_readable(tmp_path, write):
    write("a.wav")
    (tmp_path / "Click.wav").write_text("not audio")
    for patterns in (["click*"], "click*"):
        multitrack = load_tracks(tmp_path, exclude=patterns)
        assert multitrack.left_out == (LeftOut("Click.wav", "as asked"),)
    with pytest.raises(InputError, match="holds no other track with sound in it; exclude fewer"):
        load_tracks(tmp_path, exclude="*")


def test_a_track_on_a_drive_that_is_not_there_is_not_left_out_in_silence(tmp_path, write):
    write("a.wav")
    (tmp_path / "vox.wav").symlink_to("/nowhere/vox.wav")
    with pytest.raises(InputError, match=r"vox\.wav: is a link to what is not there"):
        load_tracks(tmp_path, reference=tmp_path / "a.wav")
    assert load_tracks(tmp_path, exclude="vox").left_out == (LeftOut("vox.wav", "as asked"),)


@pytest.mark.parametrize("patterns", ["clack*", ["a*", "clack*"]])
def test_a_pattern_that_excludes_nothing_is_refused(tmp_path, write, patterns):
    write("a.wav")
    said = r"--exclude 'clack\*': matches no track \(a\.wav\)"
    with pytest.raises(InputError, match=said):
        load_tracks(tmp_path, exclude=patterns)
    with pytest.raises(InputError, match=said):
        gather_tracks(
            {"a.wav": tone(1.0, 100.0)}, references=[], exclude=patterns, sample_rate=SAMPLE_RATE
        )


@pytest.mark.parametrize("pattern", ["vox*", "Drums/Vox 1.wav", "VOX 1", "*.wav", "Vox ?"])
def test_patterns_stand_for_path_name_or_stem(pattern):
    assert matches("Drums/Vox 1.wav", ["other", pattern])
    assert not matches("Drums/Kick.flac", [pattern])


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_accents_may_be_spelt_as_another_system_does(tmp_path, on_disk):
    """macOS may hand out a letter and its accent as two characters; keyboards type one."""
    composed, apart = (unicodedata.normalize(form, "Gesäng.wav") for form in ("NFC", "NFD"))
    audio = tone(1.0, 220.0)
    write_audio(
        tmp_path / unicodedata.normalize(on_disk, "Gesäng.wav"), audio, sample_rate=SAMPLE_RATE
    )
    multitrack = load_tracks(tmp_path)
    given = gather_tracks({apart: audio}, references=[], exclude=(), sample_rate=SAMPLE_RATE)
    assert multitrack.strips == given.strips == (Strip(composed, (1,)),)
    for pattern in (composed, apart):
        assert matches(composed, pattern)
        assert matches(apart, pattern)


def test_strips_of_a_console_file_are_read_as_listed(song, multitrack):
    strips = (Strip("10 pad.flac", (2,)), Strip("1 kick.wav", (1,)))
    read = read_strips(song, strips)
    assert read.strips == strips
    np.testing.assert_array_equal(read.audio, multitrack.audio[[3, 0], : read.audio.shape[1]])


@pytest.mark.parametrize(
    ("strip", "problem"),
    [
        (Strip("gone.wav", (1,)), "no track named 'gone.wav'"),
        (Strip("1 kick.wav", (1, 2)), "has 1 channel"),
    ],
)
def test_strips_that_are_not_there_are_refused(song, strip, problem):
    with pytest.raises(InputError, match=problem):
        read_strips(song, (strip,))


def test_recordings_that_are_there_twice_are_told(tmp_path):
    """However loud, as pairs too; what is alike but for a room, or silent at first, is not one."""
    rng = np.random.default_rng(0)
    one, other, room = rng.standard_normal((3, 2, 3 * SAMPLE_RATE)).astype(np.float32) / 10
    one[:, :SAMPLE_RATE] = 0.0
    files = {
        "a": one[:1],
        "b": -0.3 * one[:1],
        "c": other,
        "d": 0.5 * other,
        "e": other * np.float32([[1.0], [-1.0]]),
        "f": one[1] * np.float32([[1.0], [-1.0]]),
        "g": one[:1] + 0.03 * room[:1],
        "h": np.zeros((1, SAMPLE_RATE), np.float32),
        # What they share is the offset of one converter.
        "i": 0.001 * room[:1] + 0.05,
        "j": 0.001 * room[1:] + 0.05,
    }
    for name, audio in files.items():
        write_audio(tmp_path / f"{name}.wav", audio, sample_rate=SAMPLE_RATE, subtype="FLOAT")
    assert set(load_tracks(tmp_path).copies) == {
        Copies(("f", "f"), cancel=True),
        Copies(("a", "b"), cancel=True),
        Copies(("c", "d"), cancel=False),
    }

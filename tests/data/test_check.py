import shutil

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data.check import check_corpus, longest_run
from diffmst_jax.errors import InputError
from tests.data import trees
from tests.data.conftest import noise


def test_good_songs_have_no_findings(corpus):
    assert [(c.song, c.files, c.findings) for c in check_corpus(corpus)] == [
        ("a", 3, []),
        ("b", 2, []),
        ("references/deep/y.flac", 1, []),
        ("references/x.flac", 1, []),
    ]


def test_each_fault_is_found(tmp_path):
    song = tmp_path / "song"
    clipped = noise(1, 2.0)
    clipped[:, 100:110] = 1.0
    single_peak = noise(2, 2.0)
    single_peak[:, 50] = 1.0
    write_audio(song / "clipped.wav", clipped, sample_rate=SAMPLE_RATE)
    write_audio(song / "peak.wav", single_peak, sample_rate=SAMPLE_RATE)
    write_audio(song / "rate.wav", noise(3, 2.0), sample_rate=48000)
    write_audio(song / "short.wav", noise(4, 1.0), sample_rate=SAMPLE_RATE)
    write_audio(song / "offset.wav", noise(5, 2.0) + 0.1, sample_rate=SAMPLE_RATE)
    write_audio(song / "silent.wav", np.zeros((1, 88200), np.float32), sample_rate=SAMPLE_RATE)
    shutil.copy(song / "peak.wav", song / "twin.wav")
    (song / "broken.wav").write_bytes(b"RIFF nonsense")
    (checked,) = check_corpus(tmp_path)
    found = {(f.track, f.kind) for f in checked.findings}
    assert found == {
        ("clipped.wav", "clipping"),
        ("rate.wav", "rate"),
        ("short.wav", "length"),
        ("offset.wav", "offset"),
        ("silent.wav", "silence"),
        ("twin.wav", "duplicate"),
        ("broken.wav", "unreadable"),
    }


def test_song_of_one_track_is_reported(tmp_path):
    write_audio(tmp_path / "song/only.wav", noise(1, 1.0), sample_rate=SAMPLE_RATE)
    (checked,) = check_corpus(tmp_path)
    assert [f.kind for f in checked.findings] == ["tracks"]


def test_album_that_is_taken_as_one_song_is_reported(tmp_path):
    songs = (("one/a", 2.0), ("one/b", 2.0), ("two/a", 3.5), ("two/b", 3.5))
    for seed, (name, length_s) in enumerate(songs):
        audio = noise(seed, length_s)
        write_audio(tmp_path / f"album/{name}.wav", audio, sample_rate=SAMPLE_RATE)
    (checked,) = check_corpus(tmp_path)
    assert [(f.track, f.detail) for f in checked.findings if f.kind == "tracks"] == [
        ("", "several songs as one? one lasts 2.00 s, two 3.50 s")
    ]


def test_folder_without_songs_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no song"):
        check_corpus(tmp_path)


def test_longest_run_counts_within_rows():
    flags = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]], bool)
    assert longest_run(flags) == 2
    assert longest_run(np.zeros((1, 4), bool)) == 0
    assert longest_run(np.ones((2, 4), bool)) == 4


def test_same_audio_under_two_songs_is_found(corpus, tmp_path):
    for song in ("a", "b"):
        shutil.copytree(corpus / "songs" / song, tmp_path / song)
    shutil.copy(tmp_path / "a/bass.flac", tmp_path / "b/three.flac")
    first, second = check_corpus(tmp_path)
    assert first.findings == []
    doubles = [f for f in second.findings if f.kind == "duplicate"]
    assert [(f.track, f.detail) for f in doubles] == [("three.flac", "same audio as a/bass.flac")]


def test_recordings_of_a_song_that_are_there_twice_are_found_as_a_mix_finds_them(tmp_path):
    """However loud, in whatever format, its polarity inverted or not; each is said once."""
    one, other = noise(1, 2.0), noise(2, 2.0)
    for name, audio in (("a", one), ("b", -0.3 * one), ("c", 0.5 * one), ("d", other)):
        write_audio(tmp_path / f"s/{name}.wav", audio, sample_rate=SAMPLE_RATE, subtype="FLOAT")
    write_audio(tmp_path / "s/e.flac", other, sample_rate=SAMPLE_RATE, subtype="PCM_16")
    write_audio(
        tmp_path / "s/f.wav",
        np.concatenate([noise(3, 2.0), -noise(3, 2.0)]),
        sample_rate=SAMPLE_RATE,
    )
    (song,) = check_corpus(tmp_path)
    assert [(f.track, f.detail) for f in song.findings if f.kind == "duplicate"] == [
        ("b.wav", "same audio as a.wav with its polarity inverted"),
        ("c.wav", "same audio as a.wav"),
        ("e.flac", "same audio as d.wav"),
        ("f.wav", "one channel is the other with its polarity inverted"),
    ]


def shifted(audio: np.ndarray, seconds: float) -> np.ndarray:
    return np.pad(audio, [(0, 0), (round(seconds * SAMPLE_RATE), 0)])[:, : audio.shape[1]]


def test_track_that_is_late_against_the_mix_is_found(tmp_path):
    tracks = {name: noise(seed, 4.0) for seed, name in enumerate(("a", "b", "c"))}
    # The mix itself is late as a whole, as decoded MP3 is, which is nobody's fault.
    mix = shifted(sum(tracks.values()), 0.1)
    tracks["b"] = shifted(tracks["b"], 0.3)
    for name, audio in tracks.items():
        write_audio(tmp_path / f"songs/s/{name}.flac", audio, sample_rate=SAMPLE_RATE)
    write_audio(tmp_path / "references/s.flac", mix, sample_rate=SAMPLE_RATE)
    (tmp_path / "manifest.json").write_text("{}")
    (checked,) = check_corpus(tmp_path)
    assert [(f.track, f.kind) for f in checked.findings] == [("b.flac", "misaligned")]
    assert "+300 ms against the finished mix" in checked.findings[0].detail


@pytest.mark.parametrize(("count", "late"), [(2, "b"), (4, "bd")])
def test_where_half_of_the_tracks_are_late_the_others_are_not_called_early(tmp_path, count, late):
    tracks = {name: noise(seed, 4.0) for seed, name in enumerate("abcd"[:count])}
    mix = sum(tracks.values())
    for name, audio in tracks.items():
        place = tmp_path / f"train/X - s/{name}.flac"
        heard = shifted(audio, 0.2) if name in late else audio
        write_audio(place, heard, sample_rate=SAMPLE_RATE)
    write_audio(tmp_path / "train/X - s/mixture.flac", mix, sample_rate=SAMPLE_RATE)
    (checked,) = check_corpus(tmp_path)
    assert {f.track: f.detail for f in checked.findings} == {
        f"{name}.flac": "+200 ms against the finished mix" for name in late
    }


def test_track_that_is_late_against_its_own_bleed_is_found(tmp_path):
    kick, snare, other = (noise(seed, 4.0) for seed in range(3))
    files = {"kick": kick, "snare": shifted(snare, 0.2), "overheads": kick + snare, "other": other}
    for name, audio in files.items():
        write_audio(tmp_path / f"s/{name}.wav", audio, sample_rate=SAMPLE_RATE)
    (checked,) = check_corpus(tmp_path)
    assert ("snare.wav", "misaligned") in {(f.track, f.kind) for f in checked.findings}
    assert "other.wav" not in {f.track for f in checked.findings}
    # The delay of a microphone a few metres away is no fault.
    files["snare"] = shifted(snare, 0.01)
    write_audio(tmp_path / "s/snare.wav", files["snare"], sample_rate=SAMPLE_RATE)
    assert check_corpus(tmp_path)[0].findings == []


def test_corpus_of_mixes_alone_is_checked_file_by_file(tmp_path):
    trees.jamendo(tmp_path)
    (tmp_path / "audio/50/950.mp3").write_bytes(b"no audio")
    checked = {c.song: [f.kind for f in c.findings] for c in check_corpus(tmp_path)}
    assert checked == {
        "audio/48/948.mp3": [],
        "audio/50/950.mp3": ["unreadable"],
        "audio/86/1376286.low.mp3": [],
    }


def test_finished_mixes_are_checked_with_their_songs_and_without(tmp_path):
    trees.musdb18(tmp_path)
    name = "A Classic Education - NightOwl"
    clipped = noise(1, 2.0, channels=2)
    clipped[:, 100:110] = 1.0
    write_audio(tmp_path / f"train/{name}/mixture.wav", clipped, sample_rate=48000)
    (tmp_path / "test/AM Contra - Heart Peripheral/mixture.wav").write_bytes(b"no audio")
    silence = np.zeros((2, SAMPLE_RATE), np.float32)
    write_audio(tmp_path / "test/Zeno - Signs/mixture.wav", silence, sample_rate=SAMPLE_RATE)
    checked = check_corpus(tmp_path)
    assert [(c.song, c.tracks, c.files) for c in checked] == [
        (name, 4, 5),
        ("AM Contra - Heart Peripheral", 2, 3),
        ("test/Zeno - Signs/mixture.wav", 0, 1),
    ]
    found = [{(f.track, f.kind) for f in c.findings} for c in checked]
    assert found == [
        {("mixture.wav", kind) for kind in ("clipping", "rate", "length")},
        {("mixture.wav", "unreadable")},
        {("", "silence")},  # it is the song, by name
    ]


def test_files_of_two_groups_are_told_apart(tmp_path):
    for name in ("bass.wav", "Brass/1.wav", "Drums/1.wav"):
        audio = noise(len(name), 2.0)
        write_audio(tmp_path / "a" / name, audio, sample_rate=SAMPLE_RATE)
    shutil.copy(tmp_path / "a/Brass/1.wav", tmp_path / "a/Drums/1.wav")
    (song,) = check_corpus(tmp_path)
    assert [(f.track, f.detail) for f in song.findings if f.kind == "duplicate"] == [
        ("Drums/1.wav", "same audio as Brass/1.wav")
    ]


def test_a_mix_of_another_song_is_found(tmp_path):
    trees.musdb18(tmp_path)
    mix = tmp_path / "test/Zeno - Signs/mixture.wav"
    shutil.copy(mix, tmp_path / "train/A Classic Education - NightOwl/mixture.wav")
    *_, last = check_corpus(tmp_path)
    assert [(f.kind, f.detail) for f in last.findings] == [
        ("duplicate", "same audio as A Classic Education - NightOwl/mixture.wav")
    ]

import shutil

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data.check import check_corpus, longest_run
from diffmst_jax.errors import InputError
from tests.data.conftest import noise


def test_good_songs_have_no_findings(corpus):
    assert list(check_corpus(corpus)) == [("a", []), ("b", [])]


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
    write_audio(song / "silent.wav", np.zeros((1, 88200), np.float32), sample_rate=SAMPLE_RATE)
    shutil.copy(song / "peak.wav", song / "twin.wav")
    (song / "broken.wav").write_bytes(b"RIFF nonsense")
    ((_, findings),) = check_corpus(tmp_path)
    found = {(f.track, f.kind) for f in findings}
    assert found == {
        ("clipped.wav", "clipping"),
        ("rate.wav", "rate"),
        ("short.wav", "length"),
        ("silent.wav", "silence"),
        ("twin.wav", "duplicate"),
        ("broken.wav", "unreadable"),
    }


def test_song_of_one_track_is_reported(tmp_path):
    write_audio(tmp_path / "song/only.wav", noise(1, 1.0), sample_rate=SAMPLE_RATE)
    ((_, findings),) = check_corpus(tmp_path)
    assert [f.kind for f in findings] == ["tracks"]


def test_folder_without_songs_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no song"):
        list(check_corpus(tmp_path))


def test_longest_run_counts_within_rows():
    flags = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]], bool)
    assert longest_run(flags) == 2
    assert longest_run(np.zeros((1, 4), bool)) == 0
    assert longest_run(np.ones((2, 4), bool)) == 4

from pathlib import Path

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, read_audio
from diffmst_jax.data.sources import FolderSource, ReferenceSource, read_window
from diffmst_jax.errors import InputError


def test_each_subfolder_is_a_song_and_each_file_a_track(corpus):
    source = FolderSource(corpus / "songs")
    assert [song.name for song in source.songs] == ["a", "b"]
    assert [(t.name, t.channels) for t in source[0].tracks] == [
        ("bass", 1),
        ("keys", 2),
        ("late", 1),
    ]
    assert source[0].channels == 4
    assert source[1].duration_s == pytest.approx(6.0)


def test_root_of_a_corpus_stands_for_its_inner_folders(corpus):
    assert FolderSource(corpus).songs == FolderSource(corpus / "songs").songs
    assert ReferenceSource(corpus).mixes == ReferenceSource(corpus / "references").mixes


def test_references_are_found_at_any_depth(corpus):
    assert sorted(mix.name for mix in ReferenceSource(corpus).mixes) == ["x", "y"]


def test_songs_come_in_natural_order_and_folders_without_audio_are_passed_over(corpus, tmp_path):
    for name in ("10", "9", "notes"):
        (tmp_path / name).mkdir()
    audio = (corpus / "songs/b/one.flac").read_bytes()
    for name in ("10", "9"):
        (tmp_path / name / "one.flac").write_bytes(audio)
    assert [song.name for song in FolderSource(tmp_path).songs] == ["9", "10"]


def test_window_equals_the_same_stretch_of_the_file(corpus):
    track = FolderSource(corpus)[0].tracks[1]
    whole = read_audio(track.path)
    window = read_window(track, start_s=2.0, samples=10_000)
    start = 2 * SAMPLE_RATE
    np.testing.assert_array_equal(window, whole[:, start : start + 10_000])


def test_window_over_the_end_is_filled_with_silence(corpus):
    track = FolderSource(corpus)[1].tracks[0]
    window = read_window(track, start_s=5.5, samples=SAMPLE_RATE)
    assert window.shape == (1, SAMPLE_RATE)
    assert np.any(window[:, : SAMPLE_RATE // 2])
    assert not np.any(window[:, SAMPLE_RATE // 2 + 2 :])
    assert not np.any(read_window(track, start_s=60.0, samples=100))


@pytest.mark.parametrize("source", [FolderSource, ReferenceSource])
def test_missing_or_empty_folder_is_named(source, tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere: is not a folder"):
        source(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no"):
        source(tmp_path)

import itertools
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, read_audio
from diffmst_jax.data import index as index_module
from diffmst_jax.data.decoded import DecodedCache
from diffmst_jax.data.index import INDEX_NAME, SILENT_DB, EnergyIndex
from diffmst_jax.data.sources import FolderSource, ReferenceSource, nothing_read, read_window
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.signals.measure import integrated_loudness


@pytest.fixture
def own(corpus, tmp_path):
    """Songs of this test's own, not measured yet."""
    shutil.copytree(corpus / "songs", tmp_path / "songs", ignore=shutil.ignore_patterns(".*"))
    return FolderSource(tmp_path)


@pytest.fixture
def measured(monkeypatch):
    """Files that are measured while the test runs."""
    paths = []
    real = index_module.measure

    def counted(path, decoded=None):
        paths.append(path)
        return real(path, decoded)

    monkeypatch.setattr(index_module, "measure", counted)
    return paths


def test_levels_tell_sound_from_silence_second_by_second(own):
    tracks = own[0].tracks
    index = EnergyIndex(own.root).update(tracks)
    np.testing.assert_allclose(index.levels(tracks[0]), -20.0, atol=0.3)
    late = index.levels(tracks[2])
    assert np.all(late[:4] == SILENT_DB)
    np.testing.assert_allclose(late[4:], -20.0, atol=0.3)


def test_loudness_is_that_of_the_standard(own):
    track = own[0].tracks[1]
    index = EnergyIndex(own.root).update([track])
    whole = integrated_loudness(read_audio(track.path), sample_rate=SAMPLE_RATE)
    np.testing.assert_allclose(index.loudness(track), whole, atol=0.3)


def test_stored_index_is_used_until_a_file_changes(own, measured):
    tracks = own[1].tracks
    EnergyIndex(own.root).update(tracks)
    assert (own.root / INDEX_NAME).is_file()
    assert len(measured) == 2
    EnergyIndex(own.root).update(tracks)
    assert len(measured) == 2
    stamp = tracks[0].path.stat()
    os.utime(tracks[0].path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    EnergyIndex(own.root).update(tracks)
    assert measured[2:] == [tracks[0].path]


def test_headers_of_an_indexed_corpus_are_not_read_again(own, monkeypatch):
    EnergyIndex(own.root).update(t for song in own.songs for t in song.tracks)
    monkeypatch.setattr("diffmst_jax.data.sources.audio_info", None)
    assert FolderSource(own.root).songs == own.songs


def test_interrupted_measurement_goes_on_where_it_stopped(own, monkeypatch):
    tracks = [t for song in own.songs for t in song.tracks]
    real = index_module.measure

    def fails_on_third(path, decoded=None):
        if path == tracks[2].path:
            raise KeyboardInterrupt
        return real(path, decoded)

    monkeypatch.setattr(index_module, "measure", fails_on_third)
    with pytest.raises(KeyboardInterrupt):
        EnergyIndex(own.root).update(tracks)
    again = EnergyIndex(own.root)
    assert [again.info(t.path) is not None for t in tracks] == [True, True, False, False, False]


def marked_as_encrypted(whole: bytes) -> bytes:
    at = whole.index(b"PK\x01\x02") + 8
    return whole[:at] + b"\x01" + whole[at + 1 :]


def test_what_is_measured_is_stored_every_second_but_for_a_twentieth_of_the_time(own, monkeypatch):
    # Ctrl-C ends the program at once: what is not stored by then is lost.
    clock = itertools.count()  # every look at it is a second later, and storing takes one
    monkeypatch.setattr(index_module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    tracks = [t for song in own.songs for t in song.tracks]
    stored = []

    def look():
        again = EnergyIndex(own.root)
        stored.append([again.info(t.path) is not None for t in tracks])

    EnergyIndex(own.root).update(tracks, progress=look)
    assert stored == [[True, False, False, False, False]] * 5


@pytest.mark.parametrize(
    "damaged",
    [
        lambda whole: b"{",
        lambda whole: b"",
        lambda whole: whole[:1000],
        lambda whole: whole.replace(b"NUMPY", b"NUMBY"),
        marked_as_encrypted,
    ],
    ids=["text", "empty", "cut", "flipped", "encrypted"],
)
def test_damaged_index_is_measured_again(own, damaged):
    EnergyIndex(own.root).update(own[1].tracks)
    place = own.root / INDEX_NAME
    place.write_bytes(damaged(place.read_bytes()))
    index = EnergyIndex(own.root).update(own[1].tracks)
    assert index.levels(own[1].tracks[0]).shape == (6,)


def test_index_whose_parts_do_not_belong_together_is_measured_again(own):
    EnergyIndex(own.root).update(own[1].tracks)
    with np.load(own.root / INDEX_NAME) as stored:
        parts = {**stored, "ends": stored["ends"][:1]}
    np.savez(own.root / INDEX_NAME, **parts)
    assert EnergyIndex(own.root).update(own[1].tracks).levels(own[1].tracks[0]).shape == (6,)


def test_unreadable_file_is_named_and_the_others_are_kept(own):
    tracks = own[1].tracks
    tracks[0].path.write_bytes(b"no audio")
    with pytest.raises(InputError, match=r"one\.flac: is no audio .*; replace it"):
        EnergyIndex(own.root).update(tracks)
    assert EnergyIndex(own.root).info(tracks[1].path) is not None


def test_unreadable_file_is_named_whatever_its_name(own):
    path = own.root / "a: b; c" / "link.flac"
    path.parent.mkdir()
    path.symlink_to(own.root / "gone.flac")
    with pytest.raises(InputError, match="; replace it") as caught:
        EnergyIndex(own.root).update([nothing_read(path)])
    assert caught.value.path == str(path)


def test_read_only_corpus_keeps_its_index_in_the_cache_folder(own, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (own.root / INDEX_NAME).mkdir()  # whatever the rights, nothing can be written here
    EnergyIndex(own.root).update(own[1].tracks)
    assert EnergyIndex(own.root).info(own[1].tracks[0].path) is not None


@pytest.mark.slow
def test_processes_measure_the_same(corpus, tmp_path):
    for number in range(5):
        shutil.copytree(corpus / "songs/b", tmp_path / f"{number}")
    source = FolderSource(tmp_path)
    tracks = [t for song in source.songs for t in song.tracks]
    done = []
    parallel = EnergyIndex(source.root)
    parallel.update(tracks, processes=2, progress=lambda: done.append(1))
    assert len(done) == len(tracks) == 10
    (source.root / INDEX_NAME).unlink()
    alone = EnergyIndex(source.root).update(tracks)
    for track in tracks:
        np.testing.assert_array_equal(parallel.levels(track), alone.levels(track))


def test_decoded_window_equals_the_file(own, tmp_path):
    cache = DecodedCache(tmp_path / "decoded")
    tracks = own[0].tracks
    with pytest.raises(InputError, match="is not in the cache of decoded audio"):
        cache.read(tracks[0], start_s=0.0, samples=10)
    EnergyIndex(own.root).update(tracks, decoded=cache)
    for track in tracks:
        for start_s in (0.0, 1.5, 7.9, 60.0):
            expected = read_window(track, start_s=start_s, samples=SAMPLE_RATE)
            found = cache.read(track, start_s=start_s, samples=SAMPLE_RATE)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, atol=0.6 / 2**16)


def test_decoded_copy_of_other_rates_and_loud_files_is_kept_too(tmp_path):
    from tests.data.trees import Tree  # noqa: PLC0415

    tree = Tree(tmp_path)
    tree.audio("song/a.wav", rate=48000)
    tree.audio("song/b.mp3", channels=2)
    source = FolderSource(tmp_path)
    cache = DecodedCache(tmp_path / "decoded")
    EnergyIndex(source.root).update(source[0].tracks, decoded=cache)
    for track in source[0].tracks:
        expected = read_window(track, start_s=0.25, samples=10_000)
        found = cache.read(track, start_s=0.25, samples=10_000)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_file_that_is_taken_away_while_it_is_decoded_is_named(own, monkeypatch, tmp_path):
    cache = DecodedCache(tmp_path / "decoded")
    first, gone, last = own[0].tracks

    def read_and_lose(path, **window):
        audio = read_audio(path, **window)
        if path == gone.path:
            path.unlink()
        return audio

    monkeypatch.setattr(index_module, "read_audio", read_and_lose)
    EnergyIndex(own.root).update((first, gone, last), decoded=cache)
    assert cache.read(last, start_s=5.0, samples=10).any()
    with pytest.raises(InputError, match=f"{gone.path.name}: does not exist"):
        cache.read(gone, start_s=0.0, samples=10)


def test_mixes_are_measured_beside_themselves(corpus):
    mixes = ReferenceSource(corpus)
    index = EnergyIndex(mixes.root).update(mixes.mixes)
    assert [index.duration_s(mix) for mix in mixes.mixes] == [6.0, 6.0]

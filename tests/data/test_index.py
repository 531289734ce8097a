import os

import numpy as np

from diffmst_jax.data import index as index_module
from diffmst_jax.data.index import CACHE_NAME, SILENT_DB, EnergyIndex
from diffmst_jax.data.sources import FolderSource


def test_levels_tell_sound_from_silence_second_by_second(corpus):
    source = FolderSource(corpus)
    tracks = source[0].tracks
    index = EnergyIndex(source.root).update(tracks)
    np.testing.assert_allclose(index.levels(tracks[0]), -20.0, atol=0.3)
    late = index.levels(tracks[2])
    assert np.all(late[:4] == SILENT_DB)
    np.testing.assert_allclose(late[4:], -20.0, atol=0.3)


def test_window_level_is_the_mean_power_over_the_window(corpus):
    source = FolderSource(corpus)
    late = source[0].tracks[2]
    levels = EnergyIndex(source.root).update([late]).window_levels(late, duration_s=2.0, starts=8)
    assert np.all(levels[:3] == SILENT_DB)
    np.testing.assert_allclose(levels[3], -20.0 - 10 * np.log10(2), atol=0.3)
    np.testing.assert_allclose(levels[4:7], -20.0, atol=0.3)
    np.testing.assert_allclose(levels[7], -20.0 - 10 * np.log10(2), atol=0.3)


def test_stored_index_is_used_until_a_file_changes(corpus, monkeypatch):
    source = FolderSource(corpus)
    tracks = source[1].tracks
    EnergyIndex(source.root).update(tracks)
    assert (source.root / CACHE_NAME).is_file()
    measured = []
    real = index_module.measure_levels

    def counted(path):
        measured.append(path)
        return real(path)

    monkeypatch.setattr(index_module, "measure_levels", counted)
    EnergyIndex(source.root).update(tracks)
    assert measured == []
    stamp = tracks[0].path.stat()
    os.utime(tracks[0].path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    EnergyIndex(source.root).update(tracks)
    assert measured == [tracks[0].path]


def test_damaged_index_is_measured_again(corpus):
    source = FolderSource(corpus)
    (source.root / CACHE_NAME).write_text("{")
    index = EnergyIndex(source.root).update(source[1].tracks)
    assert index.levels(source[1].tracks[0]).shape == (6,)

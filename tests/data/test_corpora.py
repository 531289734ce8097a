"""The synthetic corpora that runs keep and share."""

import dataclasses
from pathlib import Path

import pytest

from diffmst_jax.data import corpora
from diffmst_jax.data.corpora import find_corpora, prepare_corpus
from diffmst_jax.data.corpora_config import SyntheticConfig
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.layouts.synthetic import MANIFEST
from diffmst_jax.data.records import Track
from diffmst_jax.data.synthesis import corpus
from diffmst_jax.errors import InputError
from diffmst_jax.training.config import train_config
from tests.data.conftest import noise_song
from tests.training.conftest import composed
from tests.training.test_config import EXPERIMENTS


def test_no_experiment_finds_the_songs_of_another(monkeypatch):
    """Whatever was run before: songs of one folder are made with one set of settings."""
    made: dict[Path, tuple[object, ...]] = {}

    def note(folder, songs, seed, *, tracks, duration_s, **_):
        assert made.setdefault(folder, (seed, tracks, duration_s)) == (seed, tracks, duration_s)

    monkeypatch.setattr(corpora, "synthesize_corpus", note)
    for experiment in EXPERIMENTS:
        values = composed(f"experiment={experiment}", "trainer.init_from=some/model")
        prepare_corpus(train_config(values).data.synthetic)
    assert len(made) == 4


@pytest.fixture
def two_songs(tmp_path, monkeypatch) -> SyntheticConfig:
    monkeypatch.setattr(corpus, "synthesize_song", noise_song)
    config = SyntheticConfig(str(tmp_path / "corpora"), 2, 0, (2, 2), 4.0)
    prepare_corpus(config)
    return config


def found(synthetic):
    data = train_config(composed("experiment=smoke")).data
    songs, mixes, measured = find_corpora(dataclasses.replace(data, synthetic=synthetic))
    assert all(measured.duration_s(track) == pytest.approx(4.0) for track in mixes)
    return [song.name for song in songs], [mix.name for mix in mixes]


def test_no_more_songs_are_read_than_are_wanted(two_songs):
    assert found(two_songs) == (["song_00000", "song_00001"],) * 2
    assert found(dataclasses.replace(two_songs, songs=1)) == (["song_00000"],) * 2


def test_other_settings_take_another_folder(two_songs):
    other = dataclasses.replace(two_songs, songs=1, seed=1)
    assert found(other) == (["song_00001"],) * 2
    assert prepare_corpus(other).folder != prepare_corpus(two_songs).folder


def test_what_stands_in_the_way_is_named_with_the_setting_to_change(two_songs, tmp_path):
    config = dataclasses.replace(two_songs, folder=str(tmp_path))
    (Path(prepare_corpus(config).folder) / MANIFEST).write_text("{}")
    with pytest.raises(InputError, match=r"manifest.json: .*; .*data.synthetic.folder"):
        prepare_corpus(config)
    with pytest.raises(InputError, match=r"data\.synthetic: songs of 1 s"):
        prepare_corpus(dataclasses.replace(config, duration_s=1.0))


@pytest.mark.parametrize(
    ("songs", "references"), [("wrong", None), (None, "wrong"), ("right", "wrong")]
)
def test_a_wrong_folder_is_told_before_songs_are_made_or_measured(
    corpus, tmp_path, monkeypatch, songs, references
):
    def never(*_, **__):
        pytest.fail("worked before it looked")

    monkeypatch.setattr(corpora, "synthesize_corpus", never)
    monkeypatch.setattr(EnergyIndex, "update", never)
    folders = {"right": str(corpus), "wrong": str(tmp_path / "nowhere"), None: None}
    data = train_config(composed("experiment=smoke")).data
    named = dataclasses.replace(data, songs=folders[songs], references=folders[references])
    with pytest.raises(InputError, match="nowhere"):
        find_corpora(named)


@pytest.mark.parametrize(("hours", "alone"), [(0.1, True), (2.0, False)])
def test_much_that_is_not_measured_yet_is_measured_in_parallel(tmp_path, monkeypatch, hours, alone):
    used = []

    def update(index, tracks, *, processes, **_):
        used.append(processes)

    monkeypatch.setattr(EnergyIndex, "update", update)
    monkeypatch.setattr(corpora, "usable_processors", lambda: 6)
    track = Track("long", tmp_path / "long.wav", 2, 3600.0 * hours)
    corpora.EnergyIndices().measure(tmp_path, [track], "tracks")
    assert used == [1 if alone else 6]

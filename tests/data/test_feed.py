"""From `group=choice` on the command line to pools: corpora, layouts, splits, cache, changes."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data.pipeline import Pool
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import read_window
from diffmst_jax.errors import InputError
from diffmst_jax.training.config import DataConfig
from diffmst_jax.training.feed import Feed, hold_out_mixes, make_batches, make_feed
from diffmst_jax.training.settings import read_settings
from tests.data.conftest import noise
from tests.data.trees import TREES
from tests.training.conftest import CONF

SMALL = ("experiment=smoke", "data.samples=20000", "data.validation_examples=2")
WITH_MIXES = ("medleydb", "musdb18", "slakh")
TRACKS_ALONE = ("cambridge", "moisesdb")


def settings(*overrides: str) -> DataConfig:
    """What `python train.py` reads from a command line."""
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose("config", overrides=["name=test", *SMALL, *overrides])
    return read_settings(composed, ())[0].data


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus of each layout, by its name; `moisesdb` with a second song."""
    root = tmp_path_factory.mktemp("trees")
    for name, write in TREES.items():
        write(root / name)
    first = next((root / "moisesdb/moisesdb_v0.1").iterdir())
    second = Path(shutil.copytree(first, first.with_name("1b6d3a1f")))
    about = second / "data.json"
    about.write_text(about.read_text().replace("Zeno", "Somebody").replace("Signs", "Else"))
    return root


@pytest.fixture(scope="module")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three finished mixes of nobody in particular."""
    root = tmp_path_factory.mktemp("mixes")
    for number in range(3):
        audio = noise(90 + number, 1.0, channels=2, level=0.2)
        write_audio(root / f"{number}.flac", audio, sample_rate=SAMPLE_RATE)
    return root


def learned(feed: Feed) -> Pool:
    """What is learned from, where it lies on disk."""
    assert isinstance(feed.train, Pool)
    return feed.train


def names(feed: Feed) -> set[str]:
    return {windows.song.name for windows in learned(feed).songs}


def mix_paths(feed: Feed) -> set[Path]:
    return {windows.mix.path for windows in learned(feed).mixes}


@pytest.mark.parametrize("name", WITH_MIXES)
def test_corpus_with_mixes_needs_one_folder(name, trees):
    songs = f"data.songs={trees / name}"
    feed = make_feed(settings(f"data={name}", songs, "references=random_mix", "data.samples=36000"))
    assert len(feed.validation) == 2
    assert learned(feed).songs
    data = settings(f"data={name}", songs)
    assert data.references == str(trees / name)
    assert (data.songs_layout, data.references_layout) == (name, name)


@pytest.mark.parametrize("name", TRACKS_ALONE)
def test_corpus_of_tracks_takes_any_references(name, trees, mixes):
    songs = f"data.songs={trees / name}"
    feed = make_feed(
        settings(f"data={name}", songs, "references=folders", f"data.references={mixes}")
    )
    assert len(learned(feed).songs) == 1
    assert len(learned(feed).mixes) == 2
    with pytest.raises(InputError, match=r"data\.references: is missing"):
        settings(f"data={name}", songs)


def test_tracks_of_one_corpus_and_references_of_another(trees):
    feed = make_feed(
        settings(
            "data=cambridge",
            "references=musdb18",
            f"data.songs={trees / 'cambridge'}",
            f"data.references={trees / 'musdb18'}",
        )
    )
    assert all(path.stem == "mixture" for path in mix_paths(feed))
    batch = next(make_batches(feed, settings(), 1))
    assert batch.reference.shape == (1, 2, 20000)
    assert np.any(batch.reference)
    assert np.any(batch.tracks)


def test_jamendo_gives_references(trees):
    feed = make_feed(
        settings(
            "data=jamendo",
            f"data.songs={trees / 'cambridge'}",
            f"data.references={trees / 'jamendo'}",
        )
    )
    assert {path.suffix for path in mix_paths(feed)} == {".mp3"}


def test_several_folders_each_in_its_own_layout(trees, mixes):
    folders = ",".join(str(trees / name) for name in ("cambridge", "musdb18", "moisesdb"))
    config = settings(f"data.songs=[{folders}]", f"data.references=[{mixes},{trees / 'jamendo'}]")
    feed = make_feed(config)
    everything = names(feed) | {w.song.name for w in _held(config, feed)}
    assert len(everything) == len(learned(feed).songs) + 1
    assert len(names(feed)) == 5
    assert len(mix_paths(feed)) >= 4


def _held(config: DataConfig, feed: Feed) -> list:
    """The songs that are learned from when the shares change places, and not otherwise."""
    inverse = make_feed(dataclasses.replace(config, validation_share=1 - config.validation_share))
    return [w for w in learned(inverse).songs if w.song.name not in names(feed)]


def test_split_file_decides_over_songs_and_their_mixes(trees, tmp_path, mixes):
    part = "train: [A Classic Education - NightOwl]\nval: [AM Contra - Heart Peripheral]\n"
    (tmp_path / "split.yaml").write_text(part)
    corpus = trees / "musdb18"
    feed = make_feed(
        settings("data=musdb18", f"data.songs={corpus}", f"data.split={tmp_path / 'split.yaml'}")
    )
    assert names(feed) == {"A Classic Education - NightOwl"}
    held = corpus / "test/AM Contra - Heart Peripheral/mixture.wav"
    assert corpus / "train/A Classic Education - NightOwl/mixture.wav" in mix_paths(feed)
    assert held not in mix_paths(feed)
    (tmp_path / "split.yaml").write_text("train: [A Classic Education - NightOwl]\n")
    with pytest.raises(InputError, match="lists no song of this data as val"):
        make_feed(
            settings(
                "data=musdb18", f"data.songs={corpus}", f"data.split={tmp_path / 'split.yaml'}"
            )
        )


def test_mix_of_a_song_for_testing_is_neither_learned_from_nor_validated_with():
    def song(name: str) -> Song:
        mix = Track("mix", Path(name, "mix.wav"), 2, 1.0, artist=name)
        return Song(name, (mix,), Path(name), artist=name, mix=mix)

    songs = [song(name) for name in "abc"]
    own = [song.mix for song in songs if song.mix is not None]
    train, held = hold_out_mixes(own, songs, (songs[:1], songs[1:2]), settings())
    assert [mix.artist for mix in train] == ["a"]
    assert [mix.artist for mix in held] == ["b"]


def test_the_mix_of_a_song_for_testing_is_known_by_its_name_and_through_links(tmp_path):
    raw = Track("t", Path("t.wav"), 1, 1.0)
    (tmp_path / "linked").symlink_to(tmp_path)
    paths = {name: tmp_path / f"{name}.wav" for name in "abcd"}
    songs = [Song(name, (raw,), Path(name)) for name in "abc"]
    finished = [Track(name, path, 2, 1.0) for name, path in paths.items()]
    train, held = hold_out_mixes(finished, songs, (songs[:1], songs[1:2]), settings())
    assert sorted(mix.name for mix in [*train, *held]) == ["a", "b", "d"]
    own = [
        dataclasses.replace(song, name=f"song {song.name}", mix=mix)
        for song, mix in zip(songs, finished, strict=False)
    ]
    through = [
        dataclasses.replace(mix, path=tmp_path / "linked" / mix.path.name) for mix in finished[:3]
    ]
    train, held = hold_out_mixes(through, own, (own[:1], own[1:2]), settings())
    assert [[mix.name for mix in part] for part in (train, held)] == [["a"], ["b"]]


def test_songs_of_one_artist_stay_together():
    song = Track("x", Path("x"), 1, 1.0)
    songs = [Song(f"{i}", (song,), Path(f"{i}"), artist=f"artist {i % 3}") for i in range(12)]
    other = [Track("m", Path(f"{i}"), 2, 1.0, artist=f"artist {i % 3}") for i in range(6)]
    train, held = hold_out_mixes(other, songs, (songs[1:3], songs[:1]), settings())
    assert {mix.artist for mix in held} == {"artist 0"}
    assert {mix.artist for mix in train} == {"artist 1", "artist 2"}


def test_decoded_audio_gives_the_same_examples(trees, mixes, tmp_path):
    folders = (f"data.songs={trees / 'moisesdb'}", f"data.references={mixes}")
    plain = make_feed(settings(*folders))
    kept = make_feed(settings(*folders, f"data.decoded={tmp_path / 'decoded'}"))
    assert learned(plain).read is read_window
    assert learned(kept).read is not read_window
    assert any((tmp_path / "decoded").rglob("*.npy"))
    for a, b in zip(plain.validation, kept.validation, strict=True):
        assert np.array_equal(a.mask, b.mask)
        # 16 bits of the peak: 96 dB below it.
        assert np.abs(a.reference - b.reference).max() < 2**-15 * np.abs(a.reference).max() * 2


def test_augmentation_changes_training_and_not_validation(trees, mixes):
    folders = (f"data.songs={trees / 'moisesdb'}", f"data.references={mixes}")
    plain, changed = settings(*folders), settings(*folders, "data.augmentation.flip=1.0")
    first, second = make_feed(plain), make_feed(changed)
    for a, b in zip(first.validation, second.validation, strict=True):
        assert np.array_equal(a.tracks, b.tracks)
    usual, flipped = (next(make_batches(first, config, 1)) for config in (plain, changed))
    assert np.any(usual.tracks)
    np.testing.assert_array_equal(flipped.tracks, -usual.tracks)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.songs_layout=medley", r"data\.songs_layout: is 'medley', no known layout.*medleydb"),
        ("data.references_layout=x", r"data\.references_layout"),
        ("data.augmentation.drop=2", r"data\.augmentation: drop is 2"),
        ("data.samples=17639", r"data\.samples: is 17639: the model needs 17640"),
        ("data.songs=[]", r"data\.songs: names no folder"),
        ("data=medleydb", r"data\.songs: is missing"),
    ],
)
def test_wrong_setting_is_said_in_one_line(override, said):
    with pytest.raises(InputError, match=said):
        settings(override)

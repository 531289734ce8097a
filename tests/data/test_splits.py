import unicodedata

import pytest
import yaml

from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.data.splits import (
    apply_split,
    divide,
    make_split,
    mix_keys,
    read_split,
    song_key,
    write_split,
)
from diffmst_jax.errors import InputError
from tests.data import trees


def test_split_of_the_reference_form_is_read(tmp_path):
    trees.medleydb(tmp_path)
    path = tmp_path / "split.yaml"
    path.write_text(
        """
val:
  MedleyDB_V1/V1/LizNelson_Rainfall/LizNelson_Rainfall_RAW:
    LizNelson_Rainfall_RAW_01_01.wav: female singer
    LizNelson_Rainfall_RAW_02_01.wav: banjo, old
    LizNelson_Rainfall_RAW_09_09.wav: not there
train:
  MedleyDB_V2/V2/AmarLal_Rest/AmarLal_Rest_RAW:
    AmarLal_Rest_RAW_01_01.wav: piano
  MedleyDB_V2/V2/Not_Downloaded/Not_Downloaded_RAW:
    Not_Downloaded_RAW_01_01.wav: piano
"""
    )
    songs = apply_split(FolderSource(tmp_path).songs, path)
    assert {song.name: song.part for song in songs} == {
        "LizNelson_Rainfall": "val",
        "AmarLal_Rest": "train",
    }
    assert [t.instrument for t in songs[0].tracks] == ["female singer", "banjo, old"]


def test_files_of_two_groups_are_told_apart_by_their_folders(tmp_path):
    tree = trees.Tree(tmp_path)
    for name in ("bass.wav", "Brass/1.wav", "Drums/1.wav", "Keys/1.wav"):
        tree.audio(f"a/{name}")
    path = tmp_path / "split.yaml"
    path.write_text("train: {a: {bass.wav: bass, Brass/1.wav: trumpet, Drums/1.wav: kick}}")
    (song,) = apply_split(FolderSource(tmp_path).songs, path)
    assert [(t.name, t.instrument) for t in song.tracks] == [
        ("bass", "bass"),
        ("Brass/1", "trumpet"),
        ("Drums/1", "kick"),
    ]


def test_a_split_of_another_system_names_the_same_files(tmp_path):
    """macOS may hand out a letter and its accent as two characters; keyboards type one."""
    tree = trees.Tree(tmp_path)
    for name in ("Gesäng.wav", "bass.wav"):
        tree.audio(f"Größe/{name}")
    path = tmp_path / "split.yaml"
    text = "train: {Größe: {Gesäng.wav: voice, bass.wav: bass}}"
    path.write_text(unicodedata.normalize("NFD", text), encoding="utf-8")
    (song,) = apply_split(FolderSource(tmp_path).songs, path)
    assert [t.instrument for t in song.tracks] == ["bass", "voice"]


def test_split_that_lists_song_names_alone_is_read(tmp_path):
    trees.cambridge(tmp_path)
    path = tmp_path / "split.yaml"
    path.write_text('train:\n  - "00358"\ntest:\n  - AClassicEducation_NightOwl_Full\n')
    songs = apply_split(FolderSource(tmp_path).songs, path)
    assert {song.name: song.part for song in songs} == {
        "00358": "train",
        "AClassicEducation_NightOwl_Full": "test",
    }


@pytest.mark.parametrize("name", ["007", "0x1F", "1_000", "yes", "null", "2020-01-01"])
@pytest.mark.parametrize("form", ["train: [{name}, a]", "train: {{{name}: {{}}, a: ~}}"])
def test_names_that_yaml_takes_for_something_else_are_names(tmp_path, form, name):
    tree = trees.Tree(tmp_path)
    for song in (name, "a"):
        tree.audio(f"{song}/bass.wav")
    path = tmp_path / "split.yaml"
    path.write_text(form.format(name=name))
    songs = apply_split(FolderSource(tmp_path).songs, path)
    assert {song.name for song in songs} == {name, "a"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "is no split"),
        ("learn: {}", "is no split"),
        ("train: 3", "train is no list of songs"),
        ("train: {a: 3}", "a is no list of files"),
        ("train: {a: [", "cannot be read"),
        ("train: [a: [one.wav]]", "train is no list of songs"),
        ("train: {a: [one.wav: kick]}", "a is no list of files"),
        ("train: {a: [one.wav], a: [two.wav]}", "has a twice"),
        ("train: [a]\nval: []\ntrain: [b]", "has train twice"),
        ("train: {elsewhere: {}}", "lists no song"),
    ],
)
def test_other_files_are_refused(tmp_path, text, problem):
    trees.folders(tmp_path)
    path = tmp_path / "split.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"split\.yaml: .*{problem}"):
        apply_split(FolderSource(tmp_path).songs, path)


def test_made_split_keeps_artists_together_and_is_read_again(tmp_path):
    trees.musdb18(tmp_path)
    tree = trees.Tree(tmp_path)
    for title in ("One", "Two", "Three"):
        tree.audio(f"train/Zeno - {title}/drums.wav")
    songs = FolderSource(tmp_path).songs
    split = make_split(songs, tmp_path, seed=1)
    assert sum(len(part) for part in split.values()) == len(songs) == 5
    assert set(split) == {"train", "val", "test"}
    write_split(tmp_path / "split.yaml", split)
    assert read_split(tmp_path / "split.yaml") == split
    assert yaml.safe_load((tmp_path / "split.yaml").read_text()) == split
    again = apply_split(songs, tmp_path / "split.yaml")
    assert {s.name for s in again} == {s.name for s in songs}
    assert len({song.part for song in again if song.artist == "Zeno"}) == 1
    assert make_split(songs, tmp_path, seed=1) == split


def test_songs_whose_files_lie_in_folders_of_one_name_are_told_apart(tmp_path):
    tree = trees.Tree(tmp_path)
    for i in range(10):
        tree.audio(f"Band{i}_Song/Multitracks/01_Kick.wav")
    songs = FolderSource(tmp_path, layout="cambridge").songs
    split = make_split(songs, tmp_path, seed=1)
    write_split(tmp_path / "split.yaml", split)
    parts = [song.part for song in apply_split(songs, tmp_path / "split.yaml")]
    assert sorted(parts) == ["test", *["train"] * 8, "val"]
    del split["test"]
    write_split(tmp_path / "split.yaml", split)
    assert len(apply_split(songs, tmp_path / "split.yaml")) == 9


def test_songs_of_one_name_in_two_corpora_are_told_apart_by_the_folders_above(tmp_path):
    tree = trees.Tree(tmp_path)
    for corpus in "AB":
        tree.audio(f"{corpus}/song/a.wav")
        tree.audio(f"{corpus}/other/a.wav")
    songs = [song for corpus in "AB" for song in FolderSource(tmp_path / corpus).songs]
    tree.text("split.yaml", "train: [A/song, A/other]\nval: [B/song, B/other]\n")
    parts = [song.part for song in apply_split(songs, tmp_path / "split.yaml")]
    assert parts == ["train", "train", "val", "val"]
    tree.text("split.yaml", "train: [C/song]\nval: [D/song]\n")
    with pytest.raises(InputError, match=r"lists song as train and val; name each song's folder"):
        apply_split(songs, tmp_path / "split.yaml")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A Classic Education", "AClassicEducation"),
        ("Angels In Amplifiers", "Angels in Amplifiers"),
        ("Fergessen", "Fergéssen"),
        ("Hop Along & Co.", "HopAlongAndCo"),
    ],
)
def test_one_artist_spelt_in_two_ways_stays_together(tmp_path, one, other):
    song = Song("x", (), tmp_path, artist=one)
    mix = Track("y", tmp_path / "y.wav", 2, 1.0, artist=other)
    assert song_key(song) == mix_keys([mix])(mix)


def test_mixes_of_one_name_are_told_apart_by_their_folders(tmp_path):
    mixes = [Track("mix", tmp_path / f"song {i}" / "mix.flac", 2, 1.0) for i in range(8)]
    train, held = divide(mixes, (0.75, 0.25), seed=0, key=mix_keys(mixes))
    assert (len(train), len(held)) == (6, 2)


def test_division_follows_shares_and_depends_on_the_seed():
    items = [f"artist {i % 40}" for i in range(200)]
    parts = divide(items, (0.8, 0.1, 0.1), seed=0, key=str)
    assert [len(part) for part in parts] == [160, 20, 20]
    assert not set(parts[0]) & set(parts[1])
    assert divide(items, (0.8, 0.1, 0.1), seed=0, key=str) == parts
    assert divide(items, (0.8, 0.1, 0.1), seed=1, key=str) != parts


def test_songs_and_their_own_mixes_are_divided_alike(tmp_path):
    tree = trees.Tree(tmp_path)
    for i in range(12):
        tree.audio(f"songs/song_{i}/a.flac")
        tree.audio(f"references/song_{i}.flac", channels=2)
    tree.text("manifest.json", "{}")
    songs = divide(FolderSource(tmp_path).songs, (0.75, 0.25), seed=3, key=song_key)
    found = ReferenceSource(tmp_path).mixes
    mixes = divide(found, (0.75, 0.25), seed=3, key=mix_keys(found))
    assert [[s.name for s in part] for part in songs] == [[m.name for m in p] for p in mixes]


def test_fewer_groups_than_parts_leave_the_last_ones_empty():
    assert divide(["a"], (0.5, 0.5), seed=0, key=str) in ([["a"], []], [[], ["a"]])
    assert sorted(map(len, divide(["a", "b"], (0.99, 0.01), seed=0, key=str))) == [1, 1]

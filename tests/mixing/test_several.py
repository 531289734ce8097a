"""Whether a folder of groups looks like several songs."""

import dataclasses

import pytest

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.mixing.sources.several import several_songs
from diffmst_jax.mixing.sources.tracks import load_tracks
from tests.mixing.songs import tone


@pytest.mark.parametrize(
    ("lasts_s", "found"),
    [
        ({"a/1.wav": 30.0, "a/2.wav": 30.0, "b/1.wav": 41.05, "b/2.wav": 41.0}, ["a", "b"]),
        (
            {f"{g}/{i}.wav": s for g, s in (("b", 60), ("c", 9), ("a", 20)) for i in "12"},
            ["c", "b"],
        ),
        ({"drums/1.wav": 30.0, "drums/2.wav": 30.0, "keys/1.wav": 30.0, "keys/2.wav": 30.0}, []),
        ({"drums/1.wav": 30.0, "drums/2.wav": 25.0, "keys/1.wav": 41.0, "keys/2.wav": 41.0}, []),
        ({"drums/1.wav": 30.0, "drums/2.wav": 30.0, "keys/1.wav": 41.0}, []),
        ({"a/1.wav": 30.0, "a/2.wav": 30.0, "1.wav": 41.0, "2.wav": 41.0}, []),
        ({"1.wav": 30.0, "2.wav": 30.0}, []),
        ({}, []),
    ],
)
def test_groups_that_each_end_together_and_not_with_the_others_look_like_songs(lasts_s, found):
    assert list(several_songs(lasts_s)) == found
    assert [*several_songs(lasts_s).values()] == [lasts_s[f"{group}/1.wav"] for group in found]


def test_songs_in_one_folder_are_said(mixed, tmp_path):
    for song, length_s in (("one", 1.0), ("two", 2.5)):
        for track in ("a.wav", "b.wav"):
            (tmp_path / song).mkdir(exist_ok=True)
            write_audio(tmp_path / song / track, tone(length_s, 440.0), sample_rate=SAMPLE_RATE)
    loaded = load_tracks(tmp_path)
    assert loaded.songs_s == {"one": 1.0, "two": 2.5}
    assert load_tracks(tmp_path, exclude="two/*").songs_s == {}
    facts = mixed.report.facts
    apart = dataclasses.replace(facts.multitrack, songs_s=loaded.songs_s)
    said = dataclasses.replace(mixed.report, facts=facts._replace(multitrack=apart)).warnings[1]
    assert said.startswith("All tracks of one end after 1.0 s and those of two after 2.5 s: if")

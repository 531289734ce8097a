"""Songs made on demand: as records, as examples, and from settings to a feed."""

import pickle

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from diffmst_jax.data import stream
from diffmst_jax.data.examples import Example, WindowConfig
from diffmst_jax.data.pipeline import batches
from diffmst_jax.data.stream import WINDOWS_PER_SONG, SongStream, StreamPool
from diffmst_jax.data.synthesis import synthesize_song
from diffmst_jax.errors import InputError
from diffmst_jax.training.feed import make_batches, make_feed
from diffmst_jax.training.settings import read_settings
from tests.training.conftest import CONF

SONG_S = 4.0
WINDOW = WindowConfig(max_tracks=4, samples=66150, linked_pairs=True)


@pytest.fixture
def songs() -> SongStream:
    return SongStream(seed=40, count=1000, tracks=(2, 3), song_s=SONG_S)


def same(a: Example, b: Example) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_any_song_of_thousands_is_that_of_the_generator(songs):
    made = synthesize_song(40 + 777, tracks=(2, 3), duration_s=SONG_S)
    song = songs[777]
    assert len(songs) == 1000
    assert [track.name for track in song.tracks] == list(made.tracks)
    for track in song.tracks:
        found = songs.read(track, start_s=0.5, samples=44100)
        np.testing.assert_array_equal(found, made.tracks[track.name][:, 22050:66150])
        assert songs.levels(track).shape == (SONG_S,)
    assert song.mix is not None
    end = songs.read(song.mix, start_s=SONG_S - 0.5, samples=44100)
    np.testing.assert_array_equal(end[:, :22050], made.reference[:, -22050:])
    assert not np.any(end[:, 22050:])
    with pytest.raises(IndexError):
        songs[1000]


def test_examples_in_a_row_share_a_song_and_take_the_next_ones_mix(songs, monkeypatch):
    made = []
    real = synthesize_song

    def counted(seed, **sizes):
        made.append(seed)
        return real(seed, **sizes)

    monkeypatch.setattr("diffmst_jax.data.stream.synthesize_song", counted)
    stream._make.cache_clear()
    examples = StreamPool(songs).drawn(WINDOW, seed=0)
    turn = [examples[i] for i in range(WINDOWS_PER_SONG + 1)]
    assert len(made) == len(set(made)) == 3
    assert not same(turn[0], turn[1])
    for example in turn:
        assert np.any(example.tracks)
        assert np.any(example.reference)
    alone = StreamPool(songs, ()).drawn(WINDOW, seed=0)[0]
    np.testing.assert_array_equal(alone.tracks, turn[0].tracks)
    assert alone.reference.shape == (2, 0)


def test_batches_continue_in_another_process(songs):
    first = batches(StreamPool(songs), WINDOW, seed=0, batch_size=2)
    next(first)
    expected = next(first)
    first.close()
    # What grain hands to a worker process (`test_pipeline` starts some) is a pickle of the pool.
    pool = pickle.loads(pickle.dumps(StreamPool(songs)))
    stream._make.cache_clear()
    resumed = batches(pool, WINDOW, seed=0, batch_size=2, first=1)
    assert same(next(resumed), expected)
    resumed.close()


def settings(*overrides: str):
    small = ("data.synthetic.tracks=[2,3]", "data.synthetic.duration_s=4", "data.samples=66150")
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose(
            "config", overrides=["name=test", "experiment=smoke", "data=stream", *small, *overrides]
        )
    return read_settings(composed, ())[0].data


def test_settings_make_a_feed_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = settings("data.validation_examples=2", "data.stream_songs=500", "data.workers=0")
    feed = make_feed(config)
    assert len(feed.train.songs) == 500
    assert len(feed.validation) == 2
    iterator = make_batches(feed, config, 1)
    assert np.any(next(iterator).tracks)
    iterator.close()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.split=split.yaml", "data.split"),
        ("data.stream_songs=0", "data.stream_songs"),
        ("data.songs=somewhere", "data.songs: does not go"),
    ],
)
def test_settings_that_do_not_go_with_a_stream_are_refused(override, said):
    with pytest.raises(InputError, match=said):
        make_feed(settings(override))

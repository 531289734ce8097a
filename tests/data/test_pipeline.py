import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.examples import Example, SongWindows, WindowConfig, read_reference
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.pipeline import Pool, Shard, batches, fixed_examples, make_pool
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.mixing.measure import integrated_loudness
from diffmst_jax.models import REFERENCE_LUFS, TRACK_LUFS

WINDOW = WindowConfig(max_tracks=6, samples=2 * SAMPLE_RATE, linked_pairs=True)


@pytest.fixture(scope="module")
def pool(corpus) -> Pool:
    songs, mixes = FolderSource(corpus), ReferenceSource(corpus)
    song_index = EnergyIndex(songs.root).update(t for s in songs.songs for t in s.tracks)
    mix_index = EnergyIndex(mixes.root).update(mixes.mixes)
    return make_pool(songs.songs, song_index, mixes.mixes, mix_index, WINDOW)


def test_example_has_one_shape_and_the_levels_of_training(pool):
    for example in fixed_examples(pool, WINDOW, seed=0, count=6):
        assert example.tracks.shape == (6, WINDOW.samples)
        assert example.reference.shape == (2, WINDOW.samples)
        assert example.mask.dtype == np.bool_
        assert 2 <= example.mask.sum() <= 4
        assert not np.any(example.tracks[~example.mask])
        for row in example.tracks[example.mask & (example.side == 0)]:
            loudness = integrated_loudness(row[None], sample_rate=SAMPLE_RATE)
            assert loudness == pytest.approx(TRACK_LUFS, abs=0.01)
        loudness = integrated_loudness(example.reference, sample_rate=SAMPLE_RATE)
        assert loudness == pytest.approx(REFERENCE_LUFS, abs=0.01)


def test_each_channel_of_a_stereo_track_is_a_row(pool, corpus):
    song = pool.songs[0]
    counts = {int(e.mask.sum()) for e in fixed_examples(pool, WINDOW, seed=1, count=20)}
    assert song.song.channels == 4
    assert counts <= {2, 3, 4}
    assert 4 in counts


def test_linked_pair_keeps_its_balance_and_is_marked(pool):
    separate = WindowConfig(WINDOW.max_tracks, WINDOW.samples, linked_pairs=False)
    pairs = 0
    for example in fixed_examples(pool, WINDOW, seed=1, count=20):
        left, right = np.flatnonzero(example.side < 0), np.flatnonzero(example.side > 0)
        if len(left):
            pairs += 1
            assert list(right) == [left[0] + 1]
            pair = example.tracks[left[0] : left[0] + 2]
            loudness = integrated_loudness(pair, sample_rate=SAMPLE_RATE)
            assert loudness == pytest.approx(TRACK_LUFS + 10 * np.log10(2), abs=0.01)
    assert pairs
    assert not any(np.any(e.side) for e in fixed_examples(pool, separate, seed=1, count=5))


def test_more_channels_than_rows_are_left_out_whole_tracks_at_a_time(pool):
    narrow = WindowConfig(max_tracks=2, samples=WINDOW.samples, linked_pairs=True)
    examples = fixed_examples(pool, narrow, seed=0, count=10)
    assert all(1 <= e.mask.sum() <= 2 for e in examples)


def test_mono_reference_is_heard_on_both_sides(pool):
    mono = next(mix for mix in pool.mixes if mix.mix.channels == 1)
    reference = read_reference(mono, WINDOW, np.random.default_rng(0))
    np.testing.assert_array_equal(reference[0], reference[1])


def test_silent_stretches_are_never_drawn(corpus):
    source = FolderSource(corpus)
    index = EnergyIndex(source.root).update(source[0].tracks)
    windows = SongWindows(source[0], index, 2.0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        start_s, tracks = windows.draw(rng)
        assert ("late" in {t.name for t in tracks}) == (start_s >= 3.0)


def test_same_seed_same_batches_other_seed_other_batches(pool):
    first, again, other = (
        next(batches(pool, WINDOW, seed=seed, batch_size=2)) for seed in (0, 0, 1)
    )
    assert isinstance(first, Example)
    np.testing.assert_array_equal(first.tracks, again.tracks)
    np.testing.assert_array_equal(first.reference, again.reference)
    assert not np.array_equal(first.tracks, other.tracks)


def test_random_mix_examples_carry_no_reference(pool):
    example = fixed_examples(Pool(pool.songs, ()), WINDOW, seed=0, count=1)[0]
    assert example.reference.shape == (2, 0)


def test_iterator_continues_from_its_state(pool):
    iterator = batches(pool, WINDOW, seed=0, batch_size=2)
    for _ in range(3):
        next(iterator)
    state = iterator.get_state()
    expected = next(iterator)
    resumed = batches(pool, WINDOW, seed=0, batch_size=2)
    resumed.set_state(state)
    np.testing.assert_array_equal(next(resumed).tracks, expected.tracks)


@pytest.mark.slow
def test_worker_processes_give_the_same_batches(pool):
    expected = next(batches(pool, WINDOW, seed=0, batch_size=2))
    iterator = batches(pool, WINDOW, seed=0, batch_size=2, workers=1)
    np.testing.assert_array_equal(next(iterator).tracks, expected.tracks)
    iterator.close()


def test_batches_may_begin_anywhere(pool):
    whole = batches(pool, WINDOW, seed=3, batch_size=2)
    expected = [next(whole) for _ in range(4)][2:]
    later = batches(pool, WINDOW, seed=3, batch_size=2, first=2)
    for batch in expected:
        for part, wanted in zip(next(later), batch, strict=True):
            np.testing.assert_array_equal(part, wanted)


def test_processes_get_the_parts_of_the_same_batches(pool):
    whole = batches(pool, WINDOW, seed=3, batch_size=4)
    parts = [batches(pool, WINDOW, seed=3, batch_size=4, shard=Shard(i, 2)) for i in range(2)]
    for _ in range(2):
        batch, shares = next(whole), [next(part) for part in parts]
        for i, share in enumerate(shares):
            for part, all_rows in zip(share, batch, strict=True):
                np.testing.assert_array_equal(part, all_rows[i::2])

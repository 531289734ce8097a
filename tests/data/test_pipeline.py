import os
import sys

import numpy as np
import pytest

from diffmst_jax.audio import SAMPLE_RATE, read_audio, write_audio
from diffmst_jax.data.decoded import DecodedCache
from diffmst_jax.data.examples import (
    Example,
    MixWindows,
    SongWindows,
    Starts,
    WindowConfig,
    read_reference,
    read_tracks,
)
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.pipeline import (
    VALIDATION_PASSES,
    Pool,
    Shard,
    batches,
    fixed_examples,
    make_pool,
)
from diffmst_jax.data.sources import FolderSource, ReferenceSource, read_window
from diffmst_jax.mixing.signals.measure import integrated_loudness
from diffmst_jax.models import REFERENCE_LUFS, TRACK_LUFS
from tests.data.conftest import noise

WINDOW = WindowConfig(max_tracks=6, samples=2 * SAMPLE_RATE, linked_pairs=True)
SMALL = WindowConfig(max_tracks=4, samples=SAMPLE_RATE // 2, linked_pairs=True)


def pool_of(corpus, window) -> Pool:
    songs, mixes = FolderSource(corpus), ReferenceSource(corpus)
    tracks = (track for song in songs.songs for track in song.tracks)
    index = EnergyIndex(corpus).update([*tracks, *mixes.mixes])
    return make_pool(songs.songs, mixes.mixes, index, window)


@pytest.fixture(scope="module")
def pool(corpus) -> Pool:
    return pool_of(corpus, WINDOW)


@pytest.fixture(scope="module")
def small_pool(corpus) -> Pool:
    return pool_of(corpus, SMALL)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def same(a: Example, b: Example) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


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


def test_each_channel_of_a_stereo_track_is_a_row(pool):
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


def test_tracks_of_more_channels_than_there_are_rows_are_never_drawn(tmp_path):
    for name, channels in {"wide/six": 6, "mixed/six": 6, "mixed/one": 1}.items():
        audio = noise(channels, 3.0, channels=channels)
        write_audio(tmp_path / f"{name}.wav", audio, sample_rate=SAMPLE_RATE)
    songs = FolderSource(tmp_path)
    index = EnergyIndex(songs.root).update(t for s in songs.songs for t in s.tracks)
    for max_tracks, names, rows in ((4, ["mixed"], {1}), (7, ["mixed", "wide"], {6, 7})):
        window = WindowConfig(max_tracks=max_tracks, samples=WINDOW.samples, linked_pairs=True)
        pool = make_pool(songs.songs, (), index, window)
        assert [windows.song.name for windows in pool.songs] == names
        drawn = fixed_examples(pool, window, seed=0, count=10)
        assert {int(example.mask.sum()) for example in drawn} == rows


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
        assert start_s <= 6.0


@pytest.mark.parametrize("window_s", [0.5, 1.0, 1.49, 2.0, 5.94])
def test_levels_are_bounds_wherever_in_the_second_a_window_starts(window_s):
    rng = np.random.default_rng(0)
    power = np.repeat(rng.choice([0.0, 1e-6, 1e-2, 1.0], 20), 100)
    level_db = 10 * np.log10(np.maximum(power[::100], 1e-12)).astype(np.float32)
    starts = Starts(20.0, window_s)
    sure, possible = starts.sure_levels(level_db), starts.possible_levels(level_db)
    assert starts.count == int(20.0 - window_s) + 1
    for second in range(starts.count):
        for _ in range(20):
            first = round(100 * starts.draw(second, rng))
            mean = np.mean(power[first : first + round(100 * window_s)])
            assert mean <= 10 ** (possible[second] / 10) * 1.02
            if window_s >= 1.0:  # of less, no second lies inside
                assert 10 ** (sure[second] / 10) <= mean * 1.02 + 2e-12


@pytest.mark.parametrize("duration_s", [0.4, 1.0, 3.0, 5.94])
def test_what_is_no_longer_than_the_window_counts_from_its_first_second_on(duration_s):
    starts = Starts(duration_s, 5.94)
    level_db = np.full(int(np.ceil(duration_s)), -120.0, np.float32)
    level_db[0] = -20.0
    assert starts.count == 1
    assert starts.draw(0, np.random.default_rng(0)) == 0.0
    expected = -20 - 10 * np.log10(5.94)
    assert starts.sure_levels(level_db) == pytest.approx([expected], abs=1e-3)


def test_short_songs_keep_what_sounds_in_their_first_second_alone(tmp_path):
    kick, short = noise(1, 3.0), noise(2, 1.0)
    kick[:, round(0.9 * SAMPLE_RATE) :] = 0.0
    files = {"a/kick": kick, "a/bass": noise(3, 3.0), "b/one": short, "b/two": noise(4, 1.0)}
    for name, audio in files.items():
        write_audio(tmp_path / f"{name}.flac", audio, sample_rate=SAMPLE_RATE)
    window = WindowConfig(max_tracks=6, samples=262144, linked_pairs=True)
    songs = FolderSource(tmp_path)
    index = EnergyIndex(songs.root).update(t for s in songs.songs for t in s.tracks)
    pool = make_pool(songs.songs, (), index, window)
    assert [windows.song.name for windows in pool.songs] == ["a", "b"]
    assert all(e.mask.sum() == 2 for e in fixed_examples(pool, window, seed=0, count=4))


def test_what_sounds_after_a_short_window_alone_is_not_drawn(tmp_path):
    for name in ("kick", "bass"):
        audio = noise(len(name), 4.0)
        audio[:, : round(1.6 * SAMPLE_RATE)] = 0.0
        write_audio(tmp_path / f"a/{name}.flac", audio, sample_rate=SAMPLE_RATE)
    window = WindowConfig(max_tracks=4, samples=65536, linked_pairs=True)
    songs = FolderSource(tmp_path)
    index = EnergyIndex(songs.root).update(songs[0].tracks)
    pool = make_pool(songs.songs, (), index, window)
    assert all(e.mask.sum() == 2 for e in fixed_examples(pool, window, seed=0, count=20))


def test_where_halves_are_mixed_alike_something_sounds_in_both(tmp_path):
    """Where a song has such windows; of one that sounds for a second alone, any is drawn."""
    for name, sounds in (("pauses", [1, 0, 0, 1, 1, 0]), ("once", [0, 0, 1, 0, 0, 0])):
        audio = noise(1, 6.0) * np.repeat(np.float32(sounds), SAMPLE_RATE)
        write_audio(tmp_path / name / "track.flac", audio, sample_rate=SAMPLE_RATE)
    songs = FolderSource(tmp_path)
    index = EnergyIndex(songs.root).update(t for s in songs.songs for t in s.tracks)
    window = WindowConfig(max_tracks=2, samples=2 * SAMPLE_RATE, linked_pairs=True, parts=2)
    for song in songs.songs:
        pool = make_pool([song], (), index, window)
        for example in fixed_examples(pool, window, seed=0, count=20):
            halves = np.square(example.tracks).reshape(2, 2, SAMPLE_RATE).mean(axis=2)
            assert np.any(example.mask)
            assert np.all(np.any(halves > 1e-6, axis=0)) or song.name == "once"


@pytest.mark.parametrize(("window_s", "possible"), [(1.5, [2]), (2.5, [0, 1])])
def test_song_and_mix_of_which_no_window_surely_sounds_are_used(tmp_path, window_s, possible):
    late = noise(1, 4.0, channels=2)
    late[:, : 3 * SAMPLE_RATE] = 0.0
    write_audio(tmp_path / "songs/a/late.flac", late, sample_rate=SAMPLE_RATE)
    write_audio(tmp_path / "references/late.flac", late, sample_rate=SAMPLE_RATE)
    songs, mixes = FolderSource(tmp_path), ReferenceSource(tmp_path)
    index = EnergyIndex(tmp_path).update([*songs[0].tracks, *mixes.mixes])
    assert SongWindows(songs[0], index, window_s).starts.tolist() == possible
    assert MixWindows(mixes[0], index, window_s).starts.tolist() == possible


def test_quiet_mix_is_used_where_it_is_loudest_and_silence_never(tmp_path):
    quiet = noise(1, 4.0, channels=2, level=0.01)
    quiet[:, : 2 * SAMPLE_RATE] *= 0.1
    write_audio(tmp_path / "quiet.flac", quiet, sample_rate=SAMPLE_RATE)
    write_audio(tmp_path / "silent.flac", 0 * quiet, sample_rate=SAMPLE_RATE)
    source = ReferenceSource(tmp_path)
    index = EnergyIndex(source.root).update(source.mixes)
    assert MixWindows(source[0], index, 1.0).starts.tolist() == [2, 3]
    assert MixWindows(source[1], index, 1.0).starts.size == 0


def test_each_file_is_read_exactly_once_and_no_other(pool, monkeypatch):
    reads = []
    real = read_audio

    def counted(path, **window):
        reads.append((path, window["start_s"]))
        return real(path, **window)

    monkeypatch.setattr("diffmst_jax.data.sources.read_audio", counted)
    rng = np.random.default_rng(0)
    for _ in range(20):
        reads.clear()
        _, mask, side = read_tracks(pool.songs[0], WINDOW, rng)
        assert len(reads) == int(mask.sum()) - int((side > 0).sum())
        assert len({path for path, _ in reads}) == len(reads)
        assert len({start for _, start in reads}) == 1
        reads.clear()
        read_reference(pool.mixes[0], WINDOW, rng)
        assert len(reads) == 1


def test_same_seed_same_batches_other_seed_other_batches(pool):
    first, again, other = (
        next(batches(pool, WINDOW, seed=seed, batch_size=2)) for seed in (0, 0, 1)
    )
    assert isinstance(first, Example)
    assert same(first, again)
    assert not np.array_equal(first.tracks, other.tracks)


def test_random_mix_examples_carry_no_reference(pool):
    example = fixed_examples(Pool(pool.songs, ()), WINDOW, seed=0, count=1)[0]
    assert example.reference.shape == (2, 0)


def test_validation_passes_over_the_songs_as_often_as_it_says(small_pool, monkeypatch):
    drawn = []

    def counted(windows, *rest):
        if windows in small_pool.songs:  # others' iterators may still read ahead
            drawn.append(windows.song.name)
        return read_tracks(windows, *rest)

    monkeypatch.setattr("diffmst_jax.data.pipeline.read_tracks", counted)
    assert len(fixed_examples(small_pool, SMALL, seed=0)) == VALIDATION_PASSES * 2
    assert sorted(drawn) == ["a"] * VALIDATION_PASSES + ["b"] * VALIDATION_PASSES


def test_hosts_share_the_examples_of_one(small_pool):
    whole = batches(small_pool, SMALL, seed=0, batch_size=4)
    hosts = [
        batches(
            small_pool,
            SMALL,
            seed=0,
            batch_size=4,
            shard=Shard(i, 2),
        )
        for i in range(2)
    ]
    for _ in range(3):
        together, (first, second) = next(whole), (next(host) for host in hosts)
        np.testing.assert_array_equal(together.tracks[0::2], first.tracks)
        np.testing.assert_array_equal(together.tracks[1::2], second.tracks)
    # What two hosts began goes on on one.
    whole = batches(small_pool, SMALL, seed=0, batch_size=4, first=3)
    np.testing.assert_array_equal(next(whole).tracks[0::2], next(hosts[0]).tracks)


def test_batches_may_begin_anywhere(small_pool):
    whole = batches(small_pool, SMALL, seed=3, batch_size=2)
    expected = [next(whole) for _ in range(4)][2:]
    later = batches(small_pool, SMALL, seed=3, batch_size=2, first=2)
    assert all(same(next(later), batch) for batch in expected)


def test_batches_that_processes_cannot_share_are_refused(small_pool):
    with pytest.raises(ValueError, match="2 processes cannot share batches of 3"):
        batches(small_pool, SMALL, seed=0, batch_size=3, shard=Shard(0, 2))


def test_decoded_cache_gives_the_same_examples(corpus, small_pool, tmp_path):
    cache = DecodedCache(tmp_path)
    songs, mixes = FolderSource(corpus), ReferenceSource(corpus)
    EnergyIndex(songs.root).update((t for s in songs.songs for t in s.tracks), decoded=cache)
    EnergyIndex(mixes.root).update(mixes.mixes, decoded=cache)
    cached = Pool(small_pool.songs, small_pool.mixes, cache.read)
    for a, b in zip(
        fixed_examples(small_pool, SMALL, seed=0, count=4),
        fixed_examples(cached, SMALL, seed=0, count=4),
        strict=True,
    ):
        np.testing.assert_array_equal(a.mask, b.mask)
        np.testing.assert_allclose(a.tracks, b.tracks, atol=1e-5)
        np.testing.assert_allclose(a.reference, b.reference, atol=2e-4)


@pytest.mark.slow
def test_worker_processes_give_the_same_batches_and_continue(small_pool):
    alone = batches(small_pool, SMALL, seed=0, batch_size=2)
    expected = [next(alone) for _ in range(5)]
    workers = batches(small_pool, SMALL, seed=0, batch_size=2, workers=2)
    assert all(same(next(workers), batch) for batch in expected[:3])
    workers.close()
    # What two workers began goes on with none.
    alone = batches(small_pool, SMALL, seed=0, batch_size=2, first=3)
    assert all(same(next(alone), batch) for batch in expected[3:])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_thousand_examples_leave_no_memory_behind(tmp_path):
    audio = noise(1, 2.0, level=0.2)
    write_audio(tmp_path / "a/one.wav", audio, sample_rate=SAMPLE_RATE, subtype="PCM_16")
    songs = FolderSource(tmp_path)
    index = EnergyIndex(songs.root).update(songs[0].tracks)
    tiny = WindowConfig(max_tracks=1, samples=round(0.4 * SAMPLE_RATE), linked_pairs=True)
    pool = make_pool(songs.songs, (), index, tiny)
    iterator = batches(pool, tiny, seed=0, batch_size=50)
    for _ in range(20):
        next(iterator)
    before = resident_bytes()
    for _ in range(200):
        next(iterator)
    grown = resident_bytes() - before
    iterator.close()
    assert grown < 20e6, f"{grown / 1e6:.1f} MB more after 10000 examples"


def test_window_of_a_file_shorter_than_its_table_says_is_filled_up(corpus):
    mix = ReferenceSource(corpus)[0]
    window = read_window(mix, start_s=5.9, samples=SAMPLE_RATE)
    assert window.shape[1] == SAMPLE_RATE
    assert not np.any(window[:, SAMPLE_RATE // 5 :])

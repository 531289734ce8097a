"""Batches of training examples through grain: seeded, checkpointable, with worker processes."""

from collections.abc import Iterable
from dataclasses import dataclass

import grain
import numpy as np
from absl import flags

from diffmst_jax.data.examples import (
    Example,
    MixWindows,
    SongWindows,
    WindowConfig,
    read_reference,
    read_tracks,
)
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.records import Song, Track

BATCHES_AHEAD = 4


@dataclass(frozen=True)
class Pool:
    """The songs and mixes that examples are drawn from.

    Attributes:
      songs: one entry per song that has sound.
      mixes: finished mixes for unpaired references; empty when the references are random mixes
        of the same tracks.
    """

    songs: tuple[SongWindows, ...]
    mixes: tuple[MixWindows, ...]


def make_pool(
    songs: Iterable[Song],
    song_index: EnergyIndex,
    mixes: Iterable[Track],
    mix_index: EnergyIndex | None,
    config: WindowConfig,
) -> Pool:
    """Look up every song's and every mix's usable windows; songs without sound are left out."""
    song_windows = [SongWindows(song, song_index, config.duration_s) for song in songs]
    mix_windows = []
    if mix_index is not None:
        mix_windows = [MixWindows(mix, mix_index, config.duration_s) for mix in mixes]
    return Pool(tuple(w for w in song_windows if w.starts.size), tuple(mix_windows))


@dataclass(frozen=True)
class DrawExample(grain.transforms.RandomMap):
    """Turns a song number into an example, by the generator that grain derives from the seed."""

    pool: Pool
    config: WindowConfig

    def random_map(self, element: int, rng: np.random.Generator) -> Example:
        """Read one random window of song `element` and of a random mix."""
        tracks, mask, side = read_tracks(self.pool.songs[element], self.config, rng)
        if self.pool.mixes:
            mix = self.pool.mixes[int(rng.integers(len(self.pool.mixes)))]
            reference = read_reference(mix, self.config, rng)
        else:
            reference = np.zeros((2, 0), np.float32)
        return Example(tracks, mask, side, reference)


def example_dataset(pool: Pool, config: WindowConfig, *, seed: int) -> grain.MapDataset:
    """Return endless single examples: every song once per pass, in a new order each pass."""
    return (
        grain.MapDataset.source(range(len(pool.songs)))
        .seed(seed)
        .shuffle()
        .repeat()
        .random_map(DrawExample(pool, config))
    )


@dataclass(frozen=True)
class Shard:
    """Which part of every batch one of several processes prepares.

    Attributes:
      index: number of this process.
      count: how many there are; divides the batch size.
    """

    index: int
    count: int


WHOLE = Shard(0, 1)


def batches(
    pool: Pool,
    config: WindowConfig,
    *,
    seed: int,
    batch_size: int,
    workers: int = 0,
    first: int = 0,
    shard: Shard = WHOLE,
) -> grain.DatasetIterator:
    """Return an endless iterator of `Example` batches.

    The n-th batch depends on the pool, the seed and the batch size alone, not on how many workers
    or processes prepare it, so a run may go on with other numbers of them.

    Args:
      pool: songs and mixes.
      config: shape of an example.
      seed: decides order, windows and references.
      batch_size: examples per batch, of all processes together.
      workers: processes that prepare batches ahead; 0 prepares them in threads of this process.
      first: number of the batch to begin with.
      shard: the part of each batch that this process gets.

    Returns:
      An iterator whose `get_state()` is small and JSON-like and whose `set_state()` continues
      with exactly the batch that would have come next.
    """
    examples = example_dataset(pool, config, seed=seed)
    own = examples[first * batch_size + shard.index :: shard.count]
    dataset = own.batch(batch_size // shard.count, drop_remainder=True).to_iter_dataset(
        grain.ReadOptions(num_threads=2, prefetch_buffer_size=BATCHES_AHEAD)
    )
    if workers:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # grain reads absl flags, which nobody parses here
        dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    return iter(dataset)


def fixed_examples(pool: Pool, config: WindowConfig, *, seed: int, count: int) -> list[Example]:
    """Return the same `count` examples each time, for validation."""
    dataset = example_dataset(pool, config, seed=seed)
    return [dataset[i] for i in range(count)]

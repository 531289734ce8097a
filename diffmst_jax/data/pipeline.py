"""Batches of training examples through grain: seeded, checkpointable, sharded, in processes.

Example number n of a seed is always the same, whoever makes it: whatever the batch size, the number
of worker processes or of hosts. So the state of an iterator is one number: that of the next batch.
"""

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from typing import Protocol

import grain
import numpy as np
from absl import flags

from diffmst_jax.data.augmentation import NO_AUGMENTATION, AugmentationConfig, transforms
from diffmst_jax.data.examples import (
    Example,
    Measurements,
    MixWindows,
    ReadWindow,
    SongWindows,
    WindowConfig,
    draw_reference,
    read_tracks,
)
from diffmst_jax.data.processes import begin
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import read_window

# One validation passes so many times over the songs: each time another window of each is read.
VALIDATION_PASSES = 4

# Batches that are prepared before they are asked for, by each worker process.
BATCHES_AHEAD = 4


class Examples(Protocol):
    """What examples are drawn from: `Pool`, or `stream.StreamPool`."""

    @property
    def songs(self) -> Sized:
        """How many songs there are is their length."""
        ...

    def drawn(self, config: WindowConfig, *, seed: int) -> grain.MapDataset:
        """Return endless single examples, the same for the same seed."""
        ...


@dataclass(frozen=True)
class Pool:
    """The songs and mixes that examples are drawn from.

    Attributes:
      songs: one entry per song that has sound.
      mixes: finished mixes for unpaired references; empty when the references are random mixes
        of the same tracks.
      read: how their windows are read.
    """

    songs: tuple[SongWindows, ...]
    mixes: tuple[MixWindows, ...]
    read: ReadWindow = read_window

    def drawn(self, config: WindowConfig, *, seed: int) -> grain.MapDataset:
        """Return endless single examples: every song once per pass, in a new order each pass."""
        songs = grain.MapDataset.source(range(len(self.songs))).seed(seed).shuffle().repeat()
        return songs.random_map(DrawExample(self, config))


def make_pool(
    songs: Iterable[Song],
    mixes: Iterable[Track],
    measured: Measurements,
    config: WindowConfig,
    read: ReadWindow = read_window,
) -> Pool:
    """Look up every song's and every mix's usable windows; those without sound are left out.

    So are tracks of more channels than an example has rows.
    """
    song_windows = [
        SongWindows(song, measured, config.duration_s, config.max_tracks) for song in songs
    ]
    mix_windows = [MixWindows(mix, measured, config.duration_s) for mix in mixes]
    return Pool(
        tuple(windows for windows in song_windows if windows.starts.size),
        tuple(windows for windows in mix_windows if windows.starts.size),
        read,
    )


@dataclass(frozen=True)
class DrawExample(grain.transforms.RandomMap):
    """Turns a song number into an example, by the generator that grain derives from the seed."""

    pool: Pool
    config: WindowConfig

    def random_map(self, element: int, rng: np.random.Generator) -> Example:
        """Read one random window of song `element` and of a random mix."""
        pool = self.pool
        tracks, mask, side = read_tracks(pool.songs[element], self.config, rng, pool.read)
        reference = draw_reference(pool.mixes, self.config, rng, pool.read)
        return Example(tracks, mask, side, reference)


def example_dataset(
    pool: Examples,
    config: WindowConfig,
    *,
    seed: int,
    augmentation: AugmentationConfig = NO_AUGMENTATION,
) -> grain.MapDataset:
    """Return what a pool draws, changed by the augmentation."""
    dataset = pool.drawn(config, seed=seed)
    for transform in transforms(augmentation):
        dataset = dataset.random_map(transform)
    return dataset


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
    pool: Examples,
    config: WindowConfig,
    *,
    seed: int,
    batch_size: int,
    workers: int = 0,
    first: int = 0,
    shard: Shard = WHOLE,
    augmentation: AugmentationConfig = NO_AUGMENTATION,
) -> grain.DatasetIterator:
    """Return an endless iterator of `Example` batches.

    The n-th batch depends on the pool, the seed, the augmentation and the batch size alone, not on
    how many workers or processes prepare it, so a run may go on with other numbers of them.

    Args:
      pool: songs and mixes.
      config: shape of an example.
      seed: decides order, windows, references and augmentation.
      batch_size: examples per batch, of all processes together.
      workers: processes that prepare batches ahead; 0 prepares them in threads of this process.
      first: number of the batch to begin with.
      shard: the part of each batch that this process gets.
      augmentation: how much examples are changed.
    """
    if batch_size % shard.count:
        raise ValueError(f"{shard.count} processes cannot share batches of {batch_size}")
    examples = example_dataset(pool, config, seed=seed, augmentation=augmentation)
    own = examples[first * batch_size + shard.index :: shard.count]
    dataset = own.batch(batch_size // shard.count, drop_remainder=True).to_iter_dataset(
        grain.ReadOptions(num_threads=2, prefetch_buffer_size=BATCHES_AHEAD)
    )
    if workers:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # grain reads absl flags, which nobody parses here
        options = grain.MultiprocessingOptions(workers, per_worker_buffer_size=BATCHES_AHEAD)
        dataset = dataset.mp_prefetch(options, worker_init_fn=begin)
    return iter(dataset)


def fixed_examples(
    pool: Examples, config: WindowConfig, *, seed: int, count: int | None = None
) -> list[Example]:
    """Return the same examples each time: `count`, or what one validation passes over."""
    dataset = example_dataset(pool, config, seed=seed)
    wanted = VALIDATION_PASSES * len(pool.songs) if count is None else count
    return [dataset[i] for i in range(wanted)]

"""From the data settings to examples: corpus, held-out split, energy index, batches."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import grain
import numpy as np

from diffmst_jax.data.examples import Example, WindowConfig
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.pipeline import WHOLE, Pool, Shard, batches, fixed_examples, make_pool
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.data.synthesis import synthesize_corpus
from diffmst_jax.errors import InputError
from diffmst_jax.training.config import DataConfig, SyntheticConfig

T = TypeVar("T")
Report = Callable[[str, int, int], None]
"""Called as report(what is done, how much of it is complete, out of how much)."""

VALIDATION_SEED_OFFSET = 7919


class Feed(NamedTuple):
    """What training and validation are fed with.

    Attributes:
      train: songs and references to learn from.
      validation: the fixed held-out examples.
      window: shape of an example.
    """

    train: Pool
    validation: list[Example]
    window: WindowConfig


def quiet(what: str, done: int, total: int) -> None:
    """Report nothing."""
    del what, done, total


def make_feed(config: DataConfig, report: Report = quiet) -> Feed:
    """Find or make the data, measure where it has sound, hold some out, draw the validation set.

    Raises:
      InputError: folders that hold no usable songs or references.
    """
    needed = config.songs is None or (config.references is None and config.reference == "unpaired")
    corpus = prepare_corpus(config.synthetic, report) if needed else Path()
    window = WindowConfig(config.max_tracks, config.samples, config.linked_pairs)
    source = FolderSource(config.songs or corpus)
    files = [track for song in source.songs for track in song.tracks]
    song_index = EnergyIndex(source.root)
    song_index.update(files, progress=_counter(report, "measuring tracks", len(files)))
    train_songs, held_songs = split(source.songs, config.validation_share, config.seed)
    if config.reference == "random_mix":
        train = make_pool(train_songs, song_index, (), None, window)
        held = make_pool(held_songs, song_index, (), None, window)
    else:
        references = ReferenceSource(config.references or corpus)
        mix_index = EnergyIndex(references.root)
        count = _counter(report, "measuring references", len(references))
        mix_index.update(references.mixes, progress=count)
        train_mixes, held_mixes = split(references.mixes, config.validation_share, config.seed)
        train = make_pool(train_songs, song_index, train_mixes, mix_index, window)
        held = make_pool(held_songs, song_index, held_mixes, mix_index, window)
    if not train.songs or not held.songs:
        raise InputError(source.root, "holds too few songs with sound", "add songs")
    seed = config.seed + VALIDATION_SEED_OFFSET
    examples = fixed_examples(held, window, seed=seed, count=config.validation_examples)
    return Feed(train, examples, window)


def prepare_corpus(config: SyntheticConfig, report: Report = quiet) -> Path:
    """Make the synthetic corpus if it is not there yet; returns its folder."""
    folder = Path(config.folder)
    synthesize_corpus(
        folder,
        config.songs,
        config.seed,
        tracks=config.tracks,
        duration_s=config.duration_s,
        progress=lambda done: report("making songs", done, config.songs),
    )
    return folder


def split(items: Sequence[T], share: float, seed: int) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """Hold out a share of the items, at least one, the same ones for the same seed.

    Two lists of the same length are split alike, so a synthetic song and its own finished mix are
    held out together.

    Raises:
      InputError: fewer than two items.
    """
    if len(items) < 2:
        raise InputError("data", f"{len(items)} item to train and validate on", "add data")
    count = min(max(1, round(share * len(items))), len(items) - 1)
    order = np.random.default_rng(seed).permutation(len(items))
    held = set(order[:count].tolist())
    train = tuple(item for i, item in enumerate(items) if i not in held)
    return train, tuple(item for i, item in enumerate(items) if i in held)


def make_batches(
    feed: Feed, config: DataConfig, batch_size: int, *, first: int = 0, shard: Shard = WHOLE
) -> grain.DatasetIterator:
    """Return the endless iterator of training batches, from number `first` on; see `batches`."""
    return batches(
        feed.train,
        feed.window,
        seed=config.seed,
        batch_size=batch_size,
        workers=config.workers,
        first=first,
        shard=shard,
    )


def _counter(report: Report, what: str, total: int) -> Callable[[], None]:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        report(what, done, total)

    return count

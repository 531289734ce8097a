"""From the data settings to examples: corpus, held-out split, energy index, batches."""

import math
from collections.abc import Callable, Sequence, Sized
from pathlib import Path
from typing import NamedTuple, TypeVar

import grain

from diffmst_jax.data.corpora import EnergyIndices, Report, find_corpora, find_mixes, places, quiet
from diffmst_jax.data.decoded import DecodedCache
from diffmst_jax.data.examples import Example, MixWindows, WindowConfig
from diffmst_jax.data.pipeline import WHOLE, Examples, Shard, batches, fixed_examples, make_pool
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import read_window
from diffmst_jax.data.splits import apply_split, divide, mix_keys, song_key
from diffmst_jax.data.stream import WINDOWS_PER_SONG, SongStream, StreamPool
from diffmst_jax.data.synthesis import check_sizes
from diffmst_jax.errors import InputError
from diffmst_jax.training.config import DataConfig

T = TypeVar("T")

VALIDATION_SEED_OFFSET = 7919
NOWHERE = -1  # what is in neither part
# Songs held out where they are made on demand and the number of examples is not set.
HELD_SONGS = 16


class Feed(NamedTuple):
    """What training and validation are fed with.

    Attributes:
      train: songs and references to learn from.
      validation: the fixed held-out examples.
      window: shape of an example.
    """

    train: Examples
    validation: list[Example]
    window: WindowConfig


def make_feed(config: DataConfig, report: Report = quiet) -> Feed:
    """Find or make the data, measure where it has sound, hold some out, draw the validation set.

    Raises:
      InputError: folders or a split that hold no usable songs or references.
    """
    parts = 2 if config.reference == "random_mix" else 1
    window = WindowConfig(config.max_tracks, config.samples, config.linked_pairs, parts)
    if config.stream_songs is not None:
        return _stream_feed(config, config.stream_songs, window, report)
    decoded = None if config.decoded is None else DecodedCache(Path(config.decoded))
    read = read_window if decoded is None else decoded.read
    unpaired = config.reference == "unpaired"
    songs, mixes, measured = find_corpora(config, report, decoded, mixes=unpaired)
    song_parts = hold_out(songs, config)
    mix_parts = hold_out_mixes(mixes, songs, song_parts, config) if unpaired else ((), ())
    train, held = (
        make_pool(some_songs, some_mixes, measured, window, read)
        for some_songs, some_mixes in zip(song_parts, mix_parts, strict=True)
    )
    _check_any(train.songs, held.songs, key="data.songs", what="songs")
    if unpaired:
        _check_any(train.mixes, held.mixes, key="data.references", what="finished mixes")
    seed = config.seed + VALIDATION_SEED_OFFSET
    examples = fixed_examples(held, window, seed=seed, count=config.validation_examples)
    return Feed(train, examples, window)


def _stream_feed(config: DataConfig, songs: int, window: WindowConfig, report: Report) -> Feed:
    """Make songs when they are needed; those held out come after those to learn from."""
    made = config.synthetic
    for key in ("songs", "split"):
        if getattr(config, key) is not None:
            problem = "does not go with songs that are made on demand"
            raise InputError(f"data.{key}", problem, "leave it out, or data.stream_songs")
    check_sizes("data.stream_songs", songs, made.seed, made.tracks, made.duration_s)
    count = config.validation_examples or HELD_SONGS * WINDOWS_PER_SONG
    # The last one held out is there for its mix: each song's reference is that of the next.
    sizes = (songs, 1 + math.ceil(count / WINDOWS_PER_SONG))
    firsts = (made.seed, made.seed + songs)
    mixes: Sequence[tuple[MixWindows, ...] | None] = (None, None)
    decoded = None if config.decoded is None else DecodedCache(Path(config.decoded))
    if config.reference != "unpaired":
        mixes = ((), ())
    elif config.references is not None:
        measured = EnergyIndices(report, decoded)
        found = find_mixes(places(config.references, config.references_layout), measured)
        parts = hold_out_mixes(found, (), ((), ()), config)
        mixes = [make_pool((), part, measured, window).mixes for part in parts]
        _check_any(*(part or () for part in mixes), key="data.references", what="finished mixes")
    read = read_window if decoded is None else decoded.read
    train, held = (
        StreamPool(SongStream(first, size, made.tracks, made.duration_s), own, read)
        for first, size, own in zip(firsts, sizes, mixes, strict=True)
    )
    seed = config.seed + VALIDATION_SEED_OFFSET
    return Feed(train, fixed_examples(held, window, seed=seed, count=count), window)


def _check_any(*parts: Sized, key: str, what: str) -> None:
    for part in parts:
        if not part:
            raise InputError(key, f"holds too few {what} with sound", f"add {what}")


def hold_out(songs: Sequence[Song], config: DataConfig) -> tuple[list[Song], list[Song]]:
    """Return the songs to learn from and those held out, by the split file or else by artist.

    Raises:
      InputError: a split file without "train" or "val" songs of these corpora, or data of a single
        artist.
    """
    if config.split is not None:
        path = Path(config.split)
        listed = apply_split(songs, path)
        train, held = ([song for song in listed if song.part == part] for part in ("train", "val"))
        for part, found in (("train", train), ("val", held)):
            if not found:
                raise InputError(path, f"lists no song of this data as {part}", "add some")
        return train, held
    train, held = _divided(songs, config, song_key)
    if not held:
        problem = f"is {len(train)} song(s) of one artist, all to learn from and none to validate"
        raise InputError("data", problem, "add songs, or give data.split")
    return train, held


def hold_out_mixes(
    mixes: Sequence[Track],
    songs: Sequence[Song],
    parts: tuple[Sequence[Song], Sequence[Song]],
    config: DataConfig,
) -> tuple[list[Track], list[Track]]:
    """Return the references to learn from and those held out.

    A mix goes where its song went, so that of a song in neither part (of a split's "test") is left
    out; else where its artist's songs went, or the song of its name. The others are divided by
    artist, and so are all if one side would have none.

    Args:
      mixes: to divide.
      songs: all there are.
      parts: those to learn from and those held out.
      config: says in which shares.
    """
    key = mix_keys(mixes)
    place = dict.fromkeys(map(song_key, songs), NOWHERE)
    place |= {key: part for part in (1, 0) for key in map(song_key, parts[part])}
    of_folder = {song.folder: part for part in (0, 1) for song in parts[part]}
    own = {
        song.mix.path.resolve(): of_folder.get(song.folder, NOWHERE)
        for song in songs
        if song.mix is not None
    }
    going = [own.get(mix.path.resolve(), place.get(key(mix))) for mix in mixes]
    used = [(mix, part) for mix, part in zip(mixes, going, strict=True) if part != NOWHERE]
    train, held = _divided([mix for mix, part in used if part is None], config, key)
    train += [mix for mix, part in used if part == 0]
    held += [mix for mix, part in used if part == 1]
    return (train, held) if train and held else _divided([mix for mix, _ in used], config, key)


def _divided(
    items: Sequence[T], config: DataConfig, key: Callable[[T], str]
) -> tuple[list[T], list[T]]:
    shares = (1.0 - config.validation_share, config.validation_share)
    train, held = divide(items, shares, seed=config.seed, key=key)
    return train, held


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
        augmentation=config.augmentation,
    )

"""Locked tracks: a new mix leaves them where they stood, relative to the others."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.console.amount import Amounts, free_settings
from diffmst_jax.mixing.console.file import console_document, settings_from_document
from diffmst_jax.mixing.console.settings import DECIMALS
from diffmst_jax.mixing.decide import Decided, refined
from diffmst_jax.mixing.sources.reference import Reference
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.page.session import Document
from diffmst_jax.progress import Tell


def strip_key(track: Document) -> tuple[str, tuple[int, ...]]:
    """What a strip is known by: its file and the channels of it."""
    return track["file"], tuple(track["channels"])


def locked_keys(locked: Sequence[Sequence[Any]]) -> set[tuple[str, tuple[int, ...]]]:
    """What locked strips, `[file, channels]` each, are known by."""
    return {(file, tuple(channels)) for file, channels in locked}


def keep_locked(new: Document, old: Document, locked: Sequence[Sequence[Any]]) -> Document:
    """Take locked strips over from the console before.

    Levels are compared by the mean level of the other strips, which may differ between two consoles
    by a constant that the loudness of the finished mix takes out again. A compressor's threshold
    moves with the level before it.

    Args:
        new: a console.
        old: the console before it, of the same song.
        locked: `[file, channels]` of each locked strip; those that `old` lacks are ignored.
    """
    keys = locked_keys(locked)
    before = {strip_key(track): track for track in old["tracks"]}
    shift = _level_of_others(new, keys) - _level_of_others(old, keys)
    tracks = []
    for track in new["tracks"]:
        key = strip_key(track)
        is_kept = key in keys and key in before
        tracks.append(_moved(before[key], track, shift) if is_kept else track)
    return {**new, "tracks": tracks}


def refine_around(
    document: Document,
    locked: Sequence[Sequence[Any]],
    multitrack: Multitrack,
    references: Sequence[Reference],
    steps: int,
    tell: Tell,
) -> Decided:
    """Refine a console of which locked strips stay, so that the others make up for them.

    Args:
        document: where to start; locked strips stand where they are to stay, and central ones are
            not panned.
        locked: `[file, channels]` of each.
        multitrack: the tracks.
        references: what to refine towards.
        steps: how many to take; with 0 all stay.
        tell: told about progress.
    """
    start = settings_from_document(document)
    if steps == 0:
        return Decided(start, None)
    keys = locked_keys(locked)
    stays = np.array([strip_key(track) in keys for track in document["tracks"]])
    free = free_settings(start, Amounts(), stays, start.centred)
    decided = refined(start, multitrack, references, steps, tell, free=free)
    after = console_document(decided.settings)
    rows = zip(document["tracks"], after["tracks"], stays, strict=True)
    # As they were to the last digit, for refinement computes in float32.
    tracks = [old if is_locked else new for old, new, is_locked in rows]
    return Decided(settings_from_document({**after, "tracks": tracks}), decided.refinement)


def merge_strips(strips: Document, console: Document) -> Document:
    """Bring a console to the tracks that there are now: new ones neutral, missing ones gone.

    Args:
        strips: a neutral console of the tracks that there are.
        console: the console before tracks came or went.
    """
    before = {strip_key(track): track for track in console["tracks"]}
    level = float(np.mean(_levels(console)))
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE).tracks
    tracks = []
    for track in strips["tracks"]:
        key = strip_key(track)
        if key in before:
            tracks.append(before[key])
        else:
            gain = float(np.clip(level, *ranges.input_gain_db))
            tracks.append({**track, "input_gain_db": round(gain, DECIMALS)})
    return {**console, "tracks": tracks, "left_out": strips["left_out"]}


def _level_of_others(console: Document, locked: Collection[Any]) -> float:
    """Mean level of the strips that are not locked; of all if none is left."""
    others = [strip_key(track) not in locked for track in console["tracks"]]
    levels = _levels(console)
    return float(np.mean(levels[others] if any(others) else levels))


def _levels(console: Document) -> np.ndarray:
    return np.array([t["source_gain_db"] + t["input_gain_db"] for t in console["tracks"]])


def _moved(strip: Document, place: Document, shift: float) -> Document:
    """Give an old strip the source gain of its new place and a level `shift` dB higher."""
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE).tracks
    gain = strip["source_gain_db"] + strip["input_gain_db"] + shift - place["source_gain_db"]
    gain = float(np.clip(gain, *ranges.input_gain_db))
    moved = gain + place["source_gain_db"] - strip["source_gain_db"] - strip["input_gain_db"]
    threshold = strip["compressor"]["threshold_db"] + moved
    threshold = float(np.clip(threshold, *ranges.compressor.threshold_db))
    compressor = {**strip["compressor"], "threshold_db": round(threshold, DECIMALS)}
    return {
        **strip,
        "source_gain_db": place["source_gain_db"],
        "input_gain_db": round(gain, DECIMALS),
        "compressor": compressor,
    }

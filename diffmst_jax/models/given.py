"""What a model is given: arrays that are checked, channels that are pairs, counts to pad to."""

import logging
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from diffmst_jax.losses import NARROWEST

log = logging.getLogger(__name__)

TRACK_COUNTS = (8, 16, 24, 32, 48, 64)  # tracks are padded to one of these: few shapes to compile
MORE_TRACKS_STEP = 16  # beyond the largest
# 200 dB above full scale: integers scaled by mistake still pass, squares still fit float32.
LARGEST_SAMPLE = 1e10


def whole_pairs(side: np.ndarray, audible: np.ndarray) -> np.ndarray:
    """The sides of the audible tracks; what remains of a pair is mono."""
    left = (side < 0) & audible & np.roll(audible, -1)
    return np.where(left, -1, np.where(np.roll(left, 1), 1, 0))[audible].astype(np.int32)


def pair_gains_db(gain_db: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Gains of tracks; both channels of a pair get the one for the mean of their energies."""
    shared = gain_db.astype(np.float64)
    left = np.flatnonzero(side < 0)
    energy = 10.0 ** (-shared / 10.0)
    shared[left] = shared[left + 1] = -10.0 * np.log10((energy[left] + energy[left + 1]) / 2.0)
    return shared


def padded_count(tracks: int) -> int:
    """Smallest count to pad a number of tracks to."""
    for count in TRACK_COUNTS:
        if tracks <= count:
            return count
    return -(-tracks // MORE_TRACKS_STEP) * MORE_TRACKS_STEP


def stacked(tracks: Array | np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """Tracks as one array: of several, each `(time,)`, the shorter ones are padded.

    Raises:
        ValueError: no array, nor a sequence of such.
    """
    if not isinstance(tracks, Sequence):
        whole = np.asanyarray(tracks)
        if whole.ndim == 0:
            raise ValueError(f"tracks: of {type(tracks).__name__}, expected (tracks, time)")
        return whole
    rows = [np.asarray(track) for track in tracks]
    for number, row in enumerate(rows):
        if row.ndim != 1:
            raise ValueError(f"track {number}: shape {row.shape}, expected (time,)")
    longest = max(map(len, rows), default=0)
    whole = np.zeros((len(rows), longest), np.result_type(*rows) if rows else np.float32)
    for row, place in zip(rows, whole, strict=True):
        place[: len(row)] = row
    return whole


def check_per_track(
    count: int,
    *,
    side: np.ndarray,
    loudness_lufs: np.ndarray | None,
    centring: np.ndarray | None,
) -> None:
    """Require one value for each of `count` tracks, and sides of channels that are neighbours.

    Raises:
        ValueError: another shape; sides other than 0 and pairs of -1 and 1; a loudness that no
            signal has; a price below 0.
    """
    given = {"side": side, "loudness_lufs": loudness_lufs, "centring": centring}
    for name, values in given.items():
        if values is not None and np.shape(values) != (count,):
            raise ValueError(f"{name}: shape {np.shape(values)}, expected ({count},)")
    if loudness_lufs is not None and not np.all(np.less(loudness_lufs, np.inf)):
        levels = np.asarray(loudness_lufs).tolist()
        raise ValueError(f"loudness_lufs: {levels}, expected numbers, or -inf for silence")
    if centring is not None and not np.all(np.greater_equal(centring, 0)):
        prices = np.asarray(centring).tolist()
        raise ValueError(f"centring: {prices}, expected prices of 0 or more")
    left, right = np.flatnonzero(side == -1), np.flatnonzero(side == 1)
    if len(left) + len(right) != np.count_nonzero(side) or not np.array_equal(left + 1, right):
        raise ValueError(
            f"side: {side.tolist()}, expected -1 and 1 for the channels of a stereo recording, "
            "neighbours, and else 0"
        )


def check_tracks(tracks: np.ndarray) -> np.ndarray:
    """Return usable tracks as float32 `(tracks, time)`.

    Raises:
        ValueError: anything else than finite floating-point samples in that shape; more tracks
            than samples are taken for `(time, tracks)`.
    """
    if tracks.ndim != 2 or tracks.shape[0] == 0 or tracks.shape[0] > tracks.shape[1]:
        raise ValueError(f"tracks: shape {tracks.shape}, expected (tracks, time)")
    _check_samples(tracks, "track")
    return tracks.astype(np.float32, copy=False)


def check_reference(reference: np.ndarray) -> np.ndarray:
    """Return a usable reference as float32 `(2, time)`; mono is doubled and noted in the log.

    Raises:
        ValueError: anything else than finite floating-point samples in one or two channels.
    """
    if reference.ndim != 2 or reference.shape[0] not in (1, 2):
        raise ValueError(f"reference: shape {reference.shape}, expected (2, time) or (1, time)")
    _check_samples(reference, "reference channel")
    if reference.shape[0] == 1:
        log.warning("The reference is mono: it counts as both channels, so the mix will be narrow.")
        reference = np.repeat(reference, 2, axis=0)
    return reference.astype(np.float32)


def sounds_mono(mix: np.ndarray) -> bool:
    """Whether `(2, time)` is mono, or narrower than anybody hears."""
    left, right = mix
    power, shared = np.vdot(left, left) + np.vdot(right, right), 2.0 * np.vdot(left, right)
    return bool(power - shared < NARROWEST * (power + shared))


def _check_samples(audio: np.ndarray, what: str) -> None:
    if not jnp.issubdtype(audio.dtype, jnp.floating):  # NumPy does not know bfloat16
        raise ValueError(f"{what}s: {audio.dtype} samples, expected floating point in [-1, 1]")
    for number, row in enumerate(audio):
        # NaN and infinity show in the extremes, so one look is enough.
        peak = float(np.maximum(np.max(row, initial=0.0), -np.min(row, initial=0.0)))
        if not np.isfinite(peak):
            raise ValueError(f"{what} {number}: NaN or infinite samples, expected finite ones")
        if peak > LARGEST_SAMPLE:
            raise ValueError(f"{what} {number}: samples up to {peak:.0e}, expected full scale 1")

"""Stereo pairs that lean, for formats that know only balance.

The console moves the far channel of a pair over to the near one; a balance turns it down, and what
was in it is gone. So the lean goes into the audio: the pair becomes a stereo file that has moved
already, and the balance of its track stands in the centre.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

import dsp
from diffmst_jax.export.media import DECODED_SUBTYPE, Media, taken_name
from diffmst_jax.export.session import Session, SessionTrack
from dsp.stereo import pan_gains

CENTRED = 0.001
"""A pair this near to the centre is in the centre: what would move is below -50 dB."""


def leans(track: SessionTrack) -> bool:
    """Whether a track is a stereo pair out of the centre."""
    return track.is_stereo and abs(track.pan - 0.5) > CENTRED


def with_leans_in_audio(
    session: Session, media: Sequence[Media]
) -> tuple[Session, tuple[Media, ...]]:
    """Move the lean of every pair from its track into its audio file."""
    taken = {item.name.casefold() for item in media}
    tracks, files = [], []
    for track, item in zip(session.tracks, media, strict=True):
        if not leans(track):
            tracks.append(track)
            files.append(item)
            continue
        path = PurePosixPath(item.name)
        name = taken_name(path.with_name(f"{path.stem} leaning.wav"), taken)
        matrix = lean_matrix(track.pan, session.config.pan_law)
        tracks.append(replace(track, pan=0.5))
        files.append(replace(item, name=name, subtype=DECODED_SUBTYPE, matrix=matrix))
    return replace(session, tracks=tuple(tracks)), tuple(files)


def lean_matrix(position: float, law: str) -> np.ndarray:
    """What each channel of a pair gives to left and right, `(channels, 2)`."""
    sides = [pan_gains(np.asarray(p), law=law) for p in dsp.pair_positions(position)]
    return np.asarray(sides, np.float64)

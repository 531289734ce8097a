"""Tracks with their equalizer and compressor in the audio, for workstations that leave them out.

What is left to the session is the balance: faders, pans, sends, mutes, and the master.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

import jax
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.export.media import (
    NAMES_OF_OURS,
    Media,
    printed,
    taken_name,
)
from diffmst_jax.export.session import Session, SessionTrack
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.signals.measure import factor
from diffmst_jax.mixing.sources.finding import Source
from diffmst_jax.mixing.sources.tracks import read_strips
from dsp.stereo import CENTRE

HARD_LEFT = 0.0
RINGING_S = 2.0
"""How long a recording that ends before the song rings on in its file; below -120 dB by then."""


def with_effects_in_audio(
    session: Session, media: Sequence[Media], settings: MixSettings, source: Source
) -> tuple[Session, tuple[Media, ...]]:
    """Replace every recording by what its strip makes of it, at the recording's own level.

    A pair that leans does so in its file. The audio is made when it is written, one track after
    another.
    """
    tracks, files = [], []
    names = printed_names(media)
    song_s = max(item.duration_s for item in media)
    for index, (track, item, name) in enumerate(zip(session.tracks, media, names, strict=True)):
        pan = CENTRE if track.is_stereo else track.pan
        tracks.append(replace(track, equalizer=None, compressor=None, output_gain_db=0.0, pan=pan))
        frames = round(min(item.duration_s + RINGING_S, song_s) * SAMPLE_RATE)
        audio = partial(_processed, settings, index, track, source, frames)
        files.append(printed(name, audio, (len(item.channels), frames), subtype="FLOAT"))
    return replace(session, tracks=tuple(tracks)), tuple(files)


def printed_names(media: Sequence[Media]) -> list[str]:
    """Name the files that take the place of the recordings, in their order."""
    taken = set(NAMES_OF_OURS)
    return [taken_name(PurePosixPath(item.name).with_suffix(".wav"), taken) for item in media]


def _processed(
    settings: MixSettings, index: int, track: SessionTrack, source: Source, frames: int
) -> Iterator[np.ndarray]:
    """One strip alone through its equalizer and compressor, `(channels, frames)` at once."""
    alone = _alone(settings, index, track)
    recorded = read_strips(source, alone.strips)
    behind = max(0, frames - recorded.audio.shape[1])
    padded = replace(recorded, audio=np.pad(recorded.audio, ((0, 0), (0, behind))))
    audio = render(alone, padded).mix[:, :frames]
    before_db = alone.source_gain_db[0] + alone.params.tracks.input_gain_db[0]
    yield audio[: len(track.strip.channels)] * factor(track.output_gain_db - before_db)


def _alone(settings: MixSettings, index: int, track: SessionTrack) -> MixSettings:
    """A console of one strip and nothing behind it; a mono strip comes out on the left."""
    one = slice(index, index + 1)
    strip = jax.tree.map(lambda leaf: leaf[one], settings.params.tracks)
    if not track.is_stereo:
        strip = strip._replace(pan=np.full(1, HARD_LEFT))
    return replace(
        settings,
        strips=settings.strips[one],
        muted=np.zeros(1, bool),
        source_gain_db=settings.source_gain_db[one],
        params=settings.params._replace(tracks=strip),
        config=replace(settings.config, reverb=False, master_bus=False),
    )

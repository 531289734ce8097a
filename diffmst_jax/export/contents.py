"""What goes into a session's file, whichever workstation it is for."""

from collections.abc import Sequence
from typing import NamedTuple

from diffmst_jax.export.media import Media, Return
from diffmst_jax.export.session import Session


class Contents(NamedTuple):
    """A session with its audio and its texts.

    Attributes:
        session: the settings.
        media: the recording of each track, in order.
        title: name of the song.
        notes: text for people.
        effects: the printed effects bus, if there is one.
        mix: the finished mix, for a muted track to compare with, if wanted.
    """

    session: Session
    media: Sequence[Media]
    title: str
    notes: str
    effects: Return | None = None
    mix: Media | None = None

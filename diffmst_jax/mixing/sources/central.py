"""Which tracks engineers leave in the middle, told by the names of their files.

Kick, snare, bass and lead voice stand in the middle of nearly every mix; a model that knows no
instruments would use them to make width. Recordings in stereo stay as recorded. Somebody else has
to make the width: a channel for each side at least.
"""

import re
from collections.abc import Sequence
from itertools import compress
from pathlib import PurePosixPath

import numpy as np

from diffmst_jax.mixing.sources.finding import Patterns
from diffmst_jax.mixing.sources.strips import Strip, strips_named

DRUMS = frozenset({"bassdrum", "bd", "kick", "kickdrum", "kik", "sn", "snare", "snaredrum", "snr"})
BASS = frozenset({"bass", "bassgtr", "bassguitar", "bassline", "sub", "subbass"})
NO_BASS = frozenset(
    {"clarinet", "flute", "oboe", "recorder", "sax", "saxophone", "singer", "trombone", "trumpet"}
)
VOICE = frozenset(
    {"leadvocal", "leadvocals", "leadvox", "singer", "vocal", "vocals", "voice", "vox"}
)
# Any other word, such as backing, double or echo, makes it another voice than the lead.
OF_LEAD = frozenset(
    {"bridge", "chorus", "comp", "dry", "female", "lead", "main", "male", "mono", "verse"}
)

SIDES = 2


def central_strips(strips: Sequence[Strip], centre: Patterns | None) -> np.ndarray:
    """Which strips are to stay in the middle, bool `(strips,)`.

    Args:
        strips: of the song.
        centre: patterns of names; None for those that are `central_by_name`, where others are
            left for the sides.

    Raises:
        InputError: a pattern matches none.
    """
    if centre is not None:
        return strips_named(strips, centre, option="--centre")
    found = np.array([central_by_name(strip.file) for strip in strips])
    others = sum(len(strip.channels) for strip in compress(strips, ~found))
    return found & (others >= SIDES)


def central_by_name(file: str) -> bool:
    """Whether a file is called like a kick, a snare, a bass or the lead voice."""
    name = PurePosixPath(file).stem
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # LeadVox
    words = {word.lower() for word in re.findall(r"[^\W\d_]+", spaced)}
    is_bass = bool(words & BASS) and not words & NO_BASS
    is_lead = bool(words & VOICE) and words <= VOICE | OF_LEAD
    return bool(words & DRUMS) or is_bass or is_lead

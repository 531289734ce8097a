"""Which tracks engineers leave in the middle, told by the names of their files.

Kick, snare, bass and lead voice stand in the middle of nearly every mix; a model that knows no
instruments would use them to make width. So leaving the middle costs them something: the others
make the width, and where they cannot, these lean a little. Others there have to be: a channel for
each side at least. And a reference with its own lows at a side wants kick and bass there.
"""

import re
from collections.abc import Sequence
from itertools import compress
from pathlib import PurePosixPath

import numpy as np

from diffmst_jax.mixing.sources.finding import Patterns
from diffmst_jax.mixing.sources.reference import Reference
from diffmst_jax.mixing.sources.strips import Strip, strips_named

# In English, then as German, French, Spanish, Portuguese and Italian sessions have them.
KICK = frozenset({"bassdrum", "bd", "kick", "kickdrum", "kik", "bombo", "bumbo"})
SNARE = frozenset({"sn", "snare", "snaredrum", "snr", "caja", "caixa", "rullante"})
BASS = frozenset({"bass", "bassgtr", "bassguitar", "bassline", "sub", "subbass"}) | frozenset(
    {"bajo", "baixo", "basse", "basso"}
)
NO_BASS = frozenset(
    {"clarinet", "flute", "oboe", "recorder", "sax", "saxophone", "singer", "trombone", "trumpet"}
) | frozenset({"clarinete", "clarinette", "clarinetto", "flauta", "flauto", "saxofon", "saxofone"})
VOICE = frozenset(
    {"leadvocal", "leadvocals", "leadvox", "singer", "vocal", "vocals", "voice", "vox"}
) | frozenset({"gesang", "leadgesang", "stimme", "voix", "voz", "voce"})
# Any other word, such as backing, double or echo, makes it another voice than the lead.
OF_LEAD = frozenset(
    {"bridge", "chorus", "comp", "dry", "female", "lead", "main", "male", "mono", "verse"}
) | frozenset({"haupt", "principal", "principale", "strophe", "refrain"})

SIDES = 2
HALF = 0.5  # of the references' weights, which sum to 1

NAMED_PRICE = 0.1
"""As for `Model.controls`."""


def prices_of_leaving(
    strips: Sequence[Strip], centre: Patterns | None, references: Sequence[Reference]
) -> np.ndarray:
    """What it costs each strip to leave the middle, `(strips,)`, as for `Model.controls`.

    Args:
        strips: of the song.
        centre: patterns of names, which stay there: their price is infinite. None for those that
            are called so (`named_lows`, `named_front`), at a price of `NAMED_PRICE`, where others
            are left for the sides; lows only if the references, by their weights, have more of
            theirs in the middle than not.
        references: what is mixed after.

    Raises:
        InputError: a pattern matches none.
    """
    if centre is not None:
        return np.where(strips_named(strips, centre, option="--centre"), np.inf, 0.0)
    found, lows = (
        np.array([is_named(strip.file) for strip in strips])
        for is_named in (named_front, named_lows)
    )
    if lows.any() and sum(item.weight for item in references if item.has_central_lows) > HALF:
        found |= lows
    others = sum(len(strip.channels) for strip in compress(strips, ~found))
    return NAMED_PRICE * (found & (others >= SIDES))


def named_lows(file: str) -> bool:
    """Whether a file is called like a kick or a bass."""
    words = _words(file)
    return bool(words & KICK) or (bool(words & BASS) and not words & NO_BASS)


def named_front(file: str) -> bool:
    """Whether a file is called like a snare or the lead voice."""
    words = _words(file)
    return bool(words & SNARE) or (bool(words & VOICE) and words <= VOICE | OF_LEAD)


def _words(file: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", PurePosixPath(file).stem)  # LeadVox
    return {word.lower() for word in re.findall(r"[^\W\d_]+", spaced)}

"""Names, colours and numbers as sessions show them."""

import colorsys
import re

from diffmst_jax.mixing.console.settings import Provenance

MIX_NAME = "Finished mix (to compare, muted)"
RETURN_NAME = "Effects return (printed)"
LIVE_BUS_NAME = "Effects bus (live, muted)"

MADE_HERE = "Mixed by diffmst"

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def label(provenance: Provenance) -> str:
    """Say in one line where a mix comes from."""
    text = MADE_HERE
    if provenance.reference:
        text += f", in the style of {provenance.reference}"
    if provenance.model:
        text += f", model {provenance.model}"
    if provenance.amount not in ("", "1", "1.0"):
        text += f", amount {provenance.amount}"
    return text


def color(index: int, count: int) -> str:
    """Colour of a track, `#rrggbb`: once around the hues in the order of the tracks."""
    red, green, blue = colorsys.hsv_to_rgb(index / max(count, 1), 0.45, 0.85)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def xml_text(text: str, instead: str = "") -> str:
    """Leave out, or replace, what XML cannot hold: control characters and lone surrogates."""
    return NOT_IN_XML.sub(instead, text)

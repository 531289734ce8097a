"""The console's finished mix from the song's files to a file, in the same memory for any length."""

from collections import deque
from pathlib import Path

from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing.dither import write_pieces
from diffmst_jax.mixing.finishing.output import Level, find_level, finished_pieces
from diffmst_jax.mixing.rendering.song import FileTape, record_song
from diffmst_jax.page.overview import Drawing, Heard, heard_as
from diffmst_jax.page.workspace import Song
from diffmst_jax.progress import Tell


def render_console(
    song: Song, settings: MixSettings, out: Path | None, subtype: str, tell: Tell
) -> tuple[Level, Heard]:
    """Render a console as `diffmst render` does, and measure what comes out.

    Args:
        song: whose tracks.
        settings: the console.
        out: audio file to write, if any.
        subtype: its sample format, in libsndfile's names.
        tell: told about progress.

    Raises:
        InputError: a file cannot be used, or there is no room.
    """
    tell("Reading", 0.0)
    with FileTape(out or song.own("result.wav")) as tape:
        recorded = record_song(song.folder, settings, tape, lambda done: tell("Mixing", 0.9 * done))
        tell("Writing", 0.9)
        level = find_level(recorded, settings.target)
        drawing = Drawing(tape.frames)
        pieces = drawing.drawn(finished_pieces(recorded, level))
        if out is None:
            deque(pieces, maxlen=0)
        else:
            write_pieces(out, pieces, subtype=subtype)
    return level, heard_as(drawing, level.loudness_lufs)

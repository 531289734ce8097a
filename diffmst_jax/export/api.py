"""From a console and its tracks to a session on disk."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from diffmst_jax.errors import InputError
from diffmst_jax.export.contents import Contents
from diffmst_jax.export.dawproject import write_dawproject
from diffmst_jax.export.effects_return import EffectsReturn, effects_return
from diffmst_jax.export.labels import xml_text
from diffmst_jax.export.leaning import with_leans_in_audio
from diffmst_jax.export.media import (
    MIX_FILE,
    RESPONSE_FILE,
    WET_FILE,
    Count,
    Media,
    Return,
    linked_path,
    media_of,
    printed,
)
from diffmst_jax.export.notes import (
    PRINTED_NOTE,
    SILENT_NOTE,
    dawproject_notes,
    notes_text,
    reaper_notes,
)
from diffmst_jax.export.printing import printed_names, with_effects_in_audio
from diffmst_jax.export.reaper import project_files, write_reaper
from diffmst_jax.export.rpp_text import sayable
from diffmst_jax.export.session import session_of
from diffmst_jax.mixing.console.file import load_console
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.finishing.limits import SESSION_FORMATS
from diffmst_jax.mixing.finishing.output import find_level, finished_pieces
from diffmst_jax.mixing.rendering.song import FileTape, record_song, unlisted_words
from diffmst_jax.mixing.signals.measure import decibels
from diffmst_jax.mixing.sources.finding import Source, find_tracks
from diffmst_jax.mixing.sources.inputs import song_name
from diffmst_jax.mixing.sources.overwriting import check_apart, check_not_among_tracks
from diffmst_jax.progress import Progress, Tell, tell_nobody


class Exported(NamedTuple):
    """A session that was written.

    Attributes:
        path: its file.
        tracks: how many recordings it has.
        notes: sentences on what is carried another way than the console does it.
    """

    path: Path
    tracks: int
    notes: list[str]


def export_session(
    tracks: Source,
    console: str | Path | MixSettings,
    out: str | Path,
    *,
    file_format: str | None = None,
    link: bool = False,
    print_effects: bool = False,
    progress: Tell | None = None,
) -> Exported:
    """Write a mix as a session of a workstation.

    Args:
        tracks: folder or files of the song that was mixed.
        console: a `console.json`, or `MixResult.console`.
        out: file to write, `.dawproject` or `.rpp`; REAPER gets a folder of audio and one of
            effects beside it.
        file_format: one of `SESSION_FORMATS`; None goes by the ending of `out`.
        link: refer to recordings where they lie instead of copying them, if they are used as
            they are.
        print_effects: put equalizer and compressor of each track into its audio, for a workstation
            that would leave them out; the balance stays in faders and pans.
        progress: called with the stage and the fraction done.

    Raises:
        InputError: something given cannot be used; says what and why.
    """
    tell = progress or tell_nobody
    out = Path(out)
    name = check_format(out, file_format)
    settings = console if isinstance(console, MixSettings) else load_console(console)
    tell("Reading", 0.0)
    media = media_of(tracks, settings.strips, link=link and not print_effects)
    for item in media:
        if item.is_linked:  # refused before there is anything to lose
            linked_path(item, out, sayable if name == "reaper" else xml_text)
    written = [out]
    if name == "reaper":
        names = _audio_names(media, settings, print_effects=print_effects)
        written = project_files(out, names)
    read = [*find_tracks(tracks)[1], *([] if isinstance(console, MixSettings) else [Path(console)])]
    check_apart(written, read, remedy="give --out another name")
    check_not_among_tracks(written, tracks)
    with FileTape(out) as tape:
        recorded = record_song(
            tracks, settings, tape, lambda done: tell("Mixing", 0.1 + 0.4 * done)
        )
        level = find_level(recorded, settings.target)
        session = session_of(settings, level.gain_db, trim_db=decibels(level.trim))
        pans = [track.pan for track in session.tracks]
        effects = None
        if settings.config.reverb:
            tell("Printing", 0.5)
            effects = _return(effects_return(settings, tracks))
        notes = unlisted_words(tracks, settings)
        notes += [SILENT_NOTE] if math.isinf(level.loudness_lufs) else []
        if print_effects:
            notes.append(PRINTED_NOTE)
            session, media = with_effects_in_audio(session, media, settings, tracks)
        mix = None
        if name == "dawproject":
            mix = printed(MIX_FILE, lambda: finished_pieces(recorded, level), (2, tape.frames))
            notes += dawproject_notes(session, media, level.limiting_db)
            session, media = with_leans_in_audio(session, media)
        else:
            notes += reaper_notes(session, media)
        title = song_name(tracks)
        text = notes_text(session, title, notes, pans)
        contents = Contents(session, media, title, text, effects, mix)
        write = write_dawproject if name == "dawproject" else write_reaper
        count = _counter(media, lambda done: tell("Writing", 0.7 + 0.3 * done))
        write(out, contents, count=count)
    return Exported(out, len(media), notes)


def check_format(out: Path, file_format: str | None) -> str:
    """Name the format of a session's file.

    Raises:
        InputError: its ending names none, or another than asked for.
    """
    endings = " or ".join(SESSION_FORMATS.values())
    wanted = None if file_format is None else SESSION_FORMATS[file_format]
    for name, ending in SESSION_FORMATS.items():
        if out.suffix.lower() == ending and wanted in (None, ending):
            return name
    problem = f"does not end in {wanted or endings}"
    raise InputError(out, problem, f"give --out a name that ends in {wanted or endings}")


def _audio_names(
    media: Sequence[Media], settings: MixSettings, *, print_effects: bool
) -> list[str]:
    """Audio files that a session gets as its own: all but the recordings that it refers to."""
    names = [item.name for item in media if not item.is_linked]
    if print_effects:
        names = printed_names(media)
    return [*names, *((WET_FILE, RESPONSE_FILE) if settings.config.reverb else ())]


def _return(effects: EffectsReturn) -> Return:
    return Return(
        printed(WET_FILE, lambda: [effects.wet], effects.wet.shape),
        effects.wet_gain_db,
        printed(RESPONSE_FILE, lambda: [effects.response], effects.response.shape),
        effects.response_gain_db,
    )


def _counter(media: Sequence[Media], progress: Progress) -> Count:
    total, done = sum(item.size for item in media), 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        progress(min(1.0, done / max(total, 1)))

    return count

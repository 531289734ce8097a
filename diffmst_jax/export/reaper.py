"""REAPER projects: `.RPP` text, the audio beside it, and the console as JSFX.

Tracks have volume and pan of REAPER's own. Mono tracks have the -3 dB pan law with the sine taper,
which is the constant-power law; everything else passes at 0 dB. Equalizer, compressor and limiter
are the effects in `jsfx/`, which are the console's own equations.

Source: the project format as the community documents it (ReaTeam/Doc, "State Chunk Definitions")
and the ReaScript API's description of pan laws.
"""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.export.contents import Contents
from diffmst_jax.export.jsfx_settings import (
    CHANNEL,
    LIMITER,
    MASTER,
    Sliders,
    channel_sliders,
    effect_files,
    limiter_sliders,
    master_sliders,
    slider_values,
)
from diffmst_jax.export.labels import LIVE_BUS_NAME, MADE_HERE, RETURN_NAME, color, label
from diffmst_jax.export.media import (
    NOTES_FILE,
    Count,
    Media,
    Return,
    linked_path,
    write_media,
)
from diffmst_jax.export.rpp_text import Chunk, one_line, sayable
from diffmst_jax.export.session import Session, SessionTrack
from diffmst_jax.files import folder_written_beside, written_beside
from diffmst_jax.mixing.signals.measure import factor
from diffmst_jax.reaching import is_there

EFFECTS_FOLDER = Path("Effects", "diffmst")
"""Where REAPER looks for the effects, below its resource path or beside a project."""

FORMAT_VERSION, REAPER_VERSION = "0.1", "6.0"
TEMPO_BPM = 120
"""Of the empty grid; tracks and items lie on time, so it moves and stretches nothing."""

THREE_DB_LAW, NO_LAW = 0.5**0.5, 1.0
SINE_TAPER = 0
BALANCE_MODE = 3
SLIDERS_SAVED = 64
SOURCES = {".wav": "WAVE", ".aiff": "WAVE", ".aif": "WAVE", ".flac": "FLAC"}


def write_reaper(path: str | Path, contents: Contents, *, count: Count) -> None:
    """Write a project with its audio and its effects, whole or not at all.

    Args:
        path: the project's file; audio goes to a folder named after it, effects to
            `Effects/diffmst`, both beside it.
        contents: what to write. A finished mix is left out, for the project's own is the same. The
            notes become the project's and a file with the audio.
        count: told how many bytes of audio were dealt with.

    Raises:
        InputError: a recording cannot be read, the place cannot be written to, or the project could
            not say where its audio lies.
    """
    path = Path(path)
    folder = _audio_folder(path)
    effects = contents.effects
    written = [*contents.media, *([effects.wet, effects.response] if effects else [])]
    places = {
        item.name: linked_path(item, path, sayable) if item.is_linked else _place(path, item.name)
        for item in written
    }
    project = project_chunk(contents, places)
    with (
        written_beside(path) as beside,
        folder_written_beside(path.parent / EFFECTS_FOLDER) as effects_beside,
        folder_written_beside(folder) as audio_beside,
    ):
        for effect in effect_files():
            (effects_beside / effect.name).write_bytes(effect.read_bytes())
        (audio_beside / NOTES_FILE).write_text(contents.notes, encoding="utf-8")
        for item in written:
            if item.is_linked:
                count(item.size)
                continue
            with (audio_beside / item.name).open("wb") as file:
                write_media(item, file, count)
        beside.write_text(project.text(), encoding="utf-8")


def project_files(path: Path, audio: Iterable[str]) -> list[Path]:
    """Name the files of a project, whose audio has these names.

    Raises:
        InputError: the project could not say where its audio lies, or there lies what is of no
            earlier session.
    """
    effects = [path.parent / EFFECTS_FOLDER / effect.name for effect in effect_files()]
    notes = _audio_folder(path) / NOTES_FILE
    files = [notes, *(path.parent / _place(path, name) for name in audio)]
    taken = [file for file in files if is_there(file)]
    if taken and not _is_made_here(notes):
        raise InputError(taken[0], "is of no earlier session", "give --out another name")
    return [path, *effects, *files]


def _is_made_here(notes: Path) -> bool:
    """Whether the notes in a folder of audio are a session's, and the folder ours to write in."""
    try:
        with notes.open(encoding="utf-8", errors="replace") as text:
            return MADE_HERE in text.readline()
    except OSError:
        return False


def _audio_folder(path: Path) -> Path:
    return path.parent / f"{path.stem} audio"


def _place(path: Path, name: str) -> str:
    """Where a file of a project's own audio lies, from the project's folder.

    Raises:
        InputError: the project cannot say it, so it would point elsewhere.
    """
    place = f"{_audio_folder(path).name}/{name}"
    if sayable(place) != place:
        problem = "names the folder of its audio, and a project cannot write that name"
        remedy = "give --out another name, without control characters and quotes"
        raise InputError(path, problem, remedy)
    return place


def project_chunk(contents: Contents, places: dict[str, str]) -> Chunk:
    """Lay a session out as a project; `places` says where the audio of each name is."""
    session, title, effects = contents.session, contents.title, contents.effects
    project = Chunk("REAPER_PROJECT", FORMAT_VERSION, REAPER_VERSION, 0)
    text = project.chunk("NOTES", 0, 2)
    for line in contents.notes.splitlines():
        text.raw(f"|{one_line(line)}")
    project.line("TITLE", title)
    project.line("PANLAW", NO_LAW)
    project.line("PANMODE", BALANCE_MODE)
    project.line("PANLAWFLAGS", SINE_TAPER)
    project.line("TIMELOCKMODE", 0)
    project.line("SAMPLERATE", SAMPLE_RATE, 1, 0)
    project.line("TEMPO", TEMPO_BPM, 4, 4)
    project.line("MASTER_NCH", 2, 2)
    project.line("MASTER_VOLUME", 1, 0, NO_LAW, -1, 1)
    project.line("MASTER_FX", 1)
    chain = project.chunk("MASTERFXLIST")
    _effect(chain, title, MASTER, master_sliders(session))
    _effect(chain, title, LIMITER, limiter_sliders(session.master))
    project.line("MARKER", 1, 0, label(session.provenance), 0)
    for index, track in enumerate(session.tracks):
        item = contents.media[index]
        chunk = _track(
            project,
            title,
            session.names[index],
            volume=factor(track.fader_db),
            pan=0.0 if track.is_stereo else 2 * track.pan - 1,
            law=NO_LAW if track.is_stereo else THREE_DB_LAW,
            is_muted=track.muted,
            peak_color=_native(color(index, len(session.tracks))),
        )
        if not track.is_printed:
            _effect(chunk.chunk("FXCHAIN"), title, CHANNEL, channel_sliders(session, track))
        _item(chunk, title, item, places[item.name])
    if effects is not None:
        _effects_tracks(project, title, session, effects, places)
    return project


def _effects_tracks(
    project: Chunk, title: str, session: Session, effects: Return, places: dict[str, str]
) -> None:
    """The printed return, and muted beside it the bus with the sends that it came from."""
    volume = factor(effects.wet_gain_db + session.bus_gain_db)
    printed = _track(project, title, RETURN_NAME, volume=volume)
    _item(printed, title, effects.wet, places[effects.wet.name])
    _track(
        project,
        title,
        LIVE_BUS_NAME,
        volume=factor(effects.response_gain_db),
        is_muted=True,
        sends=[(index, track) for index, track in enumerate(session.tracks)],
    )


def _track(
    project: Chunk,
    title: str,
    name: str,
    *,
    volume: float,
    pan: float = 0.0,
    law: float = NO_LAW,
    is_muted: bool = False,
    peak_color: int = 16576,
    sends: Sequence[tuple[int, SessionTrack]] = (),
) -> Chunk:
    key = _guid(title, "track", len(project.children), name)
    track = project.chunk("TRACK", key)
    track.line("NAME", name)
    track.line("PEAKCOL", peak_color)
    track.line("BEAT", 0)
    track.line("PANLAWFLAGS", SINE_TAPER)
    track.line("VOLPAN", volume, pan, law, -1, 1)
    track.line("MUTESOLO", int(is_muted), 0, 0)
    track.line("IPHASE", 0)
    track.line("ISBUS", 0, 0)
    track.line("NCHAN", 2)
    track.line("FX", 1)
    track.line("TRACKID", key)
    for index, source in sends:
        if source.send_db is not None:
            level = factor(source.send_db)
            track.line("AUXRECV", index, 0, level, 0, 0, 0, 0, 0, 0, NO_LAW, 0, -1)
    track.line("MAINSEND", 1, 0)
    return track


def _effect(chain: Chunk, title: str, effect: str, sliders: Sliders) -> None:
    values = slider_values(effect, sliders)
    chain.line("BYPASS", 0, 0, 0)
    name = (EFFECTS_FOLDER.relative_to("Effects") / effect).as_posix()
    js = chain.chunk("JS", name, "")
    js.raw(" ".join([*(f"{v:.6f}" for v in values), *["-"] * (SLIDERS_SAVED - len(values))]))
    chain.line("FXID", _guid(title, "effect", effect, *values))
    chain.line("WAK", 0, 0)


def _item(track: Chunk, title: str, media: Media, place: str) -> None:
    item = track.chunk("ITEM")
    item.line("POSITION", 0)
    item.line("LENGTH", media.duration_s)
    item.line("LOOP", 0)
    item.line("FADEIN", 0, 0, 0, 0, 0, 0, 0)
    item.line("FADEOUT", 0, 0, 0, 0, 0, 0, 0)
    item.line("IGUID", _guid(title, "item", media.name))
    item.line("NAME", Path(media.name).stem)
    item.line("VOLPAN", 1, 0, 1, -1)
    item.line("SOFFS", 0)
    item.line("PLAYRATE", 1, 1, 0, -1, 0, 0.0025)
    item.line("CHANMODE", 0)
    source = item.chunk("SOURCE", SOURCES[Path(media.name).suffix.lower()])
    source.line("FILE", place)


def _guid(*parts: object) -> str:
    """An identifier that is the same each time the same session is written."""
    name = "/".join(map(str, parts))
    return f"{{{str(uuid.uuid5(uuid.NAMESPACE_URL, name)).upper()}}}"


def _native(rgb: str) -> int:
    """Turn `#rrggbb` into the number that projects hold: blue, green, red, and a mark."""
    red, green, blue = (int(rgb[i : i + 2], 16) for i in (1, 3, 5))
    return 0x1000000 | blue << 16 | green << 8 | red

"""`.dawproject`: the exchange format that Bitwig Studio, Studio One and Cubase open.

A ZIP with `project.xml` (tracks, channels with built-in devices, clips), `metadata.xml`, the audio
files and `notes.txt`. Faders are linear, positions normalized, the timeline is in seconds.

Source: the format's XML schemas and reference, https://github.com/bitwig/dawproject, version 1.0.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from diffmst_jax import __version__
from diffmst_jax.export.contents import Contents
from diffmst_jax.export.dawproject_devices import (
    add_compressor,
    add_equalizer,
    add_limiter,
    add_real,
)
from diffmst_jax.export.labels import LIVE_BUS_NAME, MIX_NAME, RETURN_NAME, color, label, xml_text
from diffmst_jax.export.media import (
    NOTES_FILE,
    Count,
    Media,
    Return,
    linked_path,
    write_media,
)
from diffmst_jax.export.session import (
    HIGHEST_FADER_DB,
    Session,
    SessionMaster,
    SessionTrack,
    sends_over_faders_db,
)
from diffmst_jax.files import written_beside
from diffmst_jax.mixing.signals.measure import factor

FORMAT_VERSION = "1.0"
AUDIO_FOLDER = "audio"
TEMPO_BPM = 120.0
"""Of the empty grid; clips lie on a timeline in seconds, so it moves and stretches nothing."""

MASTER, BUS = "master-channel", "bus-channel"
EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_dawproject(path: str | Path, contents: Contents, *, count: Count) -> None:
    """Write a session, whole or not at all.

    Args:
        path: where to.
        contents: what to write; the notes become a file and the session's comment.
        count: told how many bytes of audio were dealt with.

    Raises:
        InputError: a recording cannot be read, the place cannot be written to, or XML could not say
            where a linked recording lies.
    """
    path = Path(path)
    media, effects, mix = contents.media, contents.effects, contents.mix
    places = [_place(item, path) for item in media]
    project = project_xml(contents, places)
    with (
        written_beside(path) as beside,
        zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive,
    ):
        texts = {
            "project.xml": _serialized(project),
            "metadata.xml": _serialized(metadata_xml(contents.title, contents.notes)),
            NOTES_FILE: contents.notes.encode(),
        }
        for name, text in texts.items():
            archive.writestr(_entry(name, zipfile.ZIP_DEFLATED), text)
        printed = [effects.wet, effects.response] if effects else []
        written = [*media, *printed, *([mix] if mix else [])]
        for item in written:
            if item.is_linked:
                count(item.size)
                continue
            with archive.open(_entry(f"{AUDIO_FOLDER}/{item.name}"), "w", force_zip64=True) as file:
                write_media(item, file, count)


def project_xml(contents: Contents, places: Sequence["Place"]) -> ET.Element:
    """Lay a session out as the `Project` element."""
    session, effects, mix = contents.session, contents.effects, contents.mix
    project = ET.Element("Project", version=FORMAT_VERSION)
    ET.SubElement(project, "Application", name="diffmst", version=__version__)
    transport = ET.SubElement(project, "Transport")
    add_real(transport, "Tempo", TEMPO_BPM, "bpm", low=20, high=666)
    ET.SubElement(transport, "TimeSignature", numerator="4", denominator="4")
    structure = ET.SubElement(project, "Structure")
    arrangement = ET.SubElement(project, "Arrangement", id="arrangement")
    lanes = ET.SubElement(arrangement, "Lanes", timeUnit="seconds", id="lanes")
    softer_db = sends_over_faders_db(session)
    for index, track in enumerate(session.tracks):
        key = f"track-{index + 1}"
        _track_xml(structure, session, index, track, softer_db)
        _clip_xml(lanes, key, contents.media[index], places[index])
    if effects is not None:
        _effects_xml(structure, lanes, session, effects, softer_db)
    if mix is not None:
        _muted_xml(structure, lanes, "mix", MIX_NAME, mix)
    _master_xml(structure, session.master)
    markers = ET.SubElement(arrangement, "Markers", timeUnit="seconds", id="markers")
    ET.SubElement(markers, "Marker", time="0.0", name=xml_text(label(session.provenance)))
    return project


def metadata_xml(title: str, notes: str) -> ET.Element:
    """Say what the file is in the `MetaData` element."""
    metadata = ET.Element("MetaData")
    ET.SubElement(metadata, "Title").text = xml_text(title)
    ET.SubElement(metadata, "Comment").text = xml_text(notes)
    return metadata


class Place(NamedTuple):
    """Where an audio file is: inside the container, or outside relative to it."""

    path: str
    is_external: bool


def _place(media: Media, path: Path) -> Place:
    if media.is_linked:
        return Place(linked_path(media, path, xml_text), is_external=True)
    return Place(f"{AUDIO_FOLDER}/{media.name}", is_external=False)


def _track_xml(
    structure: ET.Element, session: Session, index: int, track: SessionTrack, softer_db: float
) -> None:
    element = _audio_track(structure, f"track-{index + 1}", session.names[index])
    element.set("color", color(index, len(session.tracks)))
    channel = _channel(element, f"channel-{index + 1}", "regular", 2 if track.is_stereo else 1)
    devices = ET.SubElement(channel, "Devices")
    gain_db = track.output_gain_db
    if track.equalizer is not None or (gain_db and track.compressor is None):
        spare_db = gain_db if track.compressor is None else 0.0
        add_equalizer(devices, track.equalizer, spare_db)
    if track.compressor is not None:
        add_compressor(devices, track.compressor, gain_db)
    _mixer_xml(channel, track.fader_db, track.pan, is_muted=track.muted)
    if track.send_db is not None:
        sends = ET.Element("Sends")
        send = ET.SubElement(sends, "Send", destination=BUS, type="post")
        ET.SubElement(send, "Enable", value="true")
        add_real(send, "Volume", factor(track.send_db - softer_db), "linear", low=0, high=2)
        channel.insert(list(channel).index(_child(channel, "Volume")), sends)


def _effects_xml(
    structure: ET.Element, lanes: ET.Element, session: Session, effects: Return, softer_db: float
) -> None:
    """The printed return, and muted beside it the bus that it came from."""
    printed = _audio_track(structure, "return", RETURN_NAME)
    channel = _channel(printed, "return-channel", "regular", 2)
    _gain_xml(channel, effects.wet_gain_db + session.bus_gain_db)
    inside = Place(f"{AUDIO_FOLDER}/{effects.wet.name}", is_external=False)
    _clip_xml(lanes, "return", effects.wet, inside)
    name = "Effects bus, impulse response"
    _muted_xml(structure, lanes, "response", name, effects.response)
    bus = _audio_track(structure, "bus", LIVE_BUS_NAME)
    channel = _channel(bus, BUS, "effect", 2)
    _gain_xml(channel, effects.response_gain_db + softer_db, is_muted=True)


def _gain_xml(channel: ET.Element, gain_db: float, *, is_muted: bool = False) -> None:
    """Any gain: what is over the highest fader stands before it, as output gain of a device."""
    fader_db = min(gain_db, HIGHEST_FADER_DB)
    if gain_db > fader_db:
        add_equalizer(ET.SubElement(channel, "Devices"), None, gain_db - fader_db)
    _mixer_xml(channel, fader_db, 0.5, is_muted=is_muted)


def _muted_xml(structure: ET.Element, lanes: ET.Element, key: str, name: str, media: Media) -> None:
    """A track that holds stereo audio for a purpose other than to be heard at once."""
    channel = _channel(_audio_track(structure, key, name), f"{key}-channel", "regular", 2)
    _mixer_xml(channel, 0.0, 0.5, is_muted=True)
    inside = Place(f"{AUDIO_FOLDER}/{media.name}", is_external=False)
    _clip_xml(lanes, key, media, inside)


def _master_xml(structure: ET.Element, master: SessionMaster) -> None:
    element = _audio_track(structure, "master", "Master")
    channel = _channel(element, MASTER, "master", 2)
    devices = ET.SubElement(channel, "Devices")
    if master.equalizer is not None:
        add_equalizer(devices, master.equalizer, 0.0)
    if master.compressor is not None:
        add_compressor(devices, master.compressor, 0.0)
    add_limiter(devices, master.ceiling_dbtp)
    _mixer_xml(channel, 0.0, 0.5)


def _audio_track(structure: ET.Element, key: str, name: str) -> ET.Element:
    attributes = {"contentType": "audio", "loaded": "true", "id": key, "name": xml_text(name)}
    return ET.SubElement(structure, "Track", attributes)


def _channel(track: ET.Element, key: str, role: str, channels: int) -> ET.Element:
    channel = ET.SubElement(track, "Channel", role=role, audioChannels=str(channels), id=key)
    if role != "master":
        channel.set("destination", MASTER)
    return channel


def _mixer_xml(
    channel: ET.Element, fader_db: float, position: float, *, is_muted: bool = False
) -> None:
    ET.SubElement(channel, "Mute", value="true" if is_muted else "false")
    add_real(channel, "Pan", position, "normalized", low=0, high=1)
    add_real(channel, "Volume", factor(fader_db), "linear", low=0, high=2)


def _clip_xml(lanes: ET.Element, track: str, media: Media, place: Place) -> None:
    lane = ET.SubElement(lanes, "Lanes", track=track, id=f"{track}-lanes")
    clips = ET.SubElement(lane, "Clips", id=f"{track}-clips")
    duration = f"{media.duration_s:.9f}"
    clip = ET.SubElement(
        clips,
        "Clip",
        time="0.0",
        duration=duration,
        contentTimeUnit="seconds",
        playStart="0.0",
        name=xml_text(Path(media.name).stem),
    )
    audio = ET.SubElement(
        clip,
        "Audio",
        timeUnit="seconds",
        duration=duration,
        channels=str(len(media.channels)),
        sampleRate=str(media.sample_rate),
    )
    file = ET.SubElement(audio, "File", path=xml_text(place.path))
    if place.is_external:
        file.set("external", "true")


def _child(element: ET.Element, tag: str) -> ET.Element:
    child = element.find(tag)
    assert child is not None
    return child


def _serialized(element: ET.Element) -> bytes:
    ET.indent(element)
    return ET.tostring(element, encoding="utf-8", xml_declaration=True)


def _entry(name: str, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EARLIEST_ZIP_DATE)
    entry.compress_type = method
    entry.external_attr = 0o644 << 16
    return entry

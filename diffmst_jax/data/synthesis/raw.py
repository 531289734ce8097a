"""The raw multitrack of a synthetic song: a cast plays a plan, each track as it was recorded."""

from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.synthesis.drums import render_kit, room
from diffmst_jax.data.synthesis.instruments import INSTRUMENTS, Instrument, cast, vary
from diffmst_jax.data.synthesis.plan import Note, SongPlan, plan_song
from diffmst_jax.data.synthesis.tones import Audio, render_notes

# Peaks that recording engineers leave, in dBFS.
PEAK_DBFS = (-20.0, -3.0)
# Hiss and hum of microphones and amplifiers, in dBFS (RMS).
NOISE_FLOOR_DBFS = (-96.0, -76.0)
# Share of tracks that were edited or made in the computer: digital silence where they rest.
WITHOUT_NOISE = 0.6
# Share of songs that were played together in one room, and what microphones hear of the others.
TOGETHER = {"acoustic": 0.6, "chamber": 0.8, "rock": 0.35, "ballad": 0.3}
SPILL_DB = (-36.0, -18.0)
# Share of the stereo tracks that are two takes, one for each side.
TWO_TAKES = 0.2
# A player who would only come in later than so long before the end plays the beginning instead.
SHORTEST_APPEARANCE_S = 0.5
SILENT_PEAK = 1e-6


class RawSong(NamedTuple):
    """Tracks as recorded, before anybody mixed them.

    Attributes:
      plan: the music.
      tracks: (channels, frames) float32 by track name, 1 or 2 channels, all equally long.
      roles: what an engineer balances each track as: drums, bass, lead, chords or pad.
    """

    plan: SongPlan
    tracks: dict[str, Audio]
    roles: dict[str, str]


def record_song(rng: np.random.Generator, *, track_count: int, duration_s: float) -> RawSong:
    """Write, cast, play and record a song of `track_count` tracks."""
    plan = plan_song(rng, duration_s)
    frames = round(duration_s * SAMPLE_RATE)
    drum_names, players = cast(plan.style, track_count, rng)
    tracks: dict[str, Audio] = {}
    roles: dict[str, str] = {}
    if drum_names:
        active = _activity(plan, 0.4, rng)
        kit = render_kit(plan, active, frames=frames, rng=rng)
        tracks.update({name: kit[name] for name in drum_names})
        roles.update(dict.fromkeys(drum_names, "drums"))
    for name, player in players.items():
        tracks[name] = _record(plan, INSTRUMENTS[player], frames, rng)
        roles[name] = INSTRUMENTS[player].role
    if rng.random() < TOGETHER.get(plan.style, 0.0):
        heard = [name for name, player in players.items() if INSTRUMENTS[player].microphone]
        tracks |= spill(tracks, heard, rng)
    # Each in the place of what was played: long songs would be in memory twice.
    for name in tracks:
        tracks[name] = _as_recorded(tracks[name], rng)
    return RawSong(plan, tracks, roles)


def _record(plan: SongPlan, instrument: Instrument, frames: int, rng: np.random.Generator) -> Audio:
    """Play one instrument through the song and record it."""
    voice = vary(instrument.voice, rng)
    stereo = bool(rng.random() < instrument.stereo)
    notes: list[Note] = []
    for section, on in zip(plan.sections, _playing(plan, instrument, rng), strict=True):
        if on:
            notes += instrument.part(plan, section, instrument.centre_midi, rng)
    if not any(note.start_s < plan.duration_s - SHORTEST_APPEARANCE_S for note in notes):
        notes = instrument.part(plan, plan.sections[0], instrument.centre_midi, rng)
    if stereo and rng.random() < TWO_TAKES:
        takes = (notes, _again(notes, rng))
        sides = [render_notes(t, voice, frames=frames, stereo=False, rng=rng) for t in takes]
        audio = np.concatenate(sides)
    else:
        audio = render_notes(notes, voice, frames=frames, stereo=stereo, rng=rng)
    if rng.random() < instrument.room:
        decay_s = rng.uniform(0.15, 0.8)
        wet = room(audio, rng, decay_s=decay_s, dry=1.0 / rng.uniform(0.1, 0.6))
        audio = wet if stereo else wet[:1]
    return audio


def _again(notes: list[Note], rng: np.random.Generator) -> list[Note]:
    """Play the same notes once more, not quite at the same times."""
    late_s = rng.normal(0.0, 0.012, len(notes))
    return [
        note._replace(start_s=max(note.start_s + float(late), 0.0))
        for note, late in zip(notes, late_s, strict=True)
    ]


def spill(tracks: dict[str, Audio], heard: list[str], rng: np.random.Generator) -> dict[str, Audio]:
    """Let microphones hear, quietly and late, everybody else in the room."""
    levelled = {n: t.mean(axis=0) / max(float(np.max(np.abs(t))), 1e-6) for n, t in tracks.items()}
    everybody = sum(levelled.values(), np.zeros(next(iter(tracks.values())).shape[1], np.float32))
    spilled = {}
    for name in heard:
        gain = 10 ** (rng.uniform(*SPILL_DB) / 20) * float(np.max(np.abs(tracks[name])))
        late = round(rng.uniform(0.003, 0.015) * SAMPLE_RATE)
        others = np.roll(everybody - levelled[name], late)
        others[:late] = 0.0
        spilled[name] = tracks[name] + np.float32(gain) * others
    return spilled


def _playing(plan: SongPlan, instrument: Instrument, rng: np.random.Generator) -> list[bool]:
    """Choose the sections an instrument plays in; some play in a single one."""
    if rng.random() < instrument.rare:
        only = int(rng.integers(len(plan.sections)))
        return [index == only for index in range(len(plan.sections))]
    return _activity(plan, instrument.entry, rng)


def _activity(plan: SongPlan, entry: float, rng: np.random.Generator) -> list[bool]:
    """Choose the sections somebody plays in: full ones, sparse ones now and then, at least one."""
    playing = [
        section.energy + plan.fullness + rng.normal(0.0, 0.12) >= entry or bool(rng.random() < 0.07)
        for section in plan.sections
    ]
    if not any(playing):
        playing[int(np.argmax([section.energy for section in plan.sections]))] = True
    return playing


def _as_recorded(audio: Audio, rng: np.random.Generator) -> Audio:
    """Set the peak where a recording engineer might have, and add the noise of the chain."""
    peak = float(np.max(np.abs(audio)))
    gain = 10 ** (rng.uniform(*PEAK_DBFS) / 20) / max(peak, SILENT_PEAK)
    if rng.random() < WITHOUT_NOISE:
        return np.asarray(np.float32(gain) * audio, np.float32)
    noise = 10 ** (rng.uniform(*NOISE_FLOOR_DBFS) / 20)
    hiss = rng.standard_normal(audio.shape, np.float32)
    return np.float32(gain) * audio + np.float32(noise) * hiss

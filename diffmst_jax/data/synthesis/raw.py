"""The raw multitrack of a synthetic song: a cast plays a plan, each track as it was recorded."""

from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.synthesis.drums import render_kit, room
from diffmst_jax.data.synthesis.instruments import INSTRUMENTS, Instrument, cast, vary
from diffmst_jax.data.synthesis.plan import SongPlan, plan_song
from diffmst_jax.data.synthesis.tones import Audio, render_notes

# Peaks that recording engineers leave, in dBFS.
PEAK_DBFS = (-20.0, -3.0)
# Hiss and hum of microphones and amplifiers, in dBFS (RMS).
NOISE_FLOOR_DBFS = (-96.0, -72.0)
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
    return RawSong(plan, {n: _as_recorded(t, rng) for n, t in tracks.items()}, roles)


def _record(plan: SongPlan, instrument: Instrument, frames: int, rng: np.random.Generator) -> Audio:
    """Play one instrument through the song and record it."""
    voice = vary(instrument.voice, rng)
    stereo = bool(rng.random() < instrument.stereo)
    notes = []
    for section, on in zip(plan.sections, _activity(plan, instrument.entry, rng), strict=True):
        if on:
            notes += instrument.part(plan, section, instrument.centre_midi, rng)
    audio = render_notes(notes, voice, frames=frames, stereo=stereo, rng=rng)
    if rng.random() < instrument.room:
        decay_s = rng.uniform(0.15, 0.8)
        wet = room(audio, rng, decay_s=decay_s, dry=1.0 / rng.uniform(0.1, 0.6))
        audio = wet if stereo else wet[:1]
    return audio


def _activity(plan: SongPlan, entry: float, rng: np.random.Generator) -> list[bool]:
    """Choose the sections somebody plays in: full ones, sparse ones now and then, at least one."""
    playing = [
        section.energy + rng.normal(0.0, 0.1) >= entry or bool(rng.random() < 0.1)
        for section in plan.sections
    ]
    if not any(playing):
        playing[int(np.argmax([section.energy for section in plan.sections]))] = True
    return playing


def _as_recorded(audio: Audio, rng: np.random.Generator) -> Audio:
    """Set the peak where a recording engineer might have, and add the noise of the chain."""
    peak = float(np.max(np.abs(audio)))
    gain = 10 ** (rng.uniform(*PEAK_DBFS) / 20) / max(peak, SILENT_PEAK)
    noise = 10 ** (rng.uniform(*NOISE_FLOOR_DBFS) / 20)
    hiss = rng.standard_normal(audio.shape, np.float32)
    recorded: Audio = np.float32(gain) * audio + np.float32(noise) * hiss
    return recorded

"""The instruments that a synthetic song is cast from: data, one row each."""

from dataclasses import dataclass, replace

import numpy as np

from diffmst_jax.data.synthesis import parts
from diffmst_jax.data.synthesis.tones import Voice


@dataclass(frozen=True)
class Instrument:
    """One line of the cast.

    Attributes:
      part: what it plays.
      centre_midi: the middle of its register.
      voice: how it sounds.
      stereo: probability that it was recorded in stereo.
      entry: how full a section must be (0 to 1) before it plays.
      room: probability that its track holds some of the room.
      rare: probability that it plays in one section only.
      microphone: recorded by one, which hears others who play in the same room.
      styles: where it fits; empty for everywhere.
      role: what an engineer balances it as.
    """

    part: parts.Part
    centre_midi: float
    voice: Voice
    stereo: float = 0.0
    entry: float = 0.3
    room: float = 0.3
    rare: float = 0.15
    microphone: bool = False
    styles: tuple[str, ...] = ()
    role: str = "chords"


BASS_PLUCKED = Voice(click=0.25, dark=2.2, bright=1.0, decay_s=0.9, sustain=0.15, brightness_s=0.15)
BASS_SYNTH = Voice(dark=1.6, bright=0.9, decay_s=0.3, sustain=0.5, brightness_s=0.2)
GUITAR_ACOUSTIC = Voice(
    click=0.5,
    dark=1.7,
    bright=0.7,
    decay_s=0.8,
    brightness_s=0.25,
    resonances_hz=(110.0, 220.0, 400.0),
)
GUITAR_DRIVEN = Voice(
    click=0.2, dark=1.2, bright=0.7, decay_s=1.5, sustain=0.4, brightness_s=0.8, drive=8.0
)
GUITAR_CLEAN = Voice(
    click=0.3, dark=1.6, bright=0.8, decay_s=1.0, sustain=0.05, brightness_s=0.3, drive=1.2
)
PIANO = Voice(
    click=0.35,
    dark=2.2,
    bright=1.1,
    decay_s=1.2,
    brightness_s=0.4,
    players=2,
    detune_cents=1.5,
    release_s=0.1,
)
ORGAN = Voice(dark=1.5, bright=1.2, even=0.7, sustain=1.0, vibrato_cents=8, vibrato_hz=6.3)
PAD = Voice(
    dark=2.4,
    bright=1.4,
    attack_s=0.4,
    sustain=1.0,
    release_s=0.5,
    brightness_s=1.5,
    players=3,
    detune_cents=7,
)
STRINGS = Voice(
    dark=1.3,
    bright=1.0,
    attack_s=0.12,
    sustain=0.9,
    release_s=0.2,
    vibrato_cents=18,
    players=3,
    detune_cents=6,
    resonances_hz=(450.0, 1000.0, 2800.0),
)
LEAD_SYNTH = Voice(
    dark=1.3, bright=0.7, sustain=0.7, brightness_s=0.3, players=2, detune_cents=8, vibrato_cents=10
)
FLUTE = Voice(
    dark=2.2,
    bright=1.6,
    even=0.6,
    attack_s=0.05,
    sustain=0.9,
    vibrato_cents=20,
    vibrato_hz=5,
    breath=0.12,
)
BRASS = Voice(
    dark=1.6,
    bright=0.6,
    attack_s=0.035,
    sustain=0.85,
    brightness_s=0.5,
    breath=0.03,
    resonances_hz=(1200.0,),
)
PLUCK = Voice(click=0.3, dark=1.8, bright=0.7, decay_s=0.18, brightness_s=0.06)
MARIMBA = Voice(click=0.5, dark=3.5, bright=1.8, even=0.2, decay_s=0.3, brightness_s=0.05)
SINGER = Voice(
    dark=1.2,
    bright=0.9,
    attack_s=0.04,
    sustain=0.9,
    release_s=0.09,
    vibrato_cents=35,
    breath=0.06,
    sung=True,
)
CHOIR = replace(SINGER, players=3, detune_cents=9, attack_s=0.12, breath=0.03)

SWELL_NOISE = Voice(
    dark=1.0, bright=0.5, attack_s=1.2, sustain=1.0, release_s=0.3, breath=4.0, brightness_s=0.5
)
STAB = Voice(
    dark=1.1, bright=0.6, decay_s=0.12, sustain=0.1, brightness_s=0.1, players=2, detune_cents=9
)
SUB = Voice(dark=4.0, bright=2.5, attack_s=0.008, decay_s=0.7, sustain=0.4, even=0.3)
BELL = Voice(dark=1.4, bright=0.7, even=0.1, decay_s=0.9, brightness_s=0.08, click=0.3)
SHAKER = Voice(dark=3.0, bright=2.0, decay_s=0.03, release_s=0.02, breath=12.0, attack_s=0.008)
REED = Voice(
    dark=1.3, bright=0.9, even=0.35, attack_s=0.03, sustain=0.9, vibrato_cents=12, breath=0.04,
    resonances_hz=(1500.0,),
)  # fmt: skip

ELECTRIC = ("rock", "pop", "ballad")
MADE = ("electronic", "hiphop", "pop", "ambient")
PLAYED = ("acoustic", "chamber", "ballad", "rock", "pop")
INSTRUMENTS: dict[str, Instrument] = {
    "bass": Instrument(
        parts.bass_line,
        36,
        BASS_PLUCKED,
        room=0.0,
        styles=(*ELECTRIC, "acoustic", "hiphop"),
        role="bass",
    ),
    "bass_synth": Instrument(parts.bass_line, 34, BASS_SYNTH, room=0.0, styles=MADE, role="bass"),
    "vocal": Instrument(parts.melody, 62, SINGER, entry=0.5, microphone=True, role="lead"),
    "guitar_driven_left": Instrument(
        parts.power_chords, 45, GUITAR_DRIVEN, entry=0.5, styles=ELECTRIC
    ),
    "guitar_driven_right": Instrument(
        parts.power_chords, 45, GUITAR_DRIVEN, entry=0.5, styles=ELECTRIC
    ),
    "guitar_acoustic": Instrument(
        parts.strummed_chords,
        55,
        GUITAR_ACOUSTIC,
        stereo=0.4,
        microphone=True,
        styles=(*ELECTRIC, "acoustic"),
    ),
    "guitar_clean": Instrument(
        parts.arpeggio, 59, GUITAR_CLEAN, stereo=0.1, styles=(*ELECTRIC, "acoustic")
    ),
    "piano": Instrument(parts.strummed_chords, 58, PIANO, stereo=0.8),
    "organ": Instrument(parts.held_chords, 60, ORGAN, stereo=0.5, entry=0.5),
    "pad": Instrument(parts.held_chords, 64, PAD, stereo=0.8, entry=0.35, role="pad"),
    "strings": Instrument(
        parts.held_chords, 67, STRINGS, stereo=0.7, entry=0.6, room=0.8, role="pad"
    ),
    "choir": Instrument(parts.held_chords, 62, CHOIR, stereo=0.7, entry=0.8, role="pad"),
    "lead_synth": Instrument(parts.melody, 72, LEAD_SYNTH, stereo=0.3, entry=0.6, styles=MADE),
    "flute": Instrument(
        parts.melody, 76, FLUTE, entry=0.7, room=0.7, microphone=True, styles=PLAYED, role="lead"
    ),
    "brass": Instrument(parts.melody, 65, BRASS, entry=0.8, room=0.5, microphone=True, role="lead"),
    "pluck": Instrument(parts.arpeggio, 70, PLUCK, stereo=0.3, entry=0.4, styles=MADE),
    "marimba": Instrument(parts.arpeggio, 68, MARIMBA, stereo=0.6, entry=0.5, room=0.5),
    "backing_vocal_1": Instrument(parts.melody, 66, SINGER, entry=0.8, role="pad"),
    "backing_vocal_2": Instrument(parts.melody, 58, SINGER, entry=0.8, role="pad"),
    "violin": Instrument(
        parts.melody, 74, replace(STRINGS, players=1), entry=0.7, room=0.6, role="lead"
    ),
    "cello": Instrument(parts.bass_line, 45, replace(STRINGS, players=1), entry=0.6, styles=PLAYED),
}

INSTRUMENTS |= {
    "bass_sub": Instrument(parts.bass_line, 31, SUB, room=0.0, styles=MADE, role="bass"),
    "double_bass": Instrument(
        parts.bass_line, 38, replace(STRINGS, players=1), room=0.8, microphone=True,
        styles=("chamber", "acoustic"), role="bass",
    ),
    "stabs": Instrument(parts.stabs, 62, STAB, stereo=0.5, entry=0.5, rare=0.4, styles=MADE),
    "horn_stabs": Instrument(
        parts.stabs, 64, BRASS, stereo=0.5, entry=0.7, room=0.6, rare=0.4, microphone=True
    ),
    "bell": Instrument(parts.answers, 79, BELL, stereo=0.4, entry=0.4, room=0.5, rare=0.3),
    "vocal_answers": Instrument(
        parts.answers, 65, SINGER, stereo=0.2, entry=0.6, rare=0.4, microphone=True, role="lead"
    ),
    "guitar_answers": Instrument(
        parts.answers, 64, GUITAR_DRIVEN, entry=0.5, rare=0.3, styles=(*ELECTRIC, "hiphop")
    ),
    "riser": Instrument(
        parts.swell, 55, SWELL_NOISE, stereo=0.8, entry=0.2, rare=0.5, styles=MADE, role="pad"
    ),
    "reverse_pad": Instrument(
        parts.swell, 60, replace(PAD, attack_s=1.5), stereo=0.8, rare=0.3, styles=MADE, role="pad"
    ),
    "shaker": Instrument(parts.shake, 80, SHAKER, stereo=0.2, entry=0.5, role="hihat"),
    "reed": Instrument(
        parts.melody, 67, REED, entry=0.6, room=0.6, microphone=True, styles=PLAYED, role="lead"
    ),
    "viola": Instrument(
        parts.arpeggio, 60, replace(STRINGS, players=1), room=0.7, microphone=True,
        styles=("chamber", "ballad"),
    ),
    "harp": Instrument(
        parts.arpeggio, 67, replace(PIANO, players=1, decay_s=0.7), stereo=0.7, room=0.6,
        styles=("chamber", "ambient", "ballad"),
    ),
}  # fmt: skip

# Probability that a style has drums at all; else always.
DRUMS = {"acoustic": 0.6, "chamber": 0.1, "ambient": 0.5, "ballad": 0.85}

# In this order the close microphones are left out when a song has few tracks.
DRUM_TRACKS = ("kick", "snare", "overheads", "hihat", "drum_room", "tom_low", "tom_high")


def cast(style: str, count: int, rng: np.random.Generator) -> tuple[list[str], dict[str, str]]:
    """Choose who plays.

    Args:
      style: of the song plan.
      count: tracks (files) in all, at least 2.
      rng: source of the choice.

    Returns:
      Names of the drum tracks, and a dict from track name to instrument name; `count` in all.
      Large casts hold an instrument twice (`piano`, `piano_2`).
    """
    fitting = [n for n, i in INSTRUMENTS.items() if not i.styles or style in i.styles]
    wanted = int(rng.integers(1, 8)) if rng.random() < DRUMS.get(style, 1.0) else 0
    drums = min(wanted, count - 2, len(DRUM_TRACKS))
    basses = [n for n in fitting if INSTRUMENTS[n].role == "bass"]
    names = [str(rng.choice(basses))]
    if rng.random() < 0.75:
        names.append("vocal")
    rest = [n for n in fitting if n not in names and INSTRUMENTS[n].role != "bass"]
    names += [str(n) for n in rng.permutation(rest)]
    doubles = {f"{n}_2": n for n in names[1:]}
    players = {**{n: n for n in names}, **doubles}
    chosen = list(players)[: count - drums]
    return list(DRUM_TRACKS[:drums]), {name: players[name] for name in chosen}


def vary(voice: Voice, rng: np.random.Generator) -> Voice:
    """Return a voice of the same kind as another maker would have built it."""
    return replace(
        voice,
        dark=voice.dark * rng.uniform(0.85, 1.15),
        bright=voice.bright * rng.uniform(0.8, 1.2),
        attack_s=voice.attack_s * rng.uniform(0.7, 1.5),
        decay_s=voice.decay_s * rng.uniform(0.6, 1.6),
        brightness_s=voice.brightness_s * rng.uniform(0.6, 1.8),
        drive=voice.drive * rng.uniform(0.4, 2.0),
        cabinet_hz=voice.cabinet_hz * rng.uniform(0.8, 1.3),
    )

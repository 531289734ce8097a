"""What each kind of player plays over a song plan: bass lines, chords, arpeggios and melodies."""

from collections.abc import Callable

import numpy as np

from diffmst_jax.data.synthesis.plan import Note, Section, SongPlan

Part = Callable[[SongPlan, Section, float, np.random.Generator], list[Note]]

# Onsets (in sixteenths of a bar) of the rhythms that basses and strummed chords draw from.
RHYTHMS: tuple[tuple[int, ...], ...] = (
    (0, 2, 4, 6, 8, 10, 12, 14),
    (0, 6, 8, 14),
    (0, 3, 6, 8, 11, 14),
    (0, 4, 8, 12),
    (0, 8),
    (0, 6, 10, 12),
)


def bass_line(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """Roots in a steady rhythm, with a fifth or an octave now and then."""
    rhythm = RHYTHMS[rng.integers(len(RHYTHMS))]
    gate = rng.uniform(0.6, 0.95)
    notes = []
    for bar in _bars(section):
        root = _fold(plan.pitch(plan.degree_at(section, bar)), centre_midi)
        for step, length in _steps(rhythm, plan):
            leap = int(rng.choice([0, 0, 0, 0, 7, 12])) if step else 0
            notes.append(_note(plan, bar, step, gate * length, root + leap, rng))
    return notes


def strummed_chords(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """Four-note chords in a rhythm, the strings a few milliseconds apart."""
    rhythm = RHYTHMS[rng.integers(len(RHYTHMS))]
    spread_s = rng.uniform(0.002, 0.018)
    notes = []
    for bar in _bars(section):
        chord = plan.chord_near(plan.degree_at(section, bar), centre_midi, 4)
        for step, length in _steps(rhythm, plan):
            order = chord if step % 8 == 0 else chord[::-1]
            for index, midi in enumerate(order):
                note = _note(plan, bar, step, 0.9 * length, midi, rng)
                notes.append(note._replace(start_s=note.start_s + index * spread_s))
    return notes


def held_chords(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """Three-note chords, one a bar, held."""
    notes = []
    for bar in _bars(section):
        chord = plan.chord_near(plan.degree_at(section, bar), centre_midi, 3)
        notes += [_note(plan, bar, 0, 0.98 * plan.steps, midi, rng) for midi in chord]
    return notes


def power_chords(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """Root, fifth and octave, for overdriven guitars."""
    rhythm = RHYTHMS[rng.integers(len(RHYTHMS))]
    gate = rng.uniform(0.5, 1.0)
    notes = []
    for bar in _bars(section):
        root = _fold(plan.pitch(plan.degree_at(section, bar)), centre_midi)
        for step, length in _steps(rhythm, plan):
            notes += [_note(plan, bar, step, gate * length, root + up, rng) for up in (0, 7, 12)]
    return notes


def arpeggio(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """Chord tones one after the other in eighths or sixteenths."""
    stride = int(rng.choice([1, 2, 2]))
    notes = []
    for bar in _bars(section):
        chord = plan.chord_near(plan.degree_at(section, bar), centre_midi, 4)
        wave = chord + chord[-2:0:-1]
        for count, step in enumerate(range(0, plan.steps, stride)):
            notes.append(_note(plan, bar, step, 1.2 * stride, wave[count % len(wave)], rng))
    return notes


def melody(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """Phrases that wander through the scale, land on chord tones and leave room to breathe."""
    low = _fold(plan.root_midi, centre_midi - 6)
    pitches = range(int(low), int(low) + 20)
    ladder = [midi for midi in pitches if (midi - plan.root_midi) % 12 in plan.scale]
    place = len(ladder) // 2
    notes = []
    for bar in _bars(section):
        if bar % 4 == 3 and section.bars > 1 and rng.random() < 0.6:
            continue
        step = int(rng.choice([0, 2, 4]))
        while step < plan.steps:
            length = int(rng.choice([1, 2, 2, 4, 4, 6], p=[0.1, 0.2, 0.2, 0.2, 0.2, 0.1]))
            place = int(np.clip(place + rng.integers(-2, 3), 0, len(ladder) - 1))
            if rng.random() < 0.85:
                notes.append(_note(plan, bar, step, 0.92 * length, ladder[place], rng))
            step += length
    return notes


def stabs(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """Short chords at one or two places of every second bar."""
    places = rng.choice(plan.steps, int(rng.integers(1, 3)), replace=False)
    notes = []
    for bar in _bars(section)[int(rng.integers(2)) :: 2] or _bars(section):
        chord = plan.chord_near(plan.degree_at(section, bar), centre_midi, 3)
        notes += [_note(plan, bar, int(s), 1.5, midi, rng) for s in places for midi in chord]
    return notes


def answers(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """The end of a melody in the last bar of the section, and silence before."""
    last = section.first_bar + section.bars - 1
    section = section._replace(first_bar=last, bars=1, progression=section.progression[-1:])
    return melody(plan, section, centre_midi, rng)


def shake(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """A steady pulse without a pitch that matters."""
    stride = int(rng.choice([1, 2, 4]))
    return [
        _note(plan, bar, step, 0.4, centre_midi, rng)
        for bar in _bars(section)
        for step in range(0, plan.steps, stride)
    ]


def swell(
    plan: SongPlan, section: Section, centre_midi: float, rng: np.random.Generator
) -> list[Note]:
    """One long note that leads into the next section."""
    bars = min(section.bars, int(rng.integers(1, 3)))
    bar = section.first_bar + section.bars - bars
    midi = _fold(plan.pitch(plan.degree_at(section, bar)), centre_midi)
    return [_note(plan, bar, 0, bars * plan.steps, midi, rng)]


def _bars(section: Section) -> range:
    return range(section.first_bar, section.first_bar + section.bars)


def _steps(rhythm: tuple[int, ...], plan: SongPlan) -> list[tuple[int, int]]:
    """Pair each onset of a rhythm inside a bar with the distance to the next."""
    onsets = [onset for onset in rhythm if onset < plan.steps]
    return [(a, b - a) for a, b in zip(onsets, (*onsets[1:], plan.steps), strict=True)]


def _fold(midi: float, centre_midi: float) -> float:
    """Move a pitch by octaves to within a tritone of `centre_midi`."""
    return midi + 12 * round((centre_midi - midi) / 12)


def _note(
    plan: SongPlan, bar: int, step: int, steps: float, midi: float, rng: np.random.Generator
) -> Note:
    """Write one note, a little off the grid as people play."""
    human = 0.0 if plan.style == "electronic" else 0.006
    start_s = max(plan.step_time(bar, step) + rng.normal(0.0, human), 0.0)
    accent = 0.85 if step % 4 == 0 else 0.7
    velocity = float(np.clip(accent + rng.normal(0.0, 0.12), 0.15, 1.0))
    return Note(start_s, steps * plan.bar_s / plan.steps, midi, velocity)

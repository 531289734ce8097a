"""The written music of a synthetic song: tempo, key, form, chords and who plays where."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BEATS_PER_BAR = 4

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}

# Scale degrees counted from 0, one chord a bar.
PROGRESSIONS: tuple[tuple[int, ...], ...] = (
    (0, 4, 5, 3),
    (0, 5, 3, 4),
    (5, 3, 0, 4),
    (0, 3, 0, 4),
    (1, 4, 0, 0),
    (0, 6, 5, 6),
    (0, 2, 3, 3),
    (3, 4, 2, 5),
    (0, 0, 3, 3),
    (5, 4, 3, 4),
)

# Section name and how full the arrangement is there, 0 to 1.
FORM: tuple[tuple[str, float], ...] = (
    ("intro", 0.3),
    ("verse", 0.55),
    ("chorus", 0.95),
    ("verse", 0.6),
    ("chorus", 1.0),
    ("bridge", 0.4),
    ("chorus", 1.0),
    ("outro", 0.35),
)

TEMPO_BPM = {"rock": (96, 160), "pop": (84, 128), "electronic": (110, 140), "acoustic": (70, 112)}


class Note(NamedTuple):
    """One played note: when it starts and ends, its MIDI pitch and how hard it is played (0..1)."""

    start_s: float
    duration_s: float
    midi: float
    velocity: float


class Section(NamedTuple):
    """A stretch of bars over one chord progression."""

    name: str
    first_bar: int
    bars: int
    energy: float
    progression: tuple[int, ...]


@dataclass(frozen=True)
class SongPlan:
    """Everything that all the players of one song agree on."""

    style: str
    tempo_bpm: float
    root_midi: int
    scale: tuple[int, ...]
    swing: float
    sections: tuple[Section, ...]
    duration_s: float

    @property
    def beat_s(self) -> float:
        """Length of one beat in seconds."""
        return 60.0 / self.tempo_bpm

    @property
    def bar_s(self) -> float:
        """Length of one bar in seconds."""
        return BEATS_PER_BAR * self.beat_s

    def degree_at(self, section: Section, bar: int) -> int:
        """Return the scale degree of the chord in `bar`, counted from the start of the song."""
        return section.progression[(bar - section.first_bar) % len(section.progression)]

    def pitch(self, degree: int, octave: int = 0) -> int:
        """Return the MIDI pitch of a scale degree; degrees beyond the scale continue upwards."""
        steps = len(self.scale)
        return self.root_midi + 12 * (octave + degree // steps) + self.scale[degree % steps]

    def chord_near(self, degree: int, centre_midi: float, voices: int) -> list[int]:
        """Return `voices` chord tones of the triad on `degree`, as close to a pitch as they get."""
        classes = [self.pitch(degree + step) % 12 for step in (0, 2, 4)]
        low = int(centre_midi) - 12
        candidates = [midi for midi in range(low, low + 25) if midi % 12 in classes]
        candidates.sort(key=lambda midi: abs(midi - centre_midi))
        return sorted(candidates[:voices])

    def step_time(self, bar: int, step: int, steps_per_bar: int = 16) -> float:
        """Return when a step of a bar falls, odd steps delayed by the swing."""
        late = self.swing if step % 2 else 0.0
        return (bar + (step + late) / steps_per_bar) * self.bar_s


def plan_song(rng: np.random.Generator, duration_s: float) -> SongPlan:
    """Draw tempo, key, mode and form for a song of `duration_s` seconds."""
    style = str(rng.choice(list(TEMPO_BPM)))
    tempo_bpm = float(np.round(rng.uniform(*TEMPO_BPM[style]), 1))
    bars = int(np.ceil(duration_s / (BEATS_PER_BAR * 60.0 / tempo_bpm)))
    scale = str(rng.choice(list(SCALES), p=[0.4, 0.35, 0.15, 0.1]))
    return SongPlan(
        style=style,
        tempo_bpm=tempo_bpm,
        root_midi=int(rng.integers(40, 52)),
        scale=SCALES[scale],
        swing=float(rng.choice([0.0, 0.0, 0.15, 0.3])),
        sections=_draw_form(rng, bars),
        duration_s=duration_s,
    )


def _draw_form(rng: np.random.Generator, bars: int) -> tuple[Section, ...]:
    """Cut `bars` into the usual sections; short songs get short sections, not fewer kinds."""
    length = int(np.clip(2 ** np.round(np.log2(max(bars / len(FORM), 1.0))), 1, 8))
    length = max(length, 2)
    by_name: dict[str, tuple[int, ...]] = {}
    sections = []
    bar = 0
    index = 0 if rng.random() < 0.7 else 1
    while bar < bars:
        name, energy = FORM[index % len(FORM)]
        count = max(length // 2, 1) if name in ("intro", "outro") else length
        count = min(count, bars - bar)
        progression = by_name.setdefault(name, PROGRESSIONS[rng.integers(len(PROGRESSIONS))])
        sections.append(Section(name, bar, count, energy, progression))
        bar += count
        index += 1
    return tuple(sections)

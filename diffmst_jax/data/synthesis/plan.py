"""The written music of a synthetic song: tempo, key, form, chords and who plays where."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

STEPS_PER_BEAT = 4

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
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

TEMPO_BPM = {
    "rock": (92, 176),
    "pop": (80, 130),
    "electronic": (108, 150),
    "hiphop": (68, 104),
    "acoustic": (64, 124),
    "ballad": (54, 84),
    "chamber": (56, 126),
    "ambient": (56, 92),
}
# Probability of 3 and of 5 beats a bar; else 4.
ODD_METRES = {"acoustic": (0.25, 0.03), "ballad": (0.2, 0.0), "chamber": (0.4, 0.05)}
ODD_METRES_ELSEWHERE = (0.04, 0.03)
# Between these lies how full the arrangement of a song is: how readily players join a section.
FULLNESS = (-0.35, 0.15)


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
    beats: int
    fullness: float
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
        return self.beats * self.beat_s

    @property
    def steps(self) -> int:
        """Sixteenths in a bar."""
        return self.beats * STEPS_PER_BEAT

    def degree_at(self, section: Section, bar: int) -> int:
        """Return the scale degree of the chord in `bar`, counted from the start of the song."""
        return section.progression[(bar - section.first_bar) % len(section.progression)]

    def pitch(self, degree: int) -> int:
        """Return the MIDI pitch of a scale degree; degrees beyond the scale continue upwards."""
        steps = len(self.scale)
        return self.root_midi + 12 * (degree // steps) + self.scale[degree % steps]

    def chord_near(self, degree: int, centre_midi: float, voices: int) -> list[int]:
        """Return `voices` chord tones of the triad on `degree`, as close to a pitch as they get."""
        classes = [self.pitch(degree + step) % 12 for step in (0, 2, 4)]
        low = int(centre_midi) - 12
        candidates = [midi for midi in range(low, low + 25) if midi % 12 in classes]
        candidates.sort(key=lambda midi: abs(midi - centre_midi))
        return sorted(candidates[:voices])

    def step_time(self, bar: int, step: int) -> float:
        """Return when a step of a bar falls, odd steps delayed by the swing."""
        late = self.swing if step % 2 else 0.0
        return (bar + (step + late) / self.steps) * self.bar_s


def plan_song(rng: np.random.Generator, duration_s: float) -> SongPlan:
    """Draw style, tempo, metre, key, mode and form for a song of `duration_s` seconds."""
    style = str(rng.choice(list(TEMPO_BPM)))
    tempo_bpm = float(np.round(rng.uniform(*TEMPO_BPM[style]), 1))
    three, five = ODD_METRES.get(style, ODD_METRES_ELSEWHERE)
    beats = int(rng.choice([3, 4, 5], p=[three, 1 - three - five, five]))
    bars = int(np.ceil(duration_s / (beats * 60.0 / tempo_bpm)))
    scale = str(rng.choice(list(SCALES), p=[0.38, 0.33, 0.13, 0.09, 0.07]))
    return SongPlan(
        style=style,
        tempo_bpm=tempo_bpm,
        root_midi=int(rng.integers(40, 52)),
        scale=SCALES[scale],
        beats=beats,
        fullness=float(rng.uniform(*FULLNESS)),
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

"""What engineers of each kind of music tend towards: data, one row per style."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Taste:
    """Means of a style; engineers differ around them.

    Attributes:
      loudness_lufs: quietest and loudest usual master.
      squeeze: how much is compressed, 0 to 1.
      width: factor on the side signal.
      tilt_db: gain above some 5 kHz on the master.
      bass_db: gain of the low end on the master.
      room_db: level of the room sends.
      room_s: shortest and longest decay of the room.
    """

    loudness_lufs: tuple[float, float]
    squeeze: float
    width: float
    tilt_db: float
    bass_db: float
    room_db: float
    room_s: tuple[float, float]


TASTES = {
    "rock": Taste((-14.0, -8.0), 0.55, 1.3, -4.0, 1.0, 0.0, (0.5, 1.4)),
    "pop": Taste((-13.0, -8.0), 0.6, 1.3, -3.0, 2.0, 1.0, (0.6, 1.6)),
    "electronic": Taste((-13.0, -7.0), 0.5, 1.4, -5.0, 3.0, 1.0, (0.6, 2.5)),
    "hiphop": Taste((-14.0, -8.0), 0.45, 0.8, -6.0, 3.5, -3.0, (0.3, 1.2)),
    "acoustic": Taste((-20.0, -12.0), 0.25, 1.1, -3.5, 0.0, 3.0, (0.6, 1.6)),
    "ballad": Taste((-18.0, -10.0), 0.4, 1.2, -4.0, 0.5, 5.0, (1.0, 2.5)),
    "chamber": Taste((-24.0, -15.0), 0.08, 1.4, -4.0, -0.5, 7.0, (1.2, 2.8)),
    "ambient": Taste((-23.0, -13.0), 0.2, 1.6, -6.0, 1.0, 7.0, (1.5, 3.0)),
}


@dataclass(frozen=True)
class Engineer:
    """Habits of one engineer.

    Attributes:
      tilt_db: gain of the master's high shelf.
      bass_db: gain of the low end on the master.
      width: factor on the side signal of the finished mix.
      mono_below_hz: below it the finished mix has no side signal; 0 leaves it.
      squeeze: 0 (hardly compresses) to 1 (compresses everything).
      drive_db: level into the soft clipper of the master; 0 for none.
      band_hz: what a lo-fi mix keeps, lowest and highest frequency; None keeps all.
      loudness_lufs: of the finished mix.
      room_db: general level of the room sends.
      room_s: decay of the room.
      favours_db: personal offset of each role's level.
    """

    tilt_db: float
    bass_db: float
    width: float
    mono_below_hz: float
    squeeze: float
    drive_db: float
    band_hz: tuple[float, float] | None
    loudness_lufs: float
    room_db: float
    room_s: float
    favours_db: dict[str, float]


def draw_engineer(style: str, roles: tuple[str, ...], rng: np.random.Generator) -> Engineer:
    """Draw a personality: near the taste of the style, some with a character of their own."""
    taste = TASTES[style]
    character = str(rng.choice(["usual", "narrow", "wide", "lo-fi"], p=[0.76, 0.09, 0.08, 0.07]))
    width = taste.width * float(np.exp(rng.normal(0.0, 0.35)))
    band_hz = (rng.uniform(60, 200), rng.uniform(4500, 9000)) if character == "lo-fi" else None
    driven = character == "lo-fi" or rng.random() < 0.6 * taste.squeeze
    return Engineer(
        tilt_db=float(np.clip(rng.normal(taste.tilt_db, 3.0), -12, 6)),
        bass_db=float(np.clip(rng.normal(taste.bass_db, 2.5), -6, 8)),
        width=width * {"narrow": 0.25, "wide": 1.8, "lo-fi": 0.5}.get(character, 1.0),
        mono_below_hz=float(rng.uniform(60, 200)) if rng.random() < 0.5 else 0.0,
        squeeze=float(np.clip(rng.normal(taste.squeeze, 0.2), 0, 1)),
        drive_db=float(rng.uniform(1, 8)) if driven else 0.0,
        band_hz=band_hz,
        loudness_lufs=float(rng.uniform(*taste.loudness_lufs)),
        room_db=float(rng.normal(taste.room_db, 4.0)),
        room_s=float(rng.uniform(*taste.room_s)),
        favours_db={role: float(rng.normal(0.0, 2.5)) for role in roles},
    )

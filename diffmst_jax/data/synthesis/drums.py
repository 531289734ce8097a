"""A drum kit recorded the usual way: a close microphone per piece, overheads and a room pair."""

from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.synthesis.filters import butterworth, convolved
from diffmst_jax.data.synthesis.plan import SongPlan
from diffmst_jax.data.synthesis.tones import Audio

PIECES = ("kick", "snare", "hihat", "tom_high", "tom_low", "crash")
OVERHEAD_PLACES = {
    "kick": 0.5,
    "snare": 0.45,
    "hihat": 0.25,
    "tom_high": 0.4,
    "tom_low": 0.75,
    "crash": 0.7,
}
# What the overheads hear of each piece, relative to a close microphone.
OVERHEAD_LEVELS = {
    "kick": 0.35,
    "snare": 0.7,
    "hihat": 0.6,
    "tom_high": 0.6,
    "tom_low": 0.6,
    "crash": 1.0,
}

# Probability of a hit on each sixteenth of a bar; `None` entries are drawn as 0.
PATTERNS: dict[str, dict[str, str]] = {
    "rock": {"kick": "9...1.2.9.4.1...", "snare": "....9..1....9..1", "hihat": "9.8.9.8.9.8.9.8."},
    "pop": {"kick": "9.....5.7.5.....", "snare": "....9.......9..2", "hihat": "9.8.9.8.9.8.9.83"},
    "electronic": {
        "kick": "9...9...9...9..1",
        "snare": "....9.......9...",
        "hihat": "3.9.3.9.3.9.3.92",
    },
    "hiphop": {
        "kick": "9..3...4..9.3...",
        "snare": "....9.......9..1",
        "hihat": "9.9.9.948.9.9493",
    },
    "ballad": {
        "kick": "9.......8.......",
        "snare": "........9.......",
        "hihat": "7...7...7...7...",
    },
    "chamber": {
        "kick": "3...............",
        "snare": "................",
        "hihat": "................",
    },
    "ambient": {
        "kick": "9.....3...4.....",
        "snare": "........4....2..",
        "hihat": "2.3.2.3.2.3.2.3.",
    },
    "acoustic": {
        "kick": "9.......7.2.....",
        "snare": "....7.......7...",
        "hihat": "8...7...8...7.4.",
    },
}


class Hit(NamedTuple):
    """One stroke on a piece of the kit."""

    start_s: float
    velocity: float


def play_kit(plan: SongPlan, active: list[bool], rng: np.random.Generator) -> dict[str, list[Hit]]:
    """Return the strokes of every piece, with fills, only in the sections marked active."""
    hits: dict[str, list[Hit]] = {piece: [] for piece in PIECES}
    pattern = {piece: (bar * 2)[: plan.steps] for piece, bar in PATTERNS[plan.style].items()}
    fills = rng.uniform(0.2, 0.9)
    for section, on in zip(plan.sections, active, strict=True):
        if not on:
            continue
        hits["crash"].append(_hit(plan, section.first_bar, 0, rng, 0.9))
        for bar in range(section.first_bar, section.first_bar + section.bars):
            last = bar == section.first_bar + section.bars - 1
            fill_from = plan.steps - 4 if last and rng.random() < fills else plan.steps
            for piece, steps in pattern.items():
                for step in range(fill_from if piece != "kick" else plan.steps):
                    chance = 0.0 if steps[step] == "." else (int(steps[step]) + 1) / 10
                    if rng.random() < chance:
                        accent = 0.9 if step % 4 == 0 else 0.65
                        hits[piece].append(_hit(plan, bar, step, rng, accent))
            for step in range(fill_from, plan.steps):
                piece = ("snare", "tom_high", "tom_low", "tom_low")[(step - fill_from) % 4]
                hits[piece].append(_hit(plan, bar, step, rng, 0.85))
    return hits


def _hit(plan: SongPlan, bar: int, step: int, rng: np.random.Generator, accent: float) -> Hit:
    late_s = abs(rng.normal(0.0, 0.004)) if plan.style != "electronic" else 0.0
    velocity = float(np.clip(accent + rng.normal(0.0, 0.12), 0.15, 1.0))
    return Hit(plan.step_time(bar, step) + late_s, velocity)


def build_kit(rng: np.random.Generator) -> dict[str, Audio]:
    """Synthesise one stroke of every piece, mono, peak 1."""
    return {
        "kick": _drum(rng, rng.uniform(45, 65), rng.uniform(120, 260), 0.025, 0.16, click=0.25),
        "snare": _snare(rng),
        "hihat": _metal(rng, rng.uniform(0.03, 0.07), 6500.0),
        "tom_high": _drum(rng, rng.uniform(120, 170), 260.0, 0.05, 0.25, click=0.1),
        "tom_low": _drum(rng, rng.uniform(75, 105), 180.0, 0.06, 0.35, click=0.1),
        "crash": _metal(rng, rng.uniform(0.5, 1.0), 3500.0),
    }


def _drum(
    rng: np.random.Generator,
    low_hz: float,
    high_hz: float,
    sweep_s: float,
    decay_s: float,
    *,
    click: float,
) -> Audio:
    time_s = np.arange(int(6 * decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    phase = low_hz * time_s + (high_hz - low_hz) * sweep_s * (1 - np.exp(-time_s / sweep_s))
    body = np.sin(2 * np.pi * phase) * np.exp(-time_s / decay_s)
    body += click * rng.standard_normal(time_s.size) * np.exp(-time_s / 0.003)
    return _peak_one(body)


def _snare(rng: np.random.Generator) -> Audio:
    time_s = np.arange(int(0.6 * SAMPLE_RATE)) / SAMPLE_RATE
    tune_hz = rng.uniform(160, 230)
    shell = np.sin(2 * np.pi * tune_hz * time_s) + 0.6 * np.sin(2 * np.pi * 1.59 * tune_hz * time_s)
    wires = butterworth(rng.standard_normal(time_s.size), 1, [1200.0, 9000.0], "bandpass")
    mix = shell * np.exp(-time_s / rng.uniform(0.04, 0.08))
    mix += rng.uniform(1.0, 2.5) * wires * np.exp(-time_s / rng.uniform(0.06, 0.14))
    return _peak_one(mix)


def _metal(rng: np.random.Generator, decay_s: float, corner_hz: float) -> Audio:
    time_s = np.arange(int(5 * decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    partials_hz = rng.uniform(2000.0, 12_000.0, 8)
    ring = np.sum(np.sign(np.sin(2 * np.pi * partials_hz[:, None] * time_s)), axis=0) / 8
    noise = rng.standard_normal(time_s.size)
    edges = [corner_hz, corner_hz * rng.uniform(1.2, 2.2)]
    sound = butterworth(0.5 * ring + noise, 1, edges, "bandpass")
    return _peak_one(sound * np.exp(-time_s / decay_s))


def _peak_one(audio: np.ndarray) -> Audio:
    return (audio / np.max(np.abs(audio))).astype(np.float32)


def render_kit(
    plan: SongPlan, active: list[bool], *, frames: int, rng: np.random.Generator
) -> dict[str, Audio]:
    """Play and record the kit.

    Returns:
      A mono track per close microphone (with bleed of the other pieces) and the stereo tracks
      `overheads` and `drum_room`, each (channels, frames).
    """
    kit = build_kit(rng)
    hits = play_kit(plan, active, rng)
    dry = {piece: _place(hits[piece], kit[piece], frames) for piece in PIECES}
    everything = sum(dry.values(), np.zeros(frames, np.float32))
    tracks = {}
    for piece in PIECES[:-1]:
        bleed_gain = np.float32(10 ** (rng.uniform(-38, -24) / 20))
        bleed = _delayed(everything - dry[piece], rng.uniform(0.001, 0.004))
        tracks[piece] = (dry[piece] + bleed_gain * bleed)[None]
    overheads = np.zeros((2, frames), np.float32)
    for piece, sound in dry.items():
        place = OVERHEAD_PLACES[piece]
        far = _delayed(sound, rng.uniform(0.002, 0.005))
        overheads[0] += np.float32(OVERHEAD_LEVELS[piece] * np.cos(place * np.pi / 2)) * far
        overheads[1] += np.float32(OVERHEAD_LEVELS[piece] * np.sin(place * np.pi / 2)) * far
    tracks["overheads"] = overheads
    tracks["drum_room"] = room(everything[None], rng, decay_s=rng.uniform(0.2, 0.6), dry=0.1)
    return tracks


def _place(hits: list[Hit], stroke: Audio, frames: int) -> Audio:
    out = np.zeros(frames, np.float32)
    for hit in hits:
        start = round(hit.start_s * SAMPLE_RATE)
        end = min(start + stroke.size, frames)
        if start < end:
            out[start:end] += np.float32(hit.velocity) * stroke[: end - start]
    return out


def _delayed(audio: Audio, seconds: float) -> Audio:
    samples = round(seconds * SAMPLE_RATE)
    out = np.zeros_like(audio)
    out[samples:] = audio[: audio.size - samples]
    return out


def room(audio: Audio, rng: np.random.Generator, *, decay_s: float, dry: float) -> Audio:
    """Put a track into a small room: (1 or 2, frames) becomes (2, frames)."""
    size = int(2.5 * decay_s * SAMPLE_RATE)
    fall = np.exp(-np.arange(size) / (decay_s / 3 * SAMPLE_RATE)).astype(np.float32)
    response = rng.standard_normal((2, size), np.float32) * fall
    response = butterworth(response, 1, [150.0, 6000.0], "bandpass", precision=np.float32)
    response /= np.sqrt(np.sum(response**2, axis=-1, keepdims=True))
    source = np.broadcast_to(audio, (2, audio.shape[-1]))
    wet = convolved(source, response)[:, : audio.shape[-1]]
    return np.asarray(dry * source + wet, np.float32)

"""The report's player: excerpts at one loudness, compressed and embedded, with their waveforms."""

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape

import numpy as np
import soundfile

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.comparing.compare import View
from diffmst_jax.mixing.signals.measure import decibels, factor, peak

EXCERPT_S = 20.0
EXCERPT_PEAK_DB = -1.0
MP3_COMPRESSION = 0.5
"""Libsndfile's scale from best (0) to smallest (1); 0.5 is about 130 kbit/s in stereo."""

WAVE_POINTS = 260


def listening(views: Sequence[View], excerpt_starts: tuple[int, int]) -> dict[str, str]:
    """Build the template's `choices`, `waves` and `players` from a passage of every view.

    Args:
        views: what to play, all at one loudness already.
        excerpt_starts: first sample of the passage, in the mixes and in the reference.
    """
    length = round(EXCERPT_S * SAMPLE_RATE)
    excerpts = []
    for view in views:
        start = excerpt_starts[1 if view.style == "reference" else 0]
        excerpts.append(view.audio[:, start : start + length])
    room = min(EXCERPT_PEAK_DB - decibels(peak(excerpt)) for excerpt in excerpts)
    gain = factor(min(0.0, room))
    excerpts = [excerpt * gain for excerpt in excerpts]
    # Compressing leaves Python, and takes a second for each.
    with ThreadPoolExecutor() as workers:
        compressed = list(workers.map(encode_mp3, excerpts))
    choices, waves, players = [], [], []
    for index, (view, excerpt) in enumerate(zip(views, excerpts, strict=True)):
        name = escape(view.name)
        choices.append(
            f'<button type="button" class="{view.style}" aria-pressed="false"><i></i>{name}'
            f"<kbd>{index + 1}</kbd></button>"
        )
        waves.append(_wave(excerpt, view.style))
        source = base64.b64encode(compressed[index]).decode("ascii")
        players.append(
            f'<label>{name}<audio controls preload="none" '
            f'data-seconds="{excerpt.shape[1] / SAMPLE_RATE:.3f}" '
            f'src="data:audio/mpeg;base64,{source}"></audio></label>'
        )
    return {"choices": "".join(choices), "waves": "".join(waves), "players": "".join(players)}


def encode_mp3(audio: np.ndarray) -> bytes:
    """Compress `(2, time)` audio for embedding."""
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        audio.T,
        SAMPLE_RATE,
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=MP3_COMPRESSION,
        bitrate_mode="VARIABLE",
    )
    return buffer.getvalue()


def _wave(audio: np.ndarray, style: str) -> str:
    """Outline of a waveform: highest sample up, lowest down, per point."""
    mono = np.stack([audio.max(axis=0), audio.min(axis=0)])
    parts = np.array_split(mono, min(WAVE_POINTS, mono.shape[1]), axis=1)
    high = [500 - 490 * float(np.max(part[0])) for part in parts]
    low = [500 - 490 * float(np.min(part[1])) for part in parts]
    across = np.linspace(0, 1000, len(parts))
    points = [f"{x:.1f},{y:.1f}" for x, y in zip(across, high, strict=True)]
    points += [f"{x:.1f},{y:.1f}" for x, y in zip(across[::-1], low[::-1], strict=True)]
    return (
        f'<svg class="{style}" viewBox="0 0 1000 1000" preserveAspectRatio="none" '
        f'aria-hidden="true"><polygon points="{" ".join(points)}"/></svg>'
    )

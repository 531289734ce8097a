"""Compressed excerpts of every mix, at one loudness, short enough for all to fit in a page."""

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.evaluation.config import ReportConfig
from diffmst_jax.evaluation.loading import Loaded
from diffmst_jax.evaluation.store import REFERENCE, Store
from diffmst_jax.files import written_beside
from diffmst_jax.mixing.comparing.baselines import plain_sum
from diffmst_jax.mixing.comparing.compare import loudest_stretch
from diffmst_jax.mixing.report.player import encode_mp3
from diffmst_jax.mixing.signals.measure import factor, integrated_loudness, weighted_step_powers

PLAYED_LUFS = -23.0
"""Quiet enough that no mix needs to be turned down further; the same for all."""

BYTES_PER_S = 17000
BASE64 = 4 / 3
SHORTEST_CLIP_S = 2.0
FADE_S = 0.02


class Clips:
    """Writes the excerpts of a run.

    Attributes:
      clip_s: length of each.
    """

    def __init__(self, store: Store, config: ReportConfig, *, systems: int):
        self.store = store
        count = max(1, len(store.examples) * (systems + 1))
        fitting_s = config.audio_mb * 1e6 / (count * BYTES_PER_S * BASE64)
        self.clip_s = min(config.clip_s, max(SHORTEST_CLIP_S, fitting_s))
        self.wanted = config.audio_mb > 0

    def write(self, song: Loaded, system: str, audio: np.ndarray) -> None:
        """Write the loudest part of the reference, or of the song as recorded for every mix."""
        path = self.store.clip(song.number, system)
        if not self.wanted or path.exists():
            return
        passage = audio if system == REFERENCE else plain_sum(song.tracks)
        powers = weighted_step_powers(passage, sample_rate=SAMPLE_RATE)
        start = loudest_stretch(powers, self.clip_s)
        clip = audio[:, start : start + round(self.clip_s * SAMPLE_RATE)]
        with written_beside(path) as temporary:
            temporary.write_bytes(encode_mp3(faded(leveled(clip, PLAYED_LUFS))))


def leveled(audio: np.ndarray, lufs: float) -> np.ndarray:
    """Bring (2, time) audio to a loudness by a gain, clipped at full scale; silence stays."""
    loudness = integrated_loudness(audio, sample_rate=SAMPLE_RATE)
    gain = factor(lufs - loudness) if np.isfinite(loudness) else 1.0
    return np.asarray(np.clip(audio * gain, -1.0, 1.0), np.float32)


def faded(audio: np.ndarray) -> np.ndarray:
    """Fade in and out, so that a cut does not click."""
    ramp = np.linspace(0.0, 1.0, min(round(FADE_S * SAMPLE_RATE), audio.shape[1] // 2))
    result = audio.copy()
    if ramp.size:
        result[:, : ramp.size] *= ramp.astype(np.float32)
        result[:, -ramp.size :] *= ramp[::-1].astype(np.float32)
    return result

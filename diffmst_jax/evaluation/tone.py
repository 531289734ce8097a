"""A mix without the reference: equal loudness, brought to a usual spectrum by a linear filter."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, as_stereo, read_audio
from diffmst_jax.data.sources import ReferenceSource
from diffmst_jax.evaluation.batch import Mixed, weighted_mixes
from diffmst_jax.evaluation.loading import Loaded
from diffmst_jax.mixing.comparing.baselines import equal_loudness_weights
from diffmst_jax.mixing.comparing.compare import SPECTRUM_HZ, spectrum_and_width

TAPS = 8191
LARGEST_DB = 12.0
SLOPE_DB_PER_OCTAVE = -1.5
SLOPE_FROM_HZ, SLOPE_TO_HZ = 80.0, 10000.0
"""Without a corpus: level per sixth of an octave falls by 1.5 dB per octave, so the spectrum by
4.5 dB per octave, the usual tilt of finished popular music."""

CORPUS_FILES, CORPUS_S = 60, 30.0


def sloping_target() -> np.ndarray:
    """Levels in dB at `SPECTRUM_HZ` of the built-in target."""
    octaves = np.log2(np.clip(SPECTRUM_HZ, SLOPE_FROM_HZ, SLOPE_TO_HZ) / SLOPE_FROM_HZ)
    return SLOPE_DB_PER_OCTAVE * octaves


def corpus_target(folder: str | Path) -> np.ndarray:
    """Mean level in dB at `SPECTRUM_HZ` over the finished mixes of a folder.

    Raises:
      InputError: no such folder, or no audio in it.
    """
    mixes = ReferenceSource(folder).mixes
    step = max(1, len(mixes) // CORPUS_FILES)
    spectra = []
    for mix in mixes[::step]:
        audio = read_audio(mix.path, duration_s=CORPUS_S)
        spectrum, _ = spectrum_and_width(as_stereo(audio))
        spectra.append(spectrum - np.mean(spectrum))
    return np.mean(spectra, axis=0)


class SpectralMatch:
    """Equal-loudness mix, filtered so that its long-term spectrum is the target's."""

    def __init__(self, target_db: np.ndarray, *, size: int):
        self.target_db = target_db
        self.size = size

    def __call__(self, songs: Sequence[Loaded]) -> list[Mixed]:
        """Mix each song; the filter is found where systems may listen.

        Its tracks are filtered and not their sum, which is the same mix: how well each is heard is
        told by what is left of them.
        """
        pairs = []
        for song in songs:
            weights = equal_loudness_weights(song.heard)
            spectrum, _ = spectrum_and_width(weights @ song.heard.audio)
            taps = matching_filter(spectrum, self.target_db)
            tracks = replace(song.tracks, audio=_filtered(song.tracks.audio, taps))
            pairs.append((tracks, weights))
        return weighted_mixes(pairs, size=self.size)


def matching_filter(spectrum_db: np.ndarray, target_db: np.ndarray) -> np.ndarray:
    """Linear-phase filter (taps,) between two spectra at `SPECTRUM_HZ`, within `LARGEST_DB`.

    Their overall levels do not matter.
    """
    apart = target_db - spectrum_db
    gain_db = np.clip(apart - np.median(apart), -LARGEST_DB, LARGEST_DB)
    nyquist = SAMPLE_RATE / 2
    places = np.concatenate([[0.0], SPECTRUM_HZ, [nyquist]])
    gains = 10 ** (np.concatenate([gain_db[:1], gain_db, gain_db[-1:]]) / 20)
    from scipy.signal import firwin2  # noqa: PLC0415 - takes as long as a minute of song

    return np.asarray(firwin2(TAPS, places, gains, fs=SAMPLE_RATE), np.float64)


def _filtered(audio: np.ndarray, taps: np.ndarray) -> np.ndarray:
    from scipy.signal import oaconvolve  # noqa: PLC0415 - as above

    return np.asarray(oaconvolve(audio, taps[None], mode="same", axes=1), np.float32)

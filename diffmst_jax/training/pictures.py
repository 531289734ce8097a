"""What TensorBoard shows of a mix: spectrograms as a picture, settings as histograms."""

import jax
import matplotlib
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.training.objective import Mixed
from dsp.spectral import magnitude, stft

N_FFT, HOP = 2048, 1024
ROWS = 160  # of one spectrogram, on a logarithmic scale of frequency
LOW_HZ, HIGH_HZ = 40.0, 20000.0
RANGE_DB = 90.0
GAP = 4  # rows between spectrograms

_settings = jax.jit(
    lambda track, fx_bus, master: dsp.console_params(track, fx_bus, master, sample_rate=SAMPLE_RATE)
)
_magnitude = jax.jit(lambda x: magnitude(stft(x, n_fft=N_FFT, hop=HOP)))


def spectrogram_picture(mixes: list[np.ndarray]) -> np.ndarray:
    """Draw the spectrograms of (2, time) mixes below each other, all on one scale.

    Returns:
      uint8 (height, width, 3): mid over side for each mix, low frequencies at the bottom, 90 dB
      from black to the loudest point of all.
    """
    levels = [_levels_db(part) for mix in mixes for part in (mix[0] + mix[1], mix[0] - mix[1])]
    top, width = max(level.max() for level in levels), max(level.shape[1] for level in levels)
    bands = []
    for level in levels:
        shade = np.clip(1.0 + (level - top) / RANGE_DB, 0.0, 1.0)
        colours = matplotlib.colormaps["magma"](shade)[::-1, :, :3]
        filled = np.ones((ROWS + GAP, width, 3))
        filled[:ROWS, : colours.shape[1]] = colours
        bands.append(filled)
    return np.asarray(255.0 * np.concatenate(bands)[:-GAP], np.uint8)


def settings_by_name(mixed: list[Mixed]) -> dict[str, np.ndarray]:
    """Collect what the model set in all these examples, in physical units.

    Returns:
      Flat arrays by name, such as `tracks/compressor/threshold_db`; of tracks that are there.
    """
    collected: dict[str, list[np.ndarray]] = {}
    for one in mixed:
        params = jax.device_get(_settings(*one.controls))
        heard = np.asarray(one.task.mask, bool)
        params = params._replace(tracks=jax.tree.map(lambda leaf, m=heard: leaf[m], params.tracks))
        for path, leaf in jax.tree.leaves_with_path(params):
            name = "/".join(key.name for key in path)
            collected.setdefault(name, []).append(np.ravel(leaf))
    return {name: np.concatenate(values) for name, values in collected.items()}


def _levels_db(signal: np.ndarray) -> np.ndarray:
    """Levels of one signal, `(ROWS, frames)`, lowest frequency first."""
    magnitudes = np.asarray(_magnitude(signal))
    wanted = np.geomspace(LOW_HZ, HIGH_HZ, ROWS) * N_FFT / SAMPLE_RATE
    bins = np.clip(np.round(wanted).astype(int), 0, magnitudes.shape[0] - 1)
    return 20.0 * np.log10(np.maximum(magnitudes[bins], 1e-9))

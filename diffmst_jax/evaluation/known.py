"""References that the console itself makes with random settings, so that the truth is known."""

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.controls import Controls
from diffmst_jax.evaluation.batch import console_mixes
from diffmst_jax.mixing.console.settings import MixSettings, rounded
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.models.levels import TRACK_LUFS


def random_settings(multitrack: Multitrack, *, seed: int) -> MixSettings:
    """Settings with every control drawn uniformly, as training on random mixes does."""
    rng = np.random.default_rng(seed)
    count = len(multitrack.strips)
    sizes = ((count, dsp.TRACK_CONTROLS), (dsp.FX_BUS_CONTROLS,), (dsp.MASTER_CONTROLS,))
    controls = [rng.random(size, np.float32) for size in sizes]
    params = dsp.console_params(*map(jax.numpy.asarray, controls), sample_rate=SAMPLE_RATE)
    return MixSettings(
        strips=multitrack.strips,
        muted=np.zeros(count, bool),
        source_gain_db=TRACK_LUFS - multitrack.loudness_lufs,
        params=rounded(params),
        config=dsp.ConsoleConfig(),
    )


def settings_controls(settings: MixSettings) -> Controls:
    """Control vectors in [0, 1] of settings, one per strip."""
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), settings.params)
    controls = dsp.console_controls(params, sample_rate=SAMPLE_RATE)
    return Controls(*(np.clip(np.asarray(c), 0.0, 1.0) for c in controls))


def known_mix(
    first: Multitrack, second: Multitrack, *, seed: int
) -> tuple[np.ndarray, np.ndarray, Controls]:
    """Mix two sections of a song with one random setting.

    Returns:
      Both mixes (2, time), and the controls that made them, per strip.
    """
    settings = random_settings(first, seed=seed)
    one, two = console_mixes([(first, settings), (second, settings)], size=2)
    return one.mix, two.mix, settings_controls(settings)

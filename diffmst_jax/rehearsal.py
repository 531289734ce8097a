"""A mix of noise, so that what real mixes need is compiled beforehand (`diffmst prepare`)."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from diffmst_jax.api import mix
from diffmst_jax.models import Model
from diffmst_jax.models.compact.windows import MAXIMUM_WINDOWS
from diffmst_jax.progress import Tell

LEVEL = 0.05


def rehearse(model: Model, tracks: int, tell: Tell) -> None:
    """Mix noise as long as the longest excerpt that the model hears, and write the result nowhere.

    Songs of that length and longer are heard through the same program, whatever is in them.

    Args:
        model: to mix with.
        tracks: how many; a song with both channels of a stereo file counts as one more.
        tell: told about progress.
    """
    rng = np.random.default_rng(0)
    samples = MAXIMUM_WINDOWS * model.config.window_samples
    audio = LEVEL * rng.standard_normal((tracks, samples), np.float32)
    reference = LEVEL * rng.standard_normal((2, samples), np.float32)
    song = {str(number): track for number, track in enumerate(audio)}
    with TemporaryDirectory() as folder:
        mix(song, reference, model=model, progress=tell).write(Path(folder) / "mix")

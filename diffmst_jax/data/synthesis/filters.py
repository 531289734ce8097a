"""Filters of the studio that songs are recorded and mixed in.

SciPy is imported when the first one is used: that takes a second, and most of who can read
synthetic songs never makes one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from diffmst_jax.audio import SAMPLE_RATE

Floats = npt.NDArray[np.floating]


def butterworth(
    audio: Floats, order: int, hz: float | Sequence[float], kind: str, *, precision: type = float
) -> Floats:
    """Filter along the last axis; computed in the coarser of `precision` and what `audio` has."""
    from scipy import signal  # noqa: PLC0415 - see above

    sos = signal.butter(order, hz, kind, fs=SAMPLE_RATE, output="sos").astype(precision)
    return signal.sosfilt(sos, audio, axis=-1)


def convolved(audio: Floats, response: Floats) -> Floats:
    """Convolve along the last axis; as long as both together."""
    from scipy import signal  # noqa: PLC0415 - see above

    return signal.oaconvolve(audio, response, axes=-1)


def lowest_then_mean(audio: Floats, reach: int, window: int) -> Floats:
    """Take the minimum within `reach` samples on both sides, then the mean over a `window`."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    return ndimage.uniform_filter1d(ndimage.minimum_filter1d(audio, 2 * reach + 1), window)

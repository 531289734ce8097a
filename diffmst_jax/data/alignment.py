"""How far tracks of one song are shifted against each other, where they share sound.

Two recordings share sound when one bleeds into the other, when two microphones hear one source, and
when one is the mix of the other. Their whitened cross-correlation then has one sharp peak at the
lag between them, far above the rest. Tracks that share nothing tell nothing.
"""

import numpy as np
from scipy import signal

from diffmst_jax.audio import SAMPLE_RATE

# The room behind a distant microphone is not a shift.
ALIGNED_WITHIN_S = 0.05
LONGEST_SHIFT_S = 2.0
# Correlation is measured at this part of the sample rate, over this long where most sound is.
DECIMATION = 4
LONGEST_S = 30.0
# A peak counts if it stands so many standard deviations above all lags: chance gives 6 at most.
CLEAR_PEAK = 12.0
# Samples that are played again and again give many peaks: one must stand out from the others.
ONLY_PEAK = 2.0
PEAK_WIDTH_S = 0.02
FLOOR = 1e-9


def shifts(tracks: dict[str, np.ndarray], mix: np.ndarray | None) -> dict[str, float]:
    """Measure how late each track is.

    Args:
      tracks: mono audio at 44.1 kHz by name.
      mix: the finished mix of them, mono, if there is one.

    Returns:
      Seconds by name, negative for early, for the tracks that share sound with the mix, or
      with the sum of the other tracks. Against a mix, the delay that most tracks have is that of
      the mix and is taken off; the least, where as many have another.
    """
    frames = max((audio.size for audio in tracks.values()), default=0)
    if len(tracks) < 2 or not frames:
        return {}
    padded = {name: _fitted(audio, frames) for name, audio in tracks.items()}
    total = np.sum(list(padded.values()), axis=0) if mix is None else _fitted(mix, frames)
    found = {}
    for name, audio in padded.items():
        lag = _lag(audio, total - audio if mix is None else total)
        if lag is not None:
            found[name] = lag
    common = _usual(list(found.values())) if found and mix is not None else 0.0
    return {name: lag - common for name, lag in found.items()}


def _usual(lags: list[float]) -> float:
    """Return the delay that most agree with; of several such, the least.

    Not a median: of two and two, that is a delay that none of them has.
    """
    agreeing = [sum(abs(a - b) <= ALIGNED_WITHIN_S for b in lags) for a in lags]
    most = [lag for lag, count in zip(lags, agreeing, strict=True) if count == max(agreeing)]
    return min(most, key=abs)


def _fitted(audio: np.ndarray, frames: int) -> np.ndarray:
    return np.pad(audio[:frames], (0, max(frames - audio.size, 0)))


def _lag(late: np.ndarray, other: np.ndarray) -> float | None:
    """Return by how many seconds `late` comes after `other`; None where they share nothing."""
    window = _loudest(late)
    rate = SAMPLE_RATE / DECIMATION
    a, b = (signal.decimate(x[window], DECIMATION, ftype="fir") for x in (late, other))
    size = 2 * a.size
    cross = np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size))
    strength = np.abs(cross)
    if not np.max(strength) > FLOOR:
        return None
    correlation = np.fft.irfft(cross / (strength + FLOOR * np.max(strength)), size)
    reach = min(round(LONGEST_SHIFT_S * rate), a.size - 1)
    near = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    height = np.abs(near)
    peak = int(np.argmax(height))
    elsewhere = np.abs(np.arange(height.size) - peak) > round(PEAK_WIDTH_S * rate)
    second = float(np.max(height[elsewhere], initial=0.0))
    if height[peak] < max(CLEAR_PEAK * np.std(near), ONLY_PEAK * second):
        return None
    return (peak - reach) / rate


def _loudest(audio: np.ndarray) -> slice:
    """Return the stretch of `LONGEST_S` that holds the most energy."""
    length = round(LONGEST_S * SAMPLE_RATE)
    if audio.size <= length:
        return slice(None)
    hop = SAMPLE_RATE
    energy = np.add.reduceat(audio**2, np.arange(0, audio.size, hop))
    total = np.concatenate([[0.0], np.cumsum(energy)])
    width = length // hop
    first = int(np.argmax(total[width:] - total[:-width])) * hop
    return slice(first, first + length)

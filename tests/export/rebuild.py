"""Equalizer, compressor and faders of a session in NumPy and SciPy, float64.

Written from the cookbook and the textbook, not from `dsp`, so that a session that is read back and
rebuilt with these is held against the mix by a second implementation.
"""

import numpy as np
from scipy.signal import sosfilt

SAMPLE_RATE = 44100


def equalized(audio, bands):
    """Filter `(channels, time)` with bands `(type, frequency_hz, gain_db, q)`.

    R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients".
    """
    for kind, frequency_hz, gain_db, q in bands:
        a = 10 ** (gain_db / 40)
        w = 2 * np.pi * min(frequency_hz / SAMPLE_RATE, 0.499)
        cos, alpha = np.cos(w), np.sin(w) / (2 * q)
        root = 2 * np.sqrt(a) * alpha
        if kind == "bell":
            b = [1 + alpha * a, -2 * cos, 1 - alpha * a]
            d = [1 + alpha / a, -2 * cos, 1 - alpha / a]
        else:
            s = 1 if kind == "lowShelf" else -1
            b = [
                a * ((a + 1) - s * (a - 1) * cos + root),
                s * 2 * a * ((a - 1) - s * (a + 1) * cos),
                a * ((a + 1) - s * (a - 1) * cos - root),
            ]
            d = [
                (a + 1) + s * (a - 1) * cos + root,
                -s * 2 * ((a - 1) + s * (a + 1) * cos),
                (a + 1) + s * (a - 1) * cos - root,
            ]
        audio = sosfilt(np.array([[*b, *d]]) / d[0], audio)
    return audio


def compressed(audio, level, *, threshold_db, ratio, attack_s, release_s, output_db, knee_db=0.0):
    """Turn `(channels, time)` down by what its `level` (time,) asks for.

    D. Giannoulis et al., "Digital dynamic range compressor design", JAES 60(6), 2012: quadratic
    knee, gain in dB smoothed with one-pole attack and release (10 to 90 % rise times).
    """
    over = 20 * np.log10(np.maximum(np.abs(level), 1e-6)) - threshold_db
    knee = max(knee_db, 1e-9)
    soft = np.clip(over + knee / 2, 0, knee) ** 2 / (2 * knee)
    wanted = -(1 - 1 / ratio) * (soft + np.maximum(over - knee / 2, 0))
    attack, release = (1 - 9 ** (-1 / (t * SAMPLE_RATE)) for t in (attack_s, release_s))
    gain, held = np.empty(len(wanted)), 0.0
    for i, target in enumerate(wanted.tolist()):
        held += (attack if target < held else release) * (target - held)
        gain[i] = held
    return audio * 10 ** ((gain + output_db) / 20)


def placed(audio, position):
    """A mono track by constant power; a pair by balance, equal power on the far channel."""
    if len(audio) == 1:
        angle = position * np.pi / 2
        return np.concatenate([np.cos(angle) * audio, np.sin(angle) * audio])
    far = np.sin(min(position, 1 - position) * np.pi)
    gains = [far, 1.0] if position > 0.5 else [1.0, far]
    return audio * np.array(gains)[:, np.newaxis]

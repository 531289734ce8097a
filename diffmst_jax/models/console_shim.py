"""Counts and neutral controls of the console, until `dsp.console` is there."""

import numpy as np

TRACK_CONTROLS = 27
FX_BUS_CONTROLS = 25
MASTER_CONTROLS = 26

_EQ_RANGES = ((20, 2000), (80, 2000), (2000, 8000), (8000, 12000), (12000, 21050), (6000, 21050))
_EQ_HZ = (120, 500, 3500, 9500, 15000, 10000)
_Q = 0.9
_EQ = [
    v
    for (low, high), hz in zip(_EQ_RANGES, _EQ_HZ, strict=True)
    for v in (0.5, (hz - low) / (high - low), (_Q - 0.1) / 4.9)
]
_COMPRESSOR = [0.85, 0.06, 0.06, 0.4, 0.33, 0.03]
NEUTRAL_TRACK = np.array([0.5, *_EQ, *_COMPRESSOR, 0.5, 0.4], np.float32)
NEUTRAL_FX_BUS = np.full(25, 0.5, np.float32)
NEUTRAL_MASTER = np.array([*_EQ, *_COMPRESSOR, 0.5, 0.5], np.float32)
TRACK_GAIN = 0
TRACK_PAN = 25
GAIN_RANGE_DB = 96.0

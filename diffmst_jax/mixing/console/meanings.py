"""What the entries of a console file mean, in words: for its schema, and for what `diff` says."""

import math

from dsp.reverb import (
    BANDS,
    DECAY_BASE,
    DECAY_SPAN,
    HIGHEST_BAND_ABOVE_HZ,
    LOWEST_BAND_BELOW_HZ,
    OCTAVE_CENTRES_HZ,
    RESPONSE_SAMPLES,
)

DB_OF_E = 20 * math.log10(math.e)
"""Decibels by which an amplitude falls when it is divided by e."""

_BANDS = (
    f"band by band: below {LOWEST_BAND_BELOW_HZ:g} Hz, octaves around "
    f"{', '.join(f'{centre:g}' for centre in OCTAVE_CENTRES_HZ)} Hz, above "
    f"{HIGHEST_BAND_ABOVE_HZ:g} Hz"
)

KEPT = {
    "locked": "patterns of tracks that were left as they are",
    "centred": "files of the tracks that were kept in the middle, or near it",
}
"""Which tracks a mix was made with that way."""

SETTINGS = {
    "input_gain_db": "the fader: gain before the equalizer, after source_gain_db",
    "gain_db": "boost or cut; 0 does nothing",
    "frequency_hz": "centre of a peaking band, corner of a shelf",
    "q_factor": "resonance: higher is narrower, or a steeper shelf",
    "threshold_db": "level above which the gain is reduced, of the signal as it arrives here",
    "ratio": "dB in for each dB out above the threshold; 1 does nothing",
    "attack_ms": "10 to 90 % time in which the gain falls",
    "release_ms": "10 to 90 % time in which the gain recovers",
    "knee_db": "width of the transition around the threshold; 0 is a hard knee",
    "makeup_gain_db": "gain after the compressor",
    "pan": "0 is left, 0.5 the centre, 1 right; for a stereo pair where the pair as a whole leans",
    "send_db": "level sent to the effects bus, after the pan",
    "band_gain": (
        f"amplitude of the reverb's response, linear, {_BANDS}. Each channel's response is "
        f"h[n] = 1/{BANDS} sum_b band_gain[b] exp(-({DECAY_BASE:g} + {DECAY_SPAN:g} band_decay[b]) "
        f"n / {RESPONSE_SAMPLES - 1}) noise_b[n], {RESPONSE_SAMPLES} samples long; noise_b is "
        "white noise filtered to the band"
    ),
    "band_decay": (
        f"how fast the response dies away, {_BANDS}: by {DB_OF_E * DECAY_BASE:.1f} dB over its "
        f"length at 0, by {DB_OF_E * (DECAY_BASE + DECAY_SPAN):.1f} dB at 1"
    ),
    "mix": "0 dry to 1 wet: of x, sent to it, the bus returns (1 - mix) x + mix (h * x)",
    "output_fader_db": "gain after the master bus",
    "input_fader_db": "gain before the master bus",
}
"""By the name of the setting."""

CONSOLE = {
    "track_equalizer": "equalizers of the tracks",
    "track_compressor": "compressors of the tracks",
    "reverb": "reverb on the effects bus",
    "master_bus": "master bus",
    "pan_law": "pan law",
    "ballistics": "how compressors follow the level",
    "detector": "how the master's compressor joins the channels' levels",
    "track_lookahead_ms": "lookahead of the tracks' compressors, ms",
    "master_lookahead_ms": "lookahead of the master's compressor, ms",
    "equalizer_method": "how equalizers are computed",
}
"""By the name of the entry of `console`: what it is called."""

VALUES = {
    "constant_power": "constant power (-3 dB in the centre)",
    "compromise": "-4.5 dB in the centre",
    "linear": "linear (-6 dB in the centre)",
    "branching": "with attack and release",
    "decoupled": "with peaks held and released",
    "one_pole": "by the attack time alone",
    "sampled_one_pole": "by the attack time alone, filters sampled",
    "fft": "sampled in frequency",
    "scan": "exactly, sample by sample",
    "block": "exactly, in blocks",
    "auto": "exactly, the fastest way",
    "max": "their louder one",
    "mean": "their mean",
    "sum": "their sum",
}
"""By the value of such an entry."""

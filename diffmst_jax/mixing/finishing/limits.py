"""What a finished mix may be asked for; imports nothing, so the command line shows it at once."""

DEFAULT_MODEL = "compact"

DEFAULT_LOUDNESS_LUFS = -14.0
DEFAULT_CEILING_DBTP = -1.0
LOUDNESS_RANGE = (-60.0, -5.0)
CEILING_RANGE = (-20.0, 0.0)

MOST_STEPS, ENOUGH_STEPS = 1000, 60
"""Of refinement: as many as may be asked for, and as many as are advised; more hardly gain."""

SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
"""Sample formats, and what libsndfile calls them."""
FORMATS = {"wav": ("16", "24", "float"), "flac": ("16", "24")}
"""File formats, and the sample formats that each has."""
DEFAULT_FORMAT, DEFAULT_BITS = "wav", "24"

SESSION_FORMATS = {"dawproject": ".dawproject", "reaper": ".rpp"}
"""What a mix can be exported as, and how the files end."""

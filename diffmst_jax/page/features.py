"""What the page has to know about the server: formats, limits and defaults."""

from typing import Any

from diffmst_jax import __version__
from diffmst_jax.audio import AUDIO_SUFFIXES, SAMPLE_RATE
from diffmst_jax.mixing.console.amount import Amounts
from diffmst_jax.mixing.console.schema import console_schema
from diffmst_jax.mixing.finishing.limits import ENOUGH_STEPS, SESSION_FORMATS
from diffmst_jax.mixing.finishing.output import MOST_LIMITING_DB, OutputTarget
from diffmst_jax.page.limits import UploadLimits

SESSION_TITLES = {"dawproject": "DAWproject", "reaper": "REAPER project"}


def features(limits: UploadLimits) -> dict[str, Any]:
    """Describe the server to the page."""
    return {
        "version": __version__,
        "sample_rate_hz": SAMPLE_RATE,
        "amounts": list(Amounts._fields),
        "output": OutputTarget()._asdict(),
        "most_limiting_db": MOST_LIMITING_DB,
        "schema": console_schema(),
        "audio_suffixes": list(AUDIO_SUFFIXES),
        "file_bytes": limits.file_bytes,
        "tracks": limits.tracks,
        "refine": ENOUGH_STEPS,
        "export": [{"key": key, "title": SESSION_TITLES[key]} for key in SESSION_FORMATS],
    }

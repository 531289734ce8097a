"""`style.json`: the style of one reference or several as a file, to mix with when they are away.

It holds the measured features in readable numbers, which refinement aims at, and of each reference
passages that stand for it, for what a model hears in them is its own and changes when it is trained
again: 24 s at most, losslessly compressed.
"""

import base64
import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import soundfile

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.json_file import Kind, check_document, load_document, schema_of
from diffmst_jax.losses import StyleFeatures
from diffmst_jax.mixing.signals.measure import factor, integrated_loudness, peak
from diffmst_jax.mixing.sources.reference import Reference, named, usable_reference
from diffmst_jax.models.compact.windows import MAXIMUM_WINDOWS, excerpt

FORMAT = "diffmst-style"
VERSION = 1
STYLE_KIND = Kind(
    what="style file",
    format=FORMAT,
    version=VERSION,
    schema_file="style.schema.json",
    largest_bytes=64_000_000,
    give="give a style.json written by --save-preset",
    again="save the style again",
)
DECIMALS = 6

EXCERPT_LUFS = -20.0
WINDOW = 1 << 18  # samples, as long as those of the model that ships


def is_style_file(path: str | Path) -> bool:
    """Whether a name is that of a style rather than of audio."""
    return Path(path).suffix.lower() == ".json"


def style_text(references: Sequence[Reference]) -> str:
    """Write references as the text of a style file, one that `load_style` reads.

    Raises:
        InputError: there are too many for one file.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "references": [_document(reference) for reference in references],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    name = Path(named(references))
    if len(text.encode()) > STYLE_KIND.largest_bytes:
        problem = f"are too many references ({len(references)}) for one style file"
        raise InputError(name, problem, "save fewer together")
    # What could not be read again must not be written either.
    check_document(document, name, STYLE_KIND)
    _references(document, name)
    return text


def load_style(path: str | Path) -> tuple[Reference, ...]:
    """Read and check a style file.

    Raises:
        InputError: not there, not a style file, of another version, or with an entry that is
            missing, unknown or wrong; names its place.
    """
    return _references(load_document(Path(path), STYLE_KIND), Path(path))


def _document(reference: Reference) -> dict[str, Any]:
    limits = _limits()
    features = {
        name: np.clip(np.round(np.asarray(value, np.float64), DECIMALS), *limits[name]).tolist()
        for name, value in reference.features._asdict().items()
    }
    return {
        "name": reference.name,
        "weight": round(reference.weight, DECIMALS),
        "features": features,
        "excerpt_flac": base64.b64encode(_encoded(_heard(reference.audio))).decode("ascii"),
    }


def _heard(audio: np.ndarray) -> np.ndarray:
    """What a model listens to in `(2, time)`; all of it when it is short."""
    is_short = audio.shape[1] <= MAXIMUM_WINDOWS * WINDOW
    return audio if is_short else excerpt(audio, length=WINDOW)


def _encoded(audio: np.ndarray) -> bytes:
    """Compress at one loudness, or as loud as its peaks allow."""
    gain = factor(EXCERPT_LUFS - integrated_loudness(audio, sample_rate=SAMPLE_RATE))
    gain = min(gain, 0.99 / peak(audio))
    buffer = io.BytesIO()
    soundfile.write(buffer, gain * audio.T, SAMPLE_RATE, format="FLAC", subtype="PCM_24")
    return buffer.getvalue()


@cache
def _limits() -> dict[str, tuple[float, float]]:
    """Ends of each feature. A mix that is hardly more than DC offset, say, is beyond one."""
    entry = schema_of(STYLE_KIND)["properties"]["references"]["items"]["properties"]["features"]
    return {name: _ends(values) for name, values in entry["properties"].items()}


def _ends(values: dict[str, Any]) -> tuple[float, float]:
    return _ends(values["items"]) if "items" in values else (values["minimum"], values["maximum"])


def _references(document: dict[str, Any], path: Path) -> tuple[Reference, ...]:
    return tuple(_reference(path, entry) for entry in document["references"])


def _reference(path: Path, entry: dict[str, Any]) -> Reference:
    try:
        data = base64.b64decode(entry["excerpt_flac"], validate=True)
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except (ValueError, soundfile.LibsndfileError, TypeError) as error:
        problem = f"holds an excerpt of {entry['name']!r} that cannot be decoded"
        raise InputError(path, problem, "save the style again") from error
    if rate != SAMPLE_RATE or samples.shape[1] != 2:
        raise InputError(path, "holds an excerpt of another kind", "save the style again")
    audio = usable_reference(np.ascontiguousarray(samples.T), path)
    features = {name: jnp.asarray(value, jnp.float32) for name, value in entry["features"].items()}
    style = StyleFeatures(**features)
    return Reference(entry["name"], audio, style, entry["weight"], is_saved=True)

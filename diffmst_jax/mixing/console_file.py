"""`console.json`: the settings of a mix as a file that people read, edit and render again."""

import dataclasses
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.console_schema import FORMAT, VERSION, decode, encode
from diffmst_jax.mixing.output import OutputTarget
from diffmst_jax.mixing.settings import DECIMALS, MixSettings, Provenance
from diffmst_jax.mixing.tracks import LeftOut, Strip

SCHEMA_FILE = "console.schema.json"
LARGEST_BYTES = 16_000_000
SHOWN_CHARACTERS = 60


def console_document(settings: MixSettings) -> dict[str, Any]:
    """Lay settings out as the console file does; what is off is left out where it may be."""
    tracks = [_track_document(settings, index) for index in range(len(settings.strips))]
    document = {
        "format": FORMAT,
        "version": VERSION,
        "sample_rate_hz": SAMPLE_RATE,
        "made_with": settings.provenance._asdict(),
        "output": settings.target._asdict(),
        "console": dataclasses.asdict(settings.config),
        "tracks": tracks,
        "fx_bus": encode(settings.params.fx_bus),
        "master_bus": encode(settings.params.master_bus),
        "left_out": [item._asdict() for item in settings.left_out],
    }
    if not settings.config.reverb:
        del document["fx_bus"]
        for track in tracks:
            del track["send_db"]
    return document


def console_text(settings: MixSettings) -> str:
    """Write settings as the text of a console file."""
    return json.dumps(console_document(settings), indent=2, ensure_ascii=False) + "\n"


def load_console(path: str | Path) -> MixSettings:
    """Read and check a console file.

    Raises:
        InputError: not there, not JSON, of another version, or an entry that is missing, unknown
            or out of its range; names its place in the file, its value and what is allowed.
    """
    path = Path(path)
    document = _parse(path)
    _check_version(path, document)
    error = min(_validator().iter_errors(document), key=_rank, default=None)
    if error is not None:
        problem, remedy = explain(error)
        raise InputError(path, problem, remedy)
    settings = settings_from_document(document)
    _check_unique(path, settings.strips)
    return settings


def settings_from_document(document: dict[str, Any]) -> MixSettings:
    """Build settings from a document that the schema accepts."""
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    rows = document["tracks"]
    neutral = jax.tree.map(
        lambda leaf: np.asarray(leaf, np.float64),
        dsp.neutral_console(len(rows), sample_rate=SAMPLE_RATE),
    )
    send_db = encode(neutral.tracks.send_db)
    tracks = [
        decode({"send_db": off, **row}, ranges.tracks)
        for row, off in zip(rows, send_db, strict=True)
    ]
    fx_bus = neutral.fx_bus
    if "fx_bus" in document:
        fx_bus = decode(document["fx_bus"], ranges.fx_bus)
    params = dsp.ConsoleParams(
        jax.tree.map(lambda *leaves: np.stack(leaves), *tracks),
        fx_bus,
        decode(document["master_bus"], ranges.master_bus),
    )
    return MixSettings(
        strips=tuple(Strip(row["file"], tuple(row["channels"])) for row in rows),
        muted=np.array([row.get("muted", False) for row in rows]),
        source_gain_db=np.array([row["source_gain_db"] for row in rows], np.float64),
        params=params,
        config=dsp.ConsoleConfig(**document["console"]),
        target=OutputTarget(**document["output"]),
        provenance=Provenance(**document.get("made_with", {})),
        left_out=tuple(LeftOut(**item) for item in document.get("left_out", [])),
    )


def explain(error: ValidationError) -> tuple[str, str]:
    """Say in words what a schema violation is, and what to do: `(problem, remedy)`."""
    place, schema = _place(error), error.schema
    value: Any = error.instance
    if not isinstance(schema, dict):
        return f"{place} is one entry too many", "remove it"
    if error.validator == "required":
        missing = next(name for name in schema["required"] if name not in value)
        return f"{place} has no entry {missing!r}", "add it"
    if error.validator == "additionalProperties":
        unknown = next(name for name in value if name not in schema["properties"])
        return f"{place} has an unknown entry {unknown!r}", "correct its name or remove it"
    return f"{place} is {_shown(value)}", _remedy(str(error.validator), schema, error.message)


def _remedy(validator: str, schema: dict[str, Any], message: str) -> str:
    if validator in ("minimum", "maximum"):
        return f"set it from {schema['minimum']:g} to {schema['maximum']:g}"
    if validator in ("enum", "const"):
        allowed = schema.get("enum", [schema.get("const")])
        return f"use {' or '.join(json.dumps(value) for value in allowed)}"
    if validator == "type":
        return f"give a value of type {schema['type']}"
    return f"correct it ({message})"


@cache
def _validator() -> Draft202012Validator:
    schema = resources.files("diffmst_jax").joinpath("schema", SCHEMA_FILE)
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))


def _track_document(settings: MixSettings, index: int) -> dict[str, Any]:
    strip = settings.strips[index]
    params = jax.tree.map(lambda leaf: leaf[index], settings.params.tracks)
    return {
        "file": strip.file,
        "channels": list(strip.channels),
        "muted": bool(settings.muted[index]),
        "source_gain_db": round(float(settings.source_gain_db[index]), DECIMALS),
        **encode(params),
    }


def _parse(path: Path) -> Any:
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(path, problem, "give a console.json written by diffmst mix")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(path, "is too large for a console file", "give a console.json")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg})"
        raise InputError(path, problem, "correct that place") from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not valid JSON ({error})", "give a console.json") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its rights") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _check_version(path: Path, document: Any) -> None:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(path, "is not a console file", "give a console.json by diffmst mix")
    if document.get("version") != VERSION:
        problem = f"has version {_shown(document.get('version'))}, this program reads {VERSION}"
        raise InputError(path, problem, "mix again, or use the program that wrote it")


def _check_unique(path: Path, strips: tuple[Strip, ...]) -> None:
    seen: set[tuple[str, int]] = set()
    for index, strip in enumerate(strips):
        for channel in strip.channels:
            if (strip.file, channel) in seen:
                problem = f"tracks[{index}] uses channel {channel} of {strip.file!r} a second time"
                raise InputError(path, problem, "remove the entry")
            seen.add((strip.file, channel))


def _rank(error: ValidationError) -> tuple[bool, list[str]]:
    """Wrong names come first: a misspelt entry is both unknown and missing, and said as unknown."""
    return error.validator != "additionalProperties", [str(part) for part in error.absolute_path]


def _place(error: ValidationError) -> str:
    parts = [f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path]
    return "".join(parts).lstrip(".") or "the file"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."

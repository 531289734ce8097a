"""The three walks between console settings and JSON: write, read, and the schema of both.

Each follows the settings' NamedTuples and the ranges of `dsp.console_ranges`, so a new setting or
another range appears in the file format without being written down again.
"""

import dataclasses
from typing import Any

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.mixing.console.meanings import CONSOLE, KEPT, SETTINGS
from diffmst_jax.mixing.console.settings import RefinementNote
from diffmst_jax.mixing.finishing.limits import CEILING_RANGE, LOUDNESS_RANGE
from dsp.ballistics import BALLISTICS
from dsp.equalizer import CONSOLE_BANDS
from dsp.linear_filter import METHODS
from dsp.ranges import Range
from dsp.side_chain import DETECTORS
from dsp.stereo import PAN_LAWS

FORMAT = "diffmst-console"
VERSION = 1
SCHEMA_URI = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID = f"urn:{FORMAT}:{VERSION}"
SCHEMA_ENTRY = "for editors: the name of this schema, or the path to it; not read by diffmst"

SOURCE_GAIN_RANGE = Range(-100.0, 60.0)
"""From a square wave at full scale to the faintest track that counts as sound, and room."""

LOOKAHEAD_RANGE = Range(0.0, 100.0)

CONFIG_CHOICES = {
    "pan_law": PAN_LAWS,
    "ballistics": BALLISTICS,
    "detector": DETECTORS,
    "equalizer_method": METHODS,
}


def encode(params: Any) -> Any:
    """Turn settings into plain JSON values: objects by field name, equalizers band by band."""
    if isinstance(params, dsp.EqualizerParams):
        bands = zip(CONSOLE_BANDS, *params, strict=True)
        return [
            {"kind": kind, **dict(zip(params._fields, map(float, values), strict=True))}
            for kind, *values in bands
        ]
    if isinstance(params, tuple):
        return {name: encode(getattr(params, name)) for name in fields(params)}
    value = np.asarray(params, np.float64)
    return value.tolist()


def decode(document: Any, ranges: Any) -> Any:
    """Read what `encode` wrote, as float64 arrays in the NamedTuples of `ranges`."""
    if isinstance(ranges, dsp.EqualizerParams):
        columns = ([band[name] for band in document] for name in ranges._fields)
        return dsp.EqualizerParams(*(np.array(column, np.float64) for column in columns))
    if isinstance(ranges, Range):
        return np.array(document, np.float64)
    parts = {name: decode(document[name], getattr(ranges, name)) for name in fields(ranges)}
    return type(ranges)(**parts)


def settings_schema(ranges: Any) -> dict[str, Any]:
    """Describe what `encode` writes for settings with these ranges, each with its meaning."""
    if isinstance(ranges, dsp.EqualizerParams):
        bands = [_band_schema(kind, index, ranges) for index, kind in enumerate(CONSOLE_BANDS)]
        return _fixed_array(bands)
    if isinstance(ranges, Range):
        if np.ndim(ranges.low) == 0:
            return number(ranges)
        pairs = zip(np.asarray(ranges.low), np.asarray(ranges.high), strict=True)
        return _fixed_array([number(Range(low, high)) for low, high in pairs])
    entries = {name: settings_schema(getattr(ranges, name)) for name in fields(ranges)}
    for name in entries.keys() & SETTINGS.keys():
        entries[name] = {**entries[name], "description": SETTINGS[name]}
    return record(entries)


def full_ranges() -> dsp.ConsoleParams:
    """Range of every setting of one strip and the buses, with as many ends as it has values."""
    neutral = dsp.neutral_console(1, sample_rate=SAMPLE_RATE)
    one = neutral._replace(tracks=jax.tree.map(lambda leaf: leaf[0], neutral.tracks))

    def fill(limits: Range, leaf: jax.Array) -> Range:
        return Range(*(np.broadcast_to(end, leaf.shape) for end in limits))

    return jax.tree.map(
        fill,
        dsp.console_ranges(sample_rate=SAMPLE_RATE),
        one,
        is_leaf=lambda node: isinstance(node, Range),
    )


def console_schema() -> dict[str, Any]:
    """JSON Schema of a console file; the one in the package is this, written out."""
    ranges = full_ranges()
    track = settings_schema(ranges.tracks)["properties"]
    left_out = record({"file": text(), "reason": text()})
    loudness, ceiling = number(Range(*LOUDNESS_RANGE)), number(Range(*CEILING_RANGE))
    return {
        "$schema": SCHEMA_URI,
        "$id": SCHEMA_ID,
        "title": "Console settings of a mix by diffmst",
        "description": (
            "Everything a mix is made of besides the audio files. Gains and levels are in dB, "
            "frequencies in Hz, times in ms; edit them and run `diffmst render`."
        ),
        **record(
            {
                "$schema": {"type": "string", "description": SCHEMA_ENTRY},
                "format": {"const": FORMAT},
                "version": {"const": VERSION},
                "sample_rate_hz": {"const": SAMPLE_RATE},
                "made_with": _made_with_schema(),
                "output": record({"loudness_lufs": loudness, "ceiling_dbtp": ceiling}),
                "console": _config_schema(),
                "tracks": {"type": "array", "minItems": 1, "items": _track_schema(track)},
                "fx_bus": settings_schema(ranges.fx_bus),
                "master_bus": settings_schema(ranges.master_bus),
                "left_out": {"type": "array", "items": left_out},
            },
            optional=("$schema", "made_with", "fx_bus", "left_out"),
        ),
    }


def fields(params: Any) -> tuple[str, ...]:
    """Field names of a settings NamedTuple."""
    return params._fields


def record(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Schema of an object with these entries and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def number(limits: Range) -> dict[str, Any]:
    """Schema of a number between two ends."""
    low, high = (np.asarray(end).item() for end in limits)
    return {"type": "number", "minimum": low, "maximum": high}


def text() -> dict[str, Any]:
    """Schema of a string."""
    return {"type": "string"}


def _made_with_schema() -> dict[str, Any]:
    distance = {"type": ["number", "null"], "minimum": 0}
    numbers = {name: distance for name in RefinementNote._fields if name != "steps"}
    refinement = {
        **record({"steps": {"type": "integer", "minimum": 0}, **numbers}, optional=tuple(numbers)),
        "description": "style distance to the reference before and after: of the song but for a "
        "stretch that was held back (seen), and had the song changed as that stretch did "
        "(unseen); null where there was none to hold back",
    }
    patterns = {
        name: {"type": "array", "items": text(), "description": meaning}
        for name, meaning in KEPT.items()
    }
    entries = {"model": text(), "reference": text(), "amount": text(), "refinement": refinement}
    return record({**entries, **patterns}, optional=("refinement", *patterns))


def _track_schema(settings: dict[str, Any]) -> dict[str, Any]:
    channels = {
        "description": "channels of the file, counted from 1; two are a stereo pair",
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 1024},
        "minItems": 1,
        "maxItems": 2,
        "uniqueItems": True,
    }
    source_gain = {
        **number(SOURCE_GAIN_RANGE),
        "description": "brings the recording to the console's working level, before all else",
    }
    return record(
        {
            "file": {"type": "string", "minLength": 1},
            "channels": channels,
            "muted": {"type": "boolean"},
            "source_gain_db": source_gain,
            **settings,
        },
        optional=("muted", "send_db"),
    )


def _band_schema(kind: str, index: int, ranges: dsp.EqualizerParams) -> dict[str, Any]:
    limits = {
        name: {
            **number(Range(limit.low[index], limit.high[index])),
            "description": SETTINGS[name],
        }
        for name, limit in zip(ranges._fields, ranges, strict=True)
    }
    return record({"kind": {"const": kind}, **limits})


def _fixed_array(items: list[dict[str, Any]]) -> dict[str, Any]:
    count = len(items)
    return {
        "type": "array",
        "prefixItems": items,
        "items": False,
        "minItems": count,
        "maxItems": count,
    }


def _config_schema() -> dict[str, Any]:
    return record(
        {
            item.name: {**_config_entry(item), "description": CONSOLE[item.name]}
            for item in dataclasses.fields(dsp.ConsoleConfig)
        }
    )


def _config_entry(item: "dataclasses.Field[Any]") -> dict[str, Any]:
    if isinstance(item.default, bool):
        return {"type": "boolean"}
    if isinstance(item.default, float):
        return number(LOOKAHEAD_RANGE)
    return {"enum": list(CONFIG_CHOICES[item.name])}

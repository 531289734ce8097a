"""`console.json`: the settings of a mix as a file that people read, edit and render again."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.json_file import Kind, check_document, load_document
from diffmst_jax.mixing.console.meanings import KEPT
from diffmst_jax.mixing.console.schema import FORMAT, SCHEMA_ID, VERSION, decode, encode
from diffmst_jax.mixing.console.settings import DECIMALS, MixSettings, Provenance, RefinementNote
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.sources.strips import LeftOut, Strip
from diffmst_jax.names import one_spelling

SCHEMA_FILE = "console.schema.json"
CONSOLE_KIND = Kind(
    what="console file",
    format=FORMAT,
    version=VERSION,
    schema_file=SCHEMA_FILE,
    largest_bytes=16_000_000,
    give="give a console.json written by diffmst mix",
    again="mix again",
)


def console_document(settings: MixSettings) -> dict[str, Any]:
    """Lay settings out as the console file does; what is off is left out where it may be."""
    tracks = [_track_document(settings, index) for index in range(len(settings.strips))]
    document = {
        "$schema": SCHEMA_ID,
        "format": FORMAT,
        "version": VERSION,
        "sample_rate_hz": SAMPLE_RATE,
        "made_with": _made_with(settings.provenance),
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
    return _settings(load_document(Path(path), CONSOLE_KIND), Path(path))


def check_console(document: Any, name: str | Path) -> MixSettings:
    """Read and check what a console file would say.

    Args:
        document: parsed JSON, without NaN.
        name: what errors name.

    Raises:
        InputError: as for `load_console`.
    """
    check_document(document, Path(name), CONSOLE_KIND)
    return _settings(document, Path(name))


def _settings(document: dict[str, Any], path: Path) -> MixSettings:
    settings = settings_from_document(document)
    _check_unique(path, settings.strips)
    return settings


def settings_from_document(document: dict[str, Any]) -> MixSettings:
    """Build settings from a document that the schema accepts."""
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    rows = document["tracks"]
    off = float(ranges.tracks.send_db.low)
    tracks = [decode({"send_db": off, **row}, ranges.tracks) for row in rows]
    has_bus = "fx_bus" in document
    params = dsp.ConsoleParams(
        jax.tree.map(lambda *leaves: np.stack(leaves), *tracks),
        decode(document["fx_bus"], ranges.fx_bus) if has_bus else _neutral_fx_bus(),
        decode(document["master_bus"], ranges.master_bus),
    )
    return MixSettings(
        strips=tuple(Strip(one_spelling(row["file"]), tuple(row["channels"])) for row in rows),
        muted=np.array([row.get("muted", False) for row in rows]),
        source_gain_db=np.array([row["source_gain_db"] for row in rows], np.float64),
        params=params,
        config=dsp.ConsoleConfig(**document["console"]),
        target=OutputTarget(**document["output"]),
        provenance=_provenance(document.get("made_with", {})),
        left_out=tuple(LeftOut(**item) for item in document.get("left_out", [])),
    )


# Under jit, for each operation by itself would take as long to begin.
_neutral = jax.jit(lambda: dsp.neutral_console(1, sample_rate=SAMPLE_RATE).fx_bus)


def _neutral_fx_bus() -> dsp.FxBusParams:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), _neutral())


def _made_with(provenance: Provenance) -> dict[str, Any]:
    """Say how settings came about; of what was not asked for, nothing."""
    document = provenance._asdict()
    note = provenance.refinement
    document["refinement"] = None if note is None else note._asdict()
    lists = {name: list(document[name]) or None for name in KEPT}
    return {name: entry for name, entry in {**document, **lists}.items() if entry is not None}


def _provenance(document: dict[str, Any]) -> Provenance:
    note = document.get("refinement")
    lists = {name: tuple(document.get(name, ())) for name in KEPT}
    return Provenance(**{**document, **lists, "refinement": note and RefinementNote(**note)})


def _track_document(settings: MixSettings, index: int) -> dict[str, Any]:
    strip = settings.strips[index]
    return {
        "file": strip.file,
        "channels": list(strip.channels),
        "muted": bool(settings.muted[index]),
        "source_gain_db": round(float(settings.source_gain_db[index]), DECIMALS),
        **encode(settings.strip_params(index)),
    }


def _check_unique(path: Path, strips: tuple[Strip, ...]) -> None:
    seen: set[tuple[str, int]] = set()
    for index, strip in enumerate(strips):
        for channel in strip.channels:
            if (strip.file, channel) in seen:
                problem = f"tracks[{index}] uses channel {channel} of {strip.file!r} a second time"
                raise InputError(path, problem, "remove the entry")
            seen.add((strip.file, channel))

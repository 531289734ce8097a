"""What the page may ask the worker for, with every option checked before any work starts."""

from functools import partial
from typing import Any

from diffmst_jax.mixing.finishing.limits import (
    CEILING_RANGE,
    DEFAULT_BITS,
    DEFAULT_CEILING_DBTP,
    DEFAULT_FORMAT,
    DEFAULT_LOUDNESS_LUFS,
    ENOUGH_STEPS,
    FORMATS,
    LOUDNESS_RANGE,
    SESSION_FORMATS,
)
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.page.exporting import export
from diffmst_jax.page.jobs import Task
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.page.tasks import Desk
from diffmst_jax.page.workspace import Song


def order(desk: Desk, song: Song, kind: str, options: dict[str, Any]) -> Task:
    """Turn a request into work.

    Args:
        desk: who does it.
        song: for which song.
        kind: `open`, `mix`, `level`, `render`, `report` or `export`.
        options: what goes with that kind.

    Raises:
        RefusalError: an unknown kind, or an option that is not possible.
    """
    if kind == "open":
        return partial(desk.open, song)
    if kind == "mix":
        return partial(
            desk.mix, song, _target(options), ENOUGH_STEPS if options.get("refine") else 0
        )
    if kind == "level":
        return partial(desk.render, song, "", DEFAULT_BITS)
    if kind == "render":
        name, bits = _output(options)
        return partial(desk.render, song, name, bits)
    if kind == "report":
        return partial(desk.report, song)
    if kind == "export":
        file_format = options.get("format")
        if file_format not in SESSION_FORMATS:
            raise RefusalError(400, f"the format is none of {', '.join(SESSION_FORMATS)}")
        return partial(export, song, file_format)
    raise RefusalError(400, f"there is no work of kind {kind!r}")


def _target(options: dict[str, Any]) -> OutputTarget:
    return OutputTarget(
        _number(options, "loudness_lufs", DEFAULT_LOUDNESS_LUFS, LOUDNESS_RANGE),
        _number(options, "ceiling_dbtp", DEFAULT_CEILING_DBTP, CEILING_RANGE),
    )


def _output(options: dict[str, Any]) -> tuple[str, str]:
    file_format = str(options.get("format", DEFAULT_FORMAT))
    bits = options.get("bits", DEFAULT_BITS)
    if file_format not in FORMATS:
        raise RefusalError(400, f"the format is none of {', '.join(FORMATS)}")
    if bits not in FORMATS[file_format]:
        raise RefusalError(400, "there is no such sample format; use 16 or 24")
    return f"result.{file_format}", bits


def _number(
    options: dict[str, Any], name: str, default: float, limits: tuple[float, float]
) -> float:
    value = options.get(name, default)
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RefusalError(400, f"{name} is not from {low:g} to {high:g}")
    return float(value)

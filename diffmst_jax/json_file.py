"""JSON files of ours: read, and answered with the place, the value and what is allowed."""

import json
import stat
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from diffmst_jax.errors import InputError
from diffmst_jax.reaching import status

SHOWN_CHARACTERS = 60

Repeated = tuple[dict[str, Any], str]
"""An object of a file, and the name of an entry that it holds more than once."""


class Kind(NamedTuple):
    """One kind of file.

    Attributes:
        what: what it is called.
        format: what its entry `format` has to say.
        version: what its entry `version` has to be.
        schema_file: name of its JSON Schema in the package.
        largest_bytes: larger ones are not opened.
        give: remedy when something else was given.
        again: remedy when it is of another version.
    """

    what: str
    format: str
    version: int
    schema_file: str
    largest_bytes: int
    give: str
    again: str


def load_document(path: Path, kind: Kind) -> Any:
    """Read a file that its schema accepts.

    Raises:
        InputError: not there, not JSON, of another kind or version, or an entry that is missing,
            unknown, there twice or out of its range; names its place in the file, its value and
            what is allowed.
    """
    repeated: list[Repeated] = []
    document = _parse(path, kind, repeated)
    check_document(document, path, kind)
    for entries, name in repeated:
        problem = f"{_place(_way_to(entries, document) or ())} has two entries {name!r}"
        raise InputError(path, problem, "remove one")
    return document


def check_document(document: Any, path: Path, kind: Kind) -> None:
    """Refuse what a file may not say.

    Args:
        document: parsed JSON.
        path: what errors name.
        kind: what it should be.

    Raises:
        InputError: as for `load_document`.
    """
    if not isinstance(document, dict) or document.get("format") != kind.format:
        raise InputError(path, f"is not a {kind.what}", kind.give)
    if document.get("version") != kind.version:
        problem = (
            f"has version {_shown(document.get('version'))}, this program reads {kind.version}"
        )
        raise InputError(path, problem, f"{kind.again}, or use the program that wrote it")
    error = min(_validator(kind).iter_errors(document), key=_rank, default=None)
    if error is not None:
        problem, remedy = explain(error)
        raise InputError(path, _file_at(error.absolute_path, document) + problem, remedy)


@cache
def schema_of(kind: Kind) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file, parsed."""
    file = resources.files("diffmst_jax").joinpath("schema", kind.schema_file)
    return json.loads(file.read_text(encoding="utf-8"))


def explain(error: ValidationError) -> tuple[str, str]:
    """Say in words what a schema violation is, and what to do: `(problem, remedy)`."""
    place, schema = _place(error.absolute_path), error.schema
    value: Any = error.instance
    if not isinstance(schema, dict):
        return f"{place} is one entry too many", "remove it"
    if error.validator == "required":
        missing = next(name for name in schema["required"] if name not in value)
        return f"{place} has no entry {missing!r}", "add it"
    if error.validator == "additionalProperties":
        unknown = next(name for name in value if name not in schema["properties"])
        return f"{place} has an unknown entry {unknown!r}", "correct its name or remove it"
    if error.validator in ("minItems", "maxItems", "items"):
        count = "1 entry" if len(value) == 1 else f"{len(value)} entries"
        return f"{place} has {count}", f"give {_many(schema)}"
    return f"{place} is {_shown(value)}", _remedy(str(error.validator), schema, error.message)


def _remedy(validator: str, schema: dict[str, Any], message: str) -> str:
    if validator in ("minimum", "maximum"):
        return f"set it {_range(schema)}"
    if validator in ("enum", "const"):
        allowed = schema.get("enum", [schema.get("const")])
        return f"use {' or '.join(json.dumps(value) for value in allowed)}"
    if validator == "type":
        types = schema["type"]
        if types == "boolean":
            return "use true or false"
        return f"give a value of type {types if isinstance(types, str) else ' or '.join(types)}"
    return f"correct it ({message})"


def _range(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is None:
        return f"to {low:g} or more"
    return f"to {high:g} or less" if low is None else f"from {low:g} to {high:g}"


def _many(schema: dict[str, Any]) -> str:
    low, high = schema.get("minItems", 0), schema.get("maxItems")
    if high is None:
        return f"{low} or more"
    return f"{high}" if low == high else f"from {low} to {high}"


@cache
def _validator(kind: Kind) -> Draft202012Validator:
    return Draft202012Validator(schema_of(kind))


def _parse(path: Path, kind: Kind, repeated: list[Repeated]) -> Any:
    def entries_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # The last of two would count, and an edit of the first would do nothing.
        entries = dict(pairs)
        counts = Counter(name for name, _ in pairs)
        repeated.extend((entries, name) for name, count in counts.items() if count > 1)
        return entries

    there = status(path)
    if there is None or not stat.S_ISREG(there.st_mode):
        problem = "is a folder" if there and stat.S_ISDIR(there.st_mode) else "does not exist"
        raise InputError(path, problem, kind.give)
    if there.st_size > kind.largest_bytes:
        raise InputError(path, f"is too large for a {kind.what}", kind.give)
    try:
        # Of bytes, the parser finds the encoding: editors may begin with a mark, or write UTF-16.
        content = path.read_bytes()
        return json.loads(content, parse_constant=refuse_constant, object_pairs_hook=entries_of)
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg})"
        raise InputError(path, problem, "correct that place") from error
    except UnicodeDecodeError as error:
        raise InputError(path, "is no text", kind.give) from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not valid JSON ({error})", kind.give) from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its rights") from error


def refuse_constant(name: str) -> None:
    """Refuse NaN and infinities, which Python reads, but which are no JSON."""
    raise ValueError(f"{name} is no number")


def _rank(error: ValidationError) -> tuple[bool, list[str]]:
    """Wrong names come first: a misspelt entry is both unknown and missing, and said as unknown."""
    return error.validator != "additionalProperties", [str(part) for part in error.absolute_path]


def _place(way: Iterable[str | int]) -> str:
    parts = [f"[{p}]" if isinstance(p, int) else f".{p}" for p in way]
    return "".join(parts).lstrip(".") or "the file"


def _file_at(way: Iterable[str | int], document: Any) -> str:
    """Name the audio file that a place is about, for places count from 0 and people from 1."""
    value, file = document, None
    for part in way:
        value = value[part]
        file = value.get("file", file) if isinstance(value, dict) else file
    return f"{file}, " if isinstance(file, str) else ""


def _way_to(entries: dict[str, Any], value: Any) -> tuple[str | int, ...] | None:
    """Return the keys and indices that lead from a value to an object in it."""
    if value is entries:
        return ()
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        way = _way_to(entries, item) if isinstance(item, dict | list) else None
        if way is not None:
            return (key, *way)
    return None


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."

"""Plain mappings, as YAML gives them, into frozen dataclasses: complete and typed, or refused.

Every key must be there and known, and of the declared kind and size; numbers are finite. What is
wrong is said with the place and, for an unknown key, the nearest known one.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from diffmst_jax.errors import InputError

T = TypeVar("T")


def read_config(kind: type[T], values: Mapping[str, Any], *, place: str) -> T:
    """Build a dataclass from a mapping.

    Args:
      kind: a dataclass whose fields are bool, int, float, str, None, Literal, tuple, dataclass,
        or unions of these; numbers may be annotated with a `Limit`.
      values: what the configuration says.
      place: where it says so, for messages (`trainer`); empty for its top.

    Returns:
      The dataclass, every field given by `values`; defaults are not used, so that a stored
      configuration says everything.

    Raises:
      InputError: a missing or unknown key, or a value of the wrong kind or size.
    """
    inside = f"{place}." if place else ""
    if not isinstance(values, Mapping):
        raise InputError(place, f"is {values!r}", "give a mapping of settings")
    hints = typing.get_type_hints(kind, include_extras=True)
    for key in values:
        if key not in hints:
            raise InputError(f"{inside}{key}", "is no known setting", nearest(str(key), hints))
    missing = [key for key in hints if key not in values]
    if missing:
        raise InputError(f"{inside}{missing[0]}", "is missing", "add it to the configuration")
    fields = {k: _convert(hint, values[k], f"{inside}{k}") for k, hint in hints.items()}
    try:
        return kind(**fields)
    except ValueError as error:
        raise InputError(place, str(error), "correct the setting") from error


def nearest(word: str, known: Iterable[Any]) -> str:
    """Say which of the known words is meant, or, if none is near, which there are."""
    names = [str(item) for item in known]
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.4)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"


def plain_config(config: Any) -> Any:
    """Turn a dataclass into mappings, lists and scalars; the inverse of `read_config`."""
    if hasattr(config, "to_dict"):
        return config.to_dict()
    if dataclasses.is_dataclass(config):
        return {f.name: plain_config(getattr(config, f.name)) for f in dataclasses.fields(config)}
    return [plain_config(item) for item in config] if isinstance(config, tuple) else config


def _convert(hint: Any, value: Any, place: str) -> Any:
    """Check one value against a type annotation, and turn lists and mappings into its kind."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        from_dict = getattr(hint, "from_dict", partial(read_config, hint, place=place))
        return from_dict(value)
    if origin in (typing.Union, types.UnionType):
        return _first_that_fits(args, value, place)
    if origin is typing.Literal:
        if value not in args:
            raise InputError(place, f"is {value!r}", nearest(str(value), args))
        return value
    if origin is typing.Annotated:
        return _limited(args, value, place)
    if origin is tuple:
        return _tuple(args, value, place)
    return _scalar(hint, value, place)


def _scalar(hint: Any, value: Any, place: str) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    if hint is str and type(value) in (int, float):
        return str(value)  # a name or a folder like 2026, which YAML takes for a number
    if hint is not type(value) and not (hint is types.NoneType and value is None):
        wanted = getattr(hint, "__name__", str(hint))
        raise InputError(place, f"is {value!r}", f"give a value of type {wanted}")
    if hint is float and not math.isfinite(value):
        raise InputError(place, f"is {value}", "give a finite number")
    return value


def _limited(args: tuple[Any, ...], value: Any, place: str) -> Any:
    kind, limit = args
    number = _convert(kind, value, place)
    if not limit.holds(number):
        raise InputError(place, f"is {number}", limit.remedy)
    return number


def _first_that_fits(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    problem: InputError | None = None
    for kind in kinds:
        try:
            return _convert(kind, value, place)
        except InputError as error:
            problem = problem or error
    raise problem if problem is not None else TypeError(f"{place}: empty union")


def _tuple(kinds: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(place, f"is {value!r}", "give a list")
    inner = kinds[:1] * len(value) if kinds[-1] is ... else kinds
    if len(inner) != len(value):
        raise InputError(place, f"is {list(value)!r}", f"give {len(inner)} values")
    entries = zip(inner, value, strict=True)
    return tuple(_convert(k, v, f"{place}[{i}]") for i, (k, v) in enumerate(entries))

"""Writing an argument as a shell takes it and Hydra then reads it."""

import shlex
from contextlib import suppress

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException


def argument(key: str, text: str) -> str:
    """Return `key=text` in the quotes, if any, that a shell and Hydra's grammar want around it."""
    plain = f"{key}={text}"
    with suppress(HydraException):
        if OverridesParser.create().parse_override(plain).value() == text:
            return shlex.quote(plain)
    return quoted(key, text)


def quoted(key: str, text: str) -> str:
    """Return `key="text"` for a shell: between quotes Hydra reads nothing but `${...}`."""
    escaped = text.replace('"', r"\"")
    return shlex.quote(f'{key}="{escaped}"')

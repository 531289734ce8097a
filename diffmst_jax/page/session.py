"""What is remembered of a song between visits: `session.json` and `console.json`."""

import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from diffmst_jax.errors import InputError
from diffmst_jax.files import write_text
from diffmst_jax.mixing.console.amount import Amounts
from diffmst_jax.mixing.console.file import check_console, load_console
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME
from diffmst_jax.page.workspace import Song

SESSION_FILE_NAME = "session.json"
VERSION = 1

_writing = threading.Lock()

Document = dict[str, Any]
"""A console file's content."""


@dataclass
class Session:
    """What the page knows of a song besides its files.

    Attributes:
        predicted: the console as the model set it; None before the first mix.
        base: `predicted` at `amounts`; what was changed by hand is `console.json` against this.
        amounts: how much of the prediction is applied, by the names of `Amounts`.
        locked: strips that mixing and amounts leave as they are, `[file, channels]` each.
        output: gain, loudness and peak of the last rendering, and what it was rendered from.
        closeness: style distance to the reference by mix and term.
        judged: the console whose closeness that is, and which the report is about.
        notes: sentences on what may not have been expected.
    """

    predicted: Document | None = None
    base: Document | None = None
    amounts: dict[str, float] = field(default_factory=lambda: dict(Amounts()._asdict()))
    locked: list[list[Any]] = field(default_factory=list)
    output: Document | None = None
    closeness: dict[str, dict[str, float]] = field(default_factory=dict)
    judged: Document | None = None
    notes: list[str] = field(default_factory=list)


def load_session(song: Song) -> Session:
    """Read a song's session; a new one if there is none.

    Raises:
        InputError: the file is damaged.
    """
    path = song.own(SESSION_FILE_NAME)
    if not path.exists():
        return Session()
    names = [item.name for item in dataclasses.fields(Session)]
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("version") != VERSION:
            raise ValueError
        return Session(**{name: document[name] for name in names})
    except (ValueError, KeyError, AttributeError, TypeError, OSError) as error:
        raise InputError(path, "is damaged", "delete it, and mix again") from error


@contextmanager
def unchanged_session(song: Song) -> Iterator[Session]:
    """Give a song's session, which no other thread changes meanwhile, nor its console.

    Raises:
        InputError: it is damaged.
    """
    with _writing:
        yield load_session(song)


@contextmanager
def changed_session(song: Song) -> Iterator[Session]:
    """Give a song's session to be changed, and write it; one thread at a time.

    Raises:
        InputError: it is damaged, or cannot be written.
    """
    with unchanged_session(song) as session:
        yield session
        save_session(song, session)


def save_session(song: Song, session: Session) -> None:
    """Write a song's session.

    Raises:
        InputError: it cannot be written.
    """
    document = {"version": VERSION, **dataclasses.asdict(session)}
    write_text(song.own(SESSION_FILE_NAME), json.dumps(document))


def revision(song: Song, session: Session) -> str:
    """Tell a console, and what is kept with it, from what any other page or job made of it."""
    path = song.own(CONSOLE_FILE_NAME)
    console = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    beside = json.dumps([session.predicted, session.base, session.amounts, session.locked])
    same = json.dumps([_content(console), _content(beside)])
    return hashlib.sha256(same.encode()).hexdigest()


def _content(text: str) -> Any:
    """What JSON says, whoever wrote it: a browser writes 1.0 as 1. A damaged one is its text."""
    try:
        return json.loads(text, parse_int=float)
    except ValueError:
        return text


def load_document(song: Song) -> Document | None:
    """Read the console as it is heard, or None if there is none yet."""
    path = song.own(CONSOLE_FILE_NAME)
    if not path.exists():
        return None
    load_console(path)
    return json.loads(path.read_text(encoding="utf-8"))


def save_document(song: Song, document: Document) -> None:
    """Check a console and write it; a wrong one changes nothing.

    Raises:
        InputError: an entry is wrong; names its place, value and range.
    """
    checked_document(document)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    write_text(song.own(CONSOLE_FILE_NAME), text)


def checked_document(document: Any) -> MixSettings:
    """Read a console from outside without keeping it.

    Raises:
        InputError: as for `save_document`.
    """
    return check_console(document, CONSOLE_FILE_NAME)

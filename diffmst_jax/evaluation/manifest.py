"""Which sections are compared: stored once, the same for every system."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import Levels, ProtocolKind, SectionLength
from diffmst_jax.files import written_beside
from diffmst_jax.typed_config import read_config

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 5
REMEDY = "give the manifest.json of a finished one"


@dataclass(frozen=True)
class Section:
    """A part of a song's tracks and a part of a finished mix.

    Attributes:
      start_s: where in the song it starts.
      reference_start_s: where in the finished mix it starts.
    """

    start_s: float
    reference_start_s: float


@dataclass(frozen=True)
class Example:
    """One thing that every system does: mix a section of a song in the style of a reference.

    Attributes:
      song: name of the song.
      folder: where its tracks are.
      files: those that take part, relative to the folder, with forward slashes.
      reference: file of the finished mix; "" where the console itself makes the reference.
      reference_name: what it is called.
      duration_s: length of every section.
      judged: what is mixed, and what the mix is judged against.
      heard: what systems may listen to; the same as `judged` except in the transfer protocol.
      group: examples that belong together, such as all sections of one song and reference.
      seed: of everything random in it.
    """

    song: str
    folder: str
    files: tuple[str, ...]
    reference: str
    reference_name: str
    duration_s: SectionLength
    judged: Section
    heard: Section
    group: int
    seed: int

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the tracks."""
        return tuple(Path(self.folder, file) for file in self.files)


@dataclass(frozen=True)
class Document:
    """What the file holds.

    Attributes:
      version: of this form.
      kind: of the protocol.
      levels: that the examples are judged at.
      examples: all of them.
    """

    version: int
    kind: ProtocolKind
    levels: Levels
    examples: tuple[Example, ...]


class Drawn(NamedTuple):
    """Examples, and how they were drawn.

    Attributes:
      kind: of the protocol.
      examples: what it drew.
    """

    kind: ProtocolKind
    examples: list[Example]


def save_manifest(path: Path, drawn: Drawn, levels: Levels) -> None:
    """Write examples, and the levels they are judged at, as JSON."""
    document = Document(MANIFEST_VERSION, drawn.kind, levels, tuple(drawn.examples))
    with written_beside(path) as temporary:
        temporary.write_text(json.dumps(asdict(document), indent=1), encoding="utf-8")


def load_manifest(path: Path, levels: Levels | None = None) -> Drawn:
    """Read what `save_manifest` wrote.

    Args:
      path: the file.
      levels: what the examples are going to be judged at; None where they are not.

    Raises:
      InputError: no such file, not a manifest of this version, or one of other levels.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != MANIFEST_VERSION:
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"is no manifest of an evaluation (version {MANIFEST_VERSION})"
        raise InputError(path, problem, REMEDY) from error
    try:
        stored = read_config(Document, document, place="")
    except InputError as error:
        raise InputError(path, f"cannot be used ({error})", REMEDY) from error
    if not stored.examples:
        raise InputError(path, "holds no example", "draw the examples again")
    if levels not in (None, stored.levels):
        raise InputError(path, f"is for {stored.levels}", f"give {stored.levels.options}")
    return Drawn(stored.kind, [*stored.examples])

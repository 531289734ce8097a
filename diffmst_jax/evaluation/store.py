"""What a run has found so far, on disk, so that it can be stopped and go on.

results.jsonl holds a line per example and system. Lines of one batch are appended with one write
and forced to disk; a line that was cut off by a crash is dropped when the run goes on.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import EvaluationConfig, evaluation_config
from diffmst_jax.evaluation.manifest import (
    MANIFEST_NAME,
    Drawn,
    Example,
    load_manifest,
    save_manifest,
)
from diffmst_jax.files import written_beside
from diffmst_jax.npz import read_npz
from diffmst_jax.typed_config import plain_config

RESULTS_NAME, CONFIG_NAME = "results.jsonl", "config.json"
AUDIO_FOLDER, EMBEDDINGS_FOLDER = "audio", "embeddings"
OK = "ok"
EVALUATE_ANEW = "copy it again, or evaluate anew into another folder"
REFERENCE = "reference"
"""Stands for the reference itself where systems are listed."""


@dataclass(frozen=True)
class Row:
    """What one system got on one example.

    Attributes:
      example: number of the example in the manifest.
      song: name of the song.
      reference: name of the finished mix.
      tracks: how many strips were mixed.
      group: examples that belong together have the same.
      system: name of the system.
      status: "ok", or why there are no values.
      values: by metric; empty if it failed.
      note: what a reader should know; empty for nothing.
      spectrum: log Bark spectrum of mid and side, (2, 24), as compared.
      controls: control vectors of every strip, and of the master bus last; empty without console.
    """

    example: int
    song: str
    reference: str
    tracks: int
    group: int
    system: str
    status: str
    values: dict[str, float] = field(default_factory=dict)
    note: str = ""
    spectrum: list[list[float]] = field(default_factory=list)
    controls: list[list[float]] = field(default_factory=list)


def systems_of(rows: Sequence[Row]) -> list[str]:
    """Names of the systems in order, without the reference."""
    return [name for name in dict.fromkeys(row.system for row in rows) if name != REFERENCE]


class Store:
    """The folder of a run.

    Attributes:
      folder: where it is.
      kind: of the protocol that drew the examples.
      examples: what is evaluated.
      rows: everything found so far.
    """

    def __init__(self, folder: Path, drawn: Drawn, rows: list[Row]):
        self.folder, self.rows = folder, rows
        self.kind, self.examples = drawn

    @classmethod
    def create(cls, folder: Path, config: EvaluationConfig, drawn: Drawn) -> "Store":
        """Begin a run: write what it consists of."""
        save_manifest(folder / MANIFEST_NAME, drawn, config.protocol.levels)
        with written_beside(folder / CONFIG_NAME) as temporary:
            temporary.write_text(json.dumps(plain_config(config), indent=1), encoding="utf-8")
        return cls(folder, drawn, [])

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """Look at a run, which may be another's and still go on; nothing is changed.

        Raises:
          InputError: there is none in the folder.
        """
        return cls._read(folder)[0]

    @classmethod
    def resume(cls, folder: Path) -> "Store":
        """Go on with a run; what failed and a line that was cut off are dropped, to be tried again.

        Raises:
          InputError: there is none in the folder, or it cannot be written to.
        """
        store, is_whole = cls._read(folder)
        kept = [row for row in store.rows if row.status == OK]
        if not is_whole or len(kept) < len(store.rows):
            with written_beside(folder / RESULTS_NAME) as temporary:
                temporary.write_text(_lines(kept), encoding="utf-8")
            store.rows = kept
        return store

    @classmethod
    def _read(cls, folder: Path) -> tuple["Store", bool]:
        """A run, and whether all of its lines are whole."""
        if not holds_run(folder):
            raise InputError(folder, "holds no evaluation", "give the folder of an earlier run")
        rows, is_whole = _read_rows(folder / RESULTS_NAME)
        return cls(folder, load_manifest(folder / MANIFEST_NAME), rows), is_whole

    @property
    def config(self) -> EvaluationConfig:
        """The settings the run was begun with.

        Raises:
          InputError: they cannot be read.
        """
        path = self.folder / CONFIG_NAME
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(path, "cannot be read", "give the folder of an earlier run") from error
        return evaluation_config(values)

    def missing(self, systems: Iterable[str]) -> list[tuple[int, Example]]:
        """Examples that some system has no line for yet."""
        done = {(row.example, row.system) for row in self.rows}
        names = tuple(systems)
        return [
            (number, example)
            for number, example in enumerate(self.examples)
            if any((number, name) not in done for name in names)
        ]

    def append(self, rows: Sequence[Row]) -> None:
        """Add lines, all of them or none; those that are there already are left out."""
        done = {(row.example, row.system) for row in self.rows}
        new = [row for row in rows if (row.example, row.system) not in done]
        try:
            with (self.folder / RESULTS_NAME).open("a", encoding="utf-8") as file:
                file.write(_lines(new))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        self.rows += new

    def clip(self, example: int, system: str) -> Path:
        """Where the compressed excerpt of a mix is kept."""
        return self.folder / AUDIO_FOLDER / f"{example:05d}_{_slug(system)}.mp3"

    def save_embeddings(self, example: int, arrays: dict[str, np.ndarray]) -> None:
        """Keep an example's embeddings: by "<embedding>/<system>", each (count, dimensions).

        Raises:
          InputError: those kept of it so far cannot be read, or these not be written.
        """
        path = self.folder / EMBEDDINGS_FOLDER / f"{example:05d}.npz"
        known: dict[str, np.ndarray] = {}
        if path.is_file():
            known = read_npz(path, EVALUATE_ANEW)
        with written_beside(path) as temporary:
            np.savez(temporary, **known, **{n: a for n, a in arrays.items() if n not in known})  # type: ignore[arg-type]

    def embeddings(self) -> dict[str, np.ndarray]:
        """All embeddings by "<embedding>/<system>", over all examples.

        Raises:
          InputError: a file of them cannot be read.
        """
        parts: dict[str, list[np.ndarray]] = {}
        for path in sorted((self.folder / EMBEDDINGS_FOLDER).glob("[0-9]*.npz")):
            for name, array in read_npz(path, EVALUATE_ANEW).items():
                parts.setdefault(name, []).append(array)
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def holds_run(folder: Path) -> bool:
    """Whether a folder holds an evaluation, however far it came."""
    return (folder / RESULTS_NAME).is_file() or (folder / CONFIG_NAME).is_file()


def _read_rows(path: Path) -> tuple[list[Row], bool]:
    """Rows up to a line that was cut off, and whether there is none."""
    rows: list[Row] = []
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else []:
        try:
            values: dict[str, Any] = json.loads(line)
            row = Row(**values)
        except (ValueError, TypeError):
            return rows, False
        if not line.endswith(b"\n"):
            return rows, False
        rows.append(row)
    return rows, True


def _lines(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(asdict(row)) + "\n" for row in rows)


def _cannot_write(folder: Path, error: OSError) -> InputError:
    problem = f"cannot be written ({error.strerror})"
    return InputError(folder, problem, "make room and go on with resume=")


def _slug(name: str) -> str:
    """A legible part of a file name, another for every name even where case does not count."""
    slug = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
    if slug == name.lower():
        return slug
    return f"{slug}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"

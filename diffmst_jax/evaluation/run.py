"""One evaluation from settings to rows: load, mix, judge, keep; batch by batch."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import jax
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, audio_info
from diffmst_jax.data.corpora import Report, find_corpora
from diffmst_jax.embeddings import Embedding, make_embeddings
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.batch import Mixed
from diffmst_jax.evaluation.clips import Clips
from diffmst_jax.evaluation.config import EvaluationConfig
from diffmst_jax.evaluation.judging import Judged, judge_batch, rounded_spectrum
from diffmst_jax.evaluation.known import settings_controls
from diffmst_jax.evaluation.loading import Loaded, Unreadable, batches
from diffmst_jax.evaluation.manifest import Drawn, Example, load_manifest
from diffmst_jax.evaluation.metrics import Measured
from diffmst_jax.evaluation.protocols import draw_examples
from diffmst_jax.evaluation.store import OK, REFERENCE, Row, Store
from diffmst_jax.evaluation.systems import System, make_systems
from diffmst_jax.losses import NARROWEST, normalize_loudness
from diffmst_jax.models.given import padded_count
from diffmst_jax.programs.environment import keep_environment
from diffmst_jax.programs.signals import Stopped, StopRequest

MONO = "the reference sounds mono: what a mix has of side can cost more than all the rest"


def evaluate(config: EvaluationConfig, folder: Path, report: Report) -> Store:
    """Score every system on every example that has no score yet.

    An example that cannot be read, or that a system cannot mix, is recorded as failed.

    Args:
      config: what to evaluate.
      folder: where results go; with `config.resume`, the run there goes on instead.
      report: told what is done.

    Raises:
      InputError: no data, no model, or nothing could be evaluated at all.
      Stopped: a signal asked for it; the batch in hand was finished and kept.
    """
    if config.resume is not None:
        store = Store.resume(Path(config.resume))
        run = Run(store.config, store, *_makers(store.config))
    else:
        made = _makers(config)
        store = Store.create(folder, config, find_examples(config, report))
        run = Run(config, store, *made)
    run.go(report)
    if all(row.status != OK for row in store.rows if row.system != REFERENCE):
        first = next(row for row in store.rows if row.status != OK)
        raise InputError(store.folder, f"nothing could be evaluated ({first.status})", "correct it")
    return store


def _makers(config: EvaluationConfig) -> tuple[dict[str, System], list[Embedding]]:
    """Make all that has a name in the settings, before there is anything to write."""
    return make_systems(config), make_embeddings(config.embeddings, config.models)


def find_examples(config: EvaluationConfig, report: Report) -> Drawn:
    """Return the stored examples, or draw them."""
    if config.manifest is not None:
        return load_manifest(Path(config.manifest), config.protocol.levels)
    wanted = config.protocol.kind != "method1"
    songs, mixes, measured = find_corpora(config.data, report, mixes=wanted)
    drawn = draw_examples(songs, mixes, measured, config.protocol, config.seed)
    return Drawn(config.protocol.kind, drawn)


class Run:
    """The work that is left of an evaluation."""

    def __init__(
        self,
        config: EvaluationConfig,
        store: Store,
        systems: Mapping[str, System],
        embeddings: Sequence[Embedding],
    ):
        self.config, self.store, self.systems = config, store, systems
        self.embeddings = embeddings
        self.clips = Clips(store, config.report, systems=len(systems))

    def go(self, report: Report) -> None:
        """Work through the examples that are missing, those of about one size together."""
        missing = self.store.missing(self.systems)
        if missing:
            keep_environment(self.store.folder)
        total = len(self.store.examples)
        done = total - len(missing)
        report("evaluating", done, total)
        ordered = sorted(missing, key=lambda item: _size(item[1]))
        with StopRequest() as stop:
            for batch in batches(ordered, self.config.batch):
                self._batch(batch)
                done += len(batch)
                report("evaluating", done, total)
                if stop.wanted and done < total:
                    raise Stopped(stop.number)

    def _batch(self, batch: Sequence[Loaded | Unreadable]) -> None:
        rows = [
            _failed(item.number, item.example, system, item.reason)
            for item in batch
            if isinstance(item, Unreadable)
            for system in self.systems
        ]
        songs = [item for item in batch if isinstance(item, Loaded)]
        if songs:
            rows += self._songs(songs)
        self.store.append(rows)

    def _songs(self, songs: Sequence[Loaded]) -> list[Row]:
        """Rows of the references and of every system on loaded songs."""
        protocol = self.config.protocol
        references = judge_batch(
            [song.reference for song in songs], protocol.reference_lufs, size=self.config.batch
        )
        rows = [
            _row(song, REFERENCE, spectrum=rounded_spectrum(measured))
            for song, measured in zip(songs, references, strict=True)
        ]
        for song in songs:
            self.clips.write(song, REFERENCE, song.reference)
            self._embed(song, REFERENCE, song.reference, protocol.reference_lufs)
        for name, system in self.systems.items():
            rows += self._system(name, system, songs, references)
        return rows

    def _system(
        self, name: str, system: System, songs: Sequence[Loaded], references: Sequence[Measured]
    ) -> list[Row]:
        """Rows of one system."""
        results = system(songs)
        mixed = [
            Judged(song, reference, _noted(result, reference))
            for song, reference, result in zip(songs, references, results, strict=True)
            if isinstance(result, Mixed)
        ]
        scored = Judged.scores(mixed, self.config.protocol.mix_lufs, size=self.config.batch)
        rows = [
            _failed(song.number, song.example, name, " ".join(str(result).split()), song)
            for song, result in zip(songs, results, strict=True)
            if not isinstance(result, Mixed)
        ]
        for item, (values, spectrum) in zip(mixed, scored, strict=True):
            self.clips.write(item.song, name, item.result.mix)
            self._embed(item.song, name, item.result.mix, self.config.protocol.mix_lufs)
            rows.append(_row(item.song, name, values, spectrum, item.result))
        return rows

    def _embed(self, song: Loaded, system: str, audio: np.ndarray, lufs: float) -> None:
        """Keep the embeddings of audio at a loudness, for not every embedding levels by itself.

        Raises:
          InputError: one of them is of no use, which would be noticed only in the end.
        """
        if self.embeddings:
            level = np.asarray(_leveled(np.asarray(audio, np.float32), lufs))
            arrays = {f"{e.name}/{system}": np.asarray(e(level)) for e in self.embeddings}
            for name, array in arrays.items():
                if array.ndim != 2 or not np.isfinite(array).all():
                    problem = f"{name}, of {song.example.song!r}: not finite (count, dimensions)"
                    raise InputError("embeddings", problem, "correct it, or leave it out")
            self.store.save_embeddings(song.number, arrays)


def _noted(result: Mixed, reference: Measured) -> Mixed:
    """Note of a mix besides what its reference does to its loss."""
    mono = MONO if reference.features.stereo_width < NARROWEST else ""
    return result._replace(note="; ".join(filter(None, (result.note, mono))))


def _row(
    song: Loaded,
    system: str,
    values: dict[str, float] | None = None,
    spectrum: list[list[float]] | None = None,
    result: Mixed | None = None,
) -> Row:
    controls: list[list[float]] = []
    if result is not None and result.settings is not None:
        vectors = settings_controls(result.settings)
        controls = [[round(float(x), 3) for x in v] for v in (*vectors.track, vectors.master)]
    return Row(
        example=song.number,
        song=song.example.song,
        reference=song.example.reference_name,
        tracks=len(song.tracks.strips),
        group=song.example.group,
        system=system,
        status=OK,
        values=values or {},
        note="" if result is None else result.note,
        spectrum=spectrum or [],
        controls=controls,
    )


def _failed(
    number: int, example: Example, system: str, reason: str, song: Loaded | None = None
) -> Row:
    count = len(song.tracks.strips) if song is not None else 0
    names = (example.song, example.reference_name)
    return Row(number, *names, count, example.group, system, reason)


_leveled = jax.jit(partial(normalize_loudness, sample_rate=SAMPLE_RATE))


def _size(example: Example) -> int:
    """Console tracks to pad to, from the headers alone; 0 where they cannot be read."""
    try:
        return padded_count(sum(audio_info(path).channels for path in example.paths))
    except InputError:
        return 0

"""Looks through a corpus and says, song by song, what would hurt training or mixing."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, audio_info, natural_key, read_audio
from diffmst_jax.data.alignment import ALIGNED_WITHIN_S, shifts
from diffmst_jax.data.layouts import AUTO, find_layout
from diffmst_jax.data.processes import work_through
from diffmst_jax.data.records import Song
from diffmst_jax.data.sources import nothing_read
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.sources.copies import copies, excerpt
from diffmst_jax.mixing.sources.several import several_songs
from diffmst_jax.mixing.sources.strips import Strip, strip_names
from diffmst_jax.mixing.sources.tracks import OFFSET_FROM, Channels, dc_offset, split_channels

CLIPPED_LEVEL = 0.9999
# Runs of at least this many full-scale samples are clipping; a single one may be a legal peak.
CLIPPED_RUN = 3
SILENT_PEAK = 10 ** (-60 / 20)
LENGTH_TOLERANCE_S = 0.5
FEWEST_TRACKS = 2

KINDS = (
    "unreadable",
    "rate",
    "length",
    "clipping",
    "offset",
    "silence",
    "misaligned",
    "duplicate",
    "tracks",
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
      song: its name.
      track: file name, or "" where the finding concerns the song, or a finished mix alone.
      kind: one of `KINDS`.
      detail: what exactly, with numbers.
    """

    song: str
    track: str
    kind: str
    detail: str

    @property
    def place(self) -> str:
        """Where it is, from the corpus's folder on."""
        return _place(self.song, self.track)


class Checked(NamedTuple):
    """One song, or one finished mix without its tracks.

    Attributes:
      song: its name.
      tracks: how many it has; 0 for a finished mix alone.
      files: how many were looked at, a song's finished mix among them.
      findings: what is wrong by itself.
      contents: a hash of the samples by file name, "" for a finished mix alone.
    """

    song: str
    tracks: int
    files: int
    findings: list[Finding]
    contents: dict[str, str]


class _Unit(NamedTuple):
    """What is checked together: a song's tracks and its mix, or one finished mix."""

    name: str
    folder: Path
    tracks: tuple[Path, ...]
    mix: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything to look at."""
        return self.tracks if self.mix is None else (*self.tracks, self.mix)

    def name_of(self, path: Path) -> str:
        """What findings call one of the files: nothing where the unit is called by it."""
        if not self.tracks:
            return ""
        is_inside = path.is_relative_to(self.folder)
        return path.relative_to(self.folder).as_posix() if is_inside else path.name


def check_corpus(
    root: str | Path,
    *,
    layout: str = AUTO,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Checked]:
    """Check every song of a corpus with its finished mix, and every finished mix without a song.

    Args:
      root: the corpus.
      layout: of the corpus, or "auto".
      processes: songs that are checked at once.
      progress: called with how many are done, of how many.

    Returns:
      Songs in natural order, with the findings of duplicates among all of them.

    Raises:
      InputError: `root` is not a folder or holds nothing to check.
    """
    units = _units(Path(root), layout)
    found = []
    for _, checked in work_through(_check_unit, units, processes=processes):
        found.append(checked)
        if progress is not None:
            progress(len(found), len(units))
    return _with_duplicates(sorted(found, key=lambda checked: natural_key(checked.song)))


def _units(root: Path, layout: str) -> list[_Unit]:
    adapter = find_layout(layout, root)
    songs: Iterable[Song] = adapter.songs(root, nothing_read)
    units = [
        _Unit(
            song.name,
            song.folder,
            tuple(t.path for t in song.tracks),
            None if song.mix is None else song.mix.path,
        )
        for song in songs
    ]
    seen = {path for unit in units for path in unit.files}
    units += [
        _Unit(mix.path.relative_to(root).as_posix(), root, (), mix.path)
        for mix in adapter.mixes(root, nothing_read)
        if mix.path not in seen
    ]
    if not units:
        raise InputError(root, "holds no song", "give a folder with one subfolder per song")
    return units


def _check_unit(unit: _Unit) -> Checked:
    """Check one song: each file by itself, then the files against each other."""
    findings: list[Finding] = []
    durations: dict[Path, float] = {}
    contents: dict[str, str] = {}
    heard: dict[Path, np.ndarray] = {}
    parts: list[Channels] = []
    frames = max(map(_frames, unit.tracks), default=0)
    if 0 < len(unit.tracks) < FEWEST_TRACKS:
        findings.append(Finding(unit.name, "", "tracks", f"{len(unit.tracks)} audio file"))
    for path in unit.files:
        try:
            info = audio_info(path)
            audio = read_audio(path, sample_rate=info.sample_rate)
        except InputError as error:
            findings.append(Finding(unit.name, unit.name_of(path), "unreadable", error.problem))
            continue
        faults = _faults(info.sample_rate, audio)
        findings += [
            Finding(unit.name, unit.name_of(path), kind, detail) for kind, detail in faults
        ]
        durations[path] = info.duration_s
        contents[unit.name_of(path)] = _content(audio)
        if info.sample_rate != SAMPLE_RATE:
            audio = read_audio(path)
        heard[path] = audio.mean(axis=0)
        if path in unit.tracks:
            parts += split_channels(unit.name_of(path), excerpt(audio, frames))[0]
    findings += _copy_findings(unit, parts)
    findings += _several_findings(unit, durations)
    findings += _length_findings(unit, durations)
    findings += _alignment_findings(unit, heard)
    return Checked(unit.name, len(unit.tracks), len(unit.files), findings, contents)


def _frames(path: Path) -> int:
    """Return how long a file is at 44.1 kHz; 0 where it cannot be read."""
    try:
        return round(audio_info(path).duration_s * SAMPLE_RATE)
    except InputError:
        return 0


def _faults(sample_rate: int, audio: np.ndarray) -> list[tuple[str, str]]:
    """List what is wrong with one file by itself."""
    faults = []
    if sample_rate != SAMPLE_RATE:
        faults.append(("rate", f"{sample_rate} Hz, is resampled to {SAMPLE_RATE} Hz on reading"))
    clipped = longest_run(np.abs(audio) >= CLIPPED_LEVEL)
    if clipped >= CLIPPED_RUN:
        faults.append(("clipping", f"{clipped} samples in a row at full scale"))
    offset = dc_offset(audio)
    if offset > OFFSET_FROM:
        faults.append(("offset", f"DC offset of {100 * offset:.0f} % of the peak"))
    peak = float(np.max(np.abs(audio), initial=0.0))
    if peak < SILENT_PEAK:
        faults.append(("silence", f"peak {20 * np.log10(max(peak, 1e-10)):.0f} dBFS"))
    return faults


def longest_run(flags: np.ndarray) -> int:
    """Return the length of the longest run of True along the last axis, over all rows."""
    edges = np.diff(np.pad(flags.astype(np.int8), [(0, 0), (1, 1)]), axis=1)
    _, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return int(np.max(ends - starts, initial=0))


def _content(audio: np.ndarray) -> str:
    """Hash the samples at 16 bits, so that the same audio in two formats counts as the same."""
    quantized = np.round(audio * 32767).astype(np.int32)
    # All silence is alike, which is a fault of its own.
    return hashlib.sha256(quantized.tobytes()).hexdigest() if np.any(quantized) else ""


def _copy_findings(unit: _Unit, parts: list[Channels]) -> list[Finding]:
    """Report each recording that the song has had before, at any level and in either polarity."""
    if not parts:
        return []
    strips = [part.strip for part in parts]
    by_name = dict(zip(strip_names(strips), strips, strict=True))
    found: dict[Strip, str] = {}
    for copy in copies(strips, np.concatenate([part.audio for part in parts])):
        first, second = (by_name[name] for name in copy.names)
        if first == second:
            found[second] = "one channel is the other with its polarity inverted"
        else:
            inverted = " with its polarity inverted" if copy.cancel else ""
            detail = f"same audio as {first.full_name}{inverted}"
            found.setdefault(second, detail)
    return [
        Finding(unit.name, strip.file, "duplicate", found[strip])
        for strip in strips
        if strip in found
    ]


def _several_findings(unit: _Unit, durations: dict[Path, float]) -> list[Finding]:
    """Report a song that looks like a folder of songs, an album for example."""
    songs_s = several_songs({unit.name_of(p): durations[p] for p in unit.tracks if p in durations})
    if not songs_s:
        return []
    (first, first_s), (last, last_s) = songs_s.items()
    detail = f"several songs as one? {first} lasts {first_s:.2f} s, {last} {last_s:.2f} s"
    return [Finding(unit.name, "", "tracks", detail)]


def _length_findings(unit: _Unit, durations: dict[Path, float]) -> list[Finding]:
    """Report files that end earlier or later than most of the song's tracks."""
    of_tracks = [durations[path] for path in unit.tracks if path in durations]
    if not of_tracks:
        return []
    usual = float(np.median(of_tracks))
    return [
        Finding(
            unit.name,
            unit.name_of(path),
            "length",
            f"{duration:.2f} s, the song's tracks last {usual:.2f} s",
        )
        for path, duration in durations.items()
        if abs(duration - usual) > LENGTH_TOLERANCE_S
    ]


def _alignment_findings(unit: _Unit, heard: dict[Path, np.ndarray]) -> list[Finding]:
    """Report tracks that are late or early against sound that they share with the others."""
    whole = None if unit.mix is None else heard.get(unit.mix)
    tracks = {unit.name_of(path): heard[path] for path in unit.tracks if path in heard}
    against = "the same sound in other tracks" if whole is None else "the finished mix"
    return [
        Finding(unit.name, name, "misaligned", f"{1000 * late_s:+.0f} ms against {against}")
        for name, late_s in shifts(tracks, whole).items()
        if abs(late_s) > ALIGNED_WITHIN_S
    ]


def _place(song: str, track: str) -> str:
    return f"{song}/{track}" if track else song


def _with_duplicates(songs: list[Checked]) -> list[Checked]:
    """Add a finding, where there is none yet, for every file whose samples another had before."""
    first: dict[str, tuple[str, str]] = {}
    result = []
    for song in songs:
        doubles = []
        known = {finding.track for finding in song.findings if finding.kind == "duplicate"}
        for name, content in song.contents.items():
            twin = first.setdefault(content, (song.song, name))
            is_known = twin[0] == song.song and name in known
            if content and twin != (song.song, name) and not is_known:
                place = twin[1] if twin[0] == song.song else _place(*twin)
                doubles.append(Finding(song.song, name, "duplicate", f"same audio as {place}"))
        result.append(song._replace(findings=song.findings + doubles))
    return result

"""Looks through a folder of songs and says, song by song, what would hurt training or mixing."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, audio_files, audio_info, natural_key, read_audio
from diffmst_jax.data.layouts.folders import SONGS_FOLDER
from diffmst_jax.errors import InputError

CLIPPED_LEVEL = 0.9999
# Runs of at least this many full-scale samples are clipping; a single one may be a legal peak.
CLIPPED_RUN = 3
SILENT_PEAK = 10 ** (-60 / 20)
LENGTH_TOLERANCE_S = 0.5
FEWEST_TRACKS = 2


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
      song: name of the song's folder.
      track: file name, or "" where the finding concerns the song.
      kind: "unreadable", "rate", "length", "clipping", "silence", "duplicate" or "tracks".
      detail: what exactly, with numbers.
    """

    song: str
    track: str
    kind: str
    detail: str


def song_folders(root: Path) -> list[Path]:
    """List the song folders of a root, or of its `songs/` folder, in natural order.

    Raises:
      InputError: `root` is not a folder or has no subfolder.
    """
    inner = root / SONGS_FOLDER if (root / SONGS_FOLDER).is_dir() else root
    if not inner.is_dir():
        raise InputError(root, "is not a folder", "check the path")
    folders = [p for p in inner.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if not folders:
        raise InputError(root, "holds no song", "give a folder with one subfolder per song")
    return sorted(folders, key=lambda path: natural_key(path.name))


def check_corpus(root: str | Path) -> Iterator[tuple[str, list[Finding]]]:
    """Check every song below a root.

    Yields:
      A song's name and its findings, an empty list if all is well, one song at a time.
    """
    for folder in song_folders(Path(root)):
        yield folder.name, check_song(folder)


def check_song(folder: Path) -> list[Finding]:
    """Check one song: each file by itself, then the files against each other."""
    findings: list[Finding] = []
    durations: dict[str, float] = {}
    hashes: dict[str, str] = {}
    paths = audio_files(folder)
    if len(paths) < FEWEST_TRACKS:
        findings.append(Finding(folder.name, "", "tracks", f"{len(paths)} audio files"))
    for path in paths:
        try:
            info = audio_info(path)
            audio = read_audio(path, sample_rate=info.sample_rate)
        except InputError as error:
            findings.append(Finding(folder.name, path.name, "unreadable", error.problem))
            continue
        for kind, detail in _faults(info.sample_rate, audio):
            findings.append(Finding(folder.name, path.name, kind, detail))
        durations[path.name] = info.duration_s
        twin = hashes.setdefault(_content(audio), path.name)
        if twin != path.name:
            findings.append(Finding(folder.name, path.name, "duplicate", f"same audio as {twin}"))
    return findings + _length_findings(folder.name, durations)


def _faults(sample_rate: int, audio: np.ndarray) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one file by itself."""
    if sample_rate != SAMPLE_RATE:
        yield "rate", f"{sample_rate} Hz, is resampled to {SAMPLE_RATE} Hz on reading"
    clipped = longest_run(np.abs(audio) >= CLIPPED_LEVEL)
    if clipped >= CLIPPED_RUN:
        yield "clipping", f"{clipped} samples in a row at full scale"
    peak = float(np.max(np.abs(audio), initial=0.0))
    if peak < SILENT_PEAK:
        yield "silence", f"peak {20 * np.log10(max(peak, 1e-10)):.0f} dBFS"


def longest_run(flags: np.ndarray) -> int:
    """Return the length of the longest run of True along the last axis, over all rows."""
    edges = np.diff(np.pad(flags.astype(np.int8), [(0, 0), (1, 1)]), axis=1)
    _, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return int(np.max(ends - starts, initial=0))


def _content(audio: np.ndarray) -> str:
    """Hash the samples at 16 bits, so that the same audio in two formats counts as the same."""
    quantized = np.round(audio * 32767).astype(np.int32)
    return hashlib.sha256(quantized.tobytes()).hexdigest()


def _length_findings(song: str, durations: dict[str, float]) -> list[Finding]:
    """Report tracks that end earlier or later than most."""
    if not durations:
        return []
    usual = float(np.median(list(durations.values())))
    return [
        Finding(song, name, "length", f"{duration:.2f} s, the song's tracks last {usual:.2f} s")
        for name, duration in durations.items()
        if abs(duration - usual) > LENGTH_TOLERANCE_S
    ]

"""MUSDB18-HQ: four stems and their mixture per song, in a training and a test part.

    ROOT/train/A Classic Education - NightOwl/{mixture,drums,bass,other,vocals}.wav
    ROOT/test/...

The mixtures are finished mixes and the usual references; the stems, though processed, make songs.
`accompaniment` and `linear_mixture`, which decoders of MUSDB18 write beside them, are plain sums of
stems and count as neither.
"""

from collections.abc import Iterator
from pathlib import Path

from diffmst_jax.audio import AUDIO_SUFFIXES, audio_files
from diffmst_jax.data.layouts.common import TrackMaker, first_existing, subfolders
from diffmst_jax.data.records import Song, Track

PARTS = {"train": "train", "valid": "val", "validation": "val", "test": "test"}
MIX_NAME = "mixture"
NO_STEMS = (MIX_NAME, "accompaniment", "linear_mixture")  # in lower case


def recognises(root: Path) -> bool:
    """A song with a mixture in a part."""
    return any(_mix_path(folder) for _, folder in _song_folders(root))


def songs(root: Path, track: TrackMaker) -> Iterator[Song]:
    """Yield the songs whose stems are there, missing stems left out."""
    for part, folder in _song_folders(root):
        paths = [path for path in audio_files(folder) if path.stem.lower() not in NO_STEMS]
        if paths:
            artist, mix = _artist(folder), _mix_path(folder)
            yield Song(
                folder.name,
                tuple(track(path, instrument=path.stem) for path in paths),
                folder,
                artist=artist,
                mix=None if mix is None else track(mix, artist=artist),
                part=part,
            )


def mixes(root: Path, track: TrackMaker) -> Iterator[Track]:
    """Yield the mixtures."""
    for _, folder in _song_folders(root):
        mix = _mix_path(folder)
        if mix is not None:
            yield track(mix, artist=_artist(folder))


def _song_folders(root: Path) -> Iterator[tuple[str, Path]]:
    for name, part in PARTS.items():
        if (root / name).is_dir():
            yield from ((part, folder) for folder in subfolders(root / name))


def _mix_path(folder: Path) -> Path | None:
    return first_existing(*(folder / f"{MIX_NAME}{suffix}" for suffix in AUDIO_SUFFIXES))


def _artist(folder: Path) -> str:
    return folder.name.split(" - ", maxsplit=1)[0].strip() if " - " in folder.name else ""

"""Which examples a protocol consists of; everything is drawn by seed.

table1     random sections of random songs against random sections of random references
table2     one section of each listed song against one of its reference
sections   every section of a song against every section of a reference
transfer   settings from one section, judged on another of the same song and reference
method1    the console itself mixes the reference, so the true mix and controls are known
tracks     one section with 2, 4, 8 and more of its tracks
"""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from diffmst_jax.data.examples import MixWindows, SongWindows
from diffmst_jax.data.index import CELL_S, EnergyIndex
from diffmst_jax.data.records import Song, Track
from diffmst_jax.data.sources import FolderSource, ReferenceSource
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import ProtocolConfig
from diffmst_jax.evaluation.manifest import Example, Section

SEED_RANGE = 2**31


class Material(NamedTuple):
    """What examples are drawn from.

    Attributes:
      songs: the chosen songs' windows.
      mixes: the references' windows.
      fixed: the reference of each song by position, or empty to draw them.
    """

    songs: list[SongWindows]
    mixes: list[MixWindows]
    fixed: list[MixWindows]


def draw_examples(
    songs: FolderSource, references: ReferenceSource, protocol: ProtocolConfig, seed: int
) -> list[Example]:
    """Draw the examples of a protocol.

    Raises:
      InputError: a listed song or reference is missing, or nothing is long or loud enough.
    """
    material = find_material(songs, references, protocol)
    rng = np.random.default_rng(seed)
    examples = PROTOCOLS[protocol.kind](material, protocol, rng)
    if not examples:
        problem = f"holds no song with sections for the protocol {protocol.name!r}"
        raise InputError(songs.root, problem, "give longer songs or a shorter protocol.duration_s")
    return examples


def find_material(
    songs: FolderSource, references: ReferenceSource, protocol: ProtocolConfig
) -> Material:
    """Find the chosen songs and references and measure where they have sound."""
    chosen = _listed(songs.songs, protocol.songs, songs.root, "song")
    mixes = _listed(references.mixes, protocol.references, references.root, "reference")
    if protocol.songs and protocol.references and len(chosen) != len(mixes):
        problem = f"lists {len(mixes)} for {len(chosen)} songs"
        raise InputError("protocol.references", problem, "list one for each song, or none")
    index = EnergyIndex(songs.root).update(track for song in chosen for track in song.tracks)
    mix_index = EnergyIndex(references.root).update(mixes)
    windows = [SongWindows(song, index, protocol.duration_s) for song in chosen]
    mix_windows = [MixWindows(mix, mix_index, protocol.duration_s) for mix in mixes]
    paired = bool(protocol.songs and protocol.references)
    fixed = mix_windows if paired else []
    kept = [i for i, window in enumerate(windows) if window.starts.size]
    if not kept:
        raise InputError(songs.root, "holds no song with sound", "give other songs")
    return Material(
        [windows[i] for i in kept], mix_windows, [fixed[i] for i in kept] if paired else []
    )


def table1(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> list[Example]:
    """Random examples."""
    examples = []
    for number in range(protocol.examples):
        song, mix = _draw(material, rng)
        section = Section(song.draw(rng)[0], mix.draw(rng))
        examples.append(_example(song, mix, protocol, rng, section, section, group=number))
    return examples


def table2(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> list[Example]:
    """The section of each song in which most tracks sound."""
    examples = []
    for number, song in enumerate(material.songs):
        mix = _reference_of(number, material, rng)
        section = Section(song.fullest_start(), mix.draw(rng))
        examples.append(_example(song, mix, protocol, rng, section, section, group=number))
    return examples


def sections(
    material: Material, protocol: ProtocolConfig, rng: np.random.Generator
) -> list[Example]:
    """Every section of a song against every section of a reference, song by song."""
    examples = []
    for number in range(protocol.examples):
        song = material.songs[number % len(material.songs)]
        mix = _reference_of(number % len(material.songs), material, rng)
        starts = spaced(song.starts, protocol)
        for start, mix_start in product(starts, spaced(mix.starts, protocol)):
            section = Section(start, mix_start)
            examples.append(_example(song, mix, protocol, rng, section, section, group=number))
    return examples


def transfer(
    material: Material, protocol: ProtocolConfig, rng: np.random.Generator
) -> list[Example]:
    """Two sections of each song and reference that do not overlap: one heard, one judged."""
    usable = []
    for number, song in enumerate(material.songs):
        if len(spaced(song.starts, protocol)) >= 2:
            usable.append((number, song))
    mixes = [mix for mix in material.mixes if len(spaced(mix.starts, protocol)) >= 2]
    examples = []
    for count in range(protocol.examples if usable and mixes else 0):
        number, song = usable[count % len(usable)]
        mix = mixes[int(rng.integers(len(mixes)))]
        if material.fixed:
            mix = material.fixed[number]
        pairs = [rng.choice(spaced(x.starts, protocol), 2, replace=False) for x in (song, mix)]
        heard, judged = (Section(float(pairs[0][i]), float(pairs[1][i])) for i in (0, 1))
        examples.append(_example(song, mix, protocol, rng, judged, heard, group=count))
    return examples


def method1(
    material: Material, protocol: ProtocolConfig, rng: np.random.Generator
) -> list[Example]:
    """A section to mix, and another whose random mix is the reference."""
    examples = []
    usable = [song for song in material.songs if len(spaced(song.starts, protocol)) >= 2]
    for number in range(protocol.examples if usable else 0):
        song = usable[int(rng.integers(len(usable)))]
        first, second = rng.choice(spaced(song.starts, protocol), 2, replace=False)
        section = Section(float(first), float(second))
        examples.append(_example(song, None, protocol, rng, section, section, group=number))
    return examples


def tracks(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> list[Example]:
    """The same section and reference with more and more of the tracks that sound in it."""
    examples = []
    for number in range(protocol.examples):
        song, mix = _draw(material, rng)
        start, sounding = song.draw(rng)
        section = Section(start, mix.draw(rng))
        counts = [count for count in protocol.track_counts if count <= len(sounding)]
        for count in counts:
            files = tuple(sorted(track.path.name for track in sounding[:count]))
            examples.append(
                _example(song, mix, protocol, rng, section, section, group=number, files=files)
            )
    return examples


Draw = Callable[[Material, ProtocolConfig, np.random.Generator], list[Example]]
PROTOCOLS: dict[str, Draw] = {
    "table1": table1,
    "table2": table2,
    "sections": sections,
    "transfer": transfer,
    "method1": method1,
    "tracks": tracks,
}


def spaced(starts: np.ndarray, protocol: ProtocolConfig) -> list[float]:
    """Starts in seconds, far enough apart not to overlap, spread over the song, a few at most.

    Args:
      starts: cells at which a section with enough sound may start, ascending.
      protocol: says how long and how many.
    """
    chosen: list[float] = []
    for start in starts * CELL_S:
        if not chosen or start - chosen[-1] >= protocol.duration_s:
            chosen.append(float(start))
    if len(chosen) <= protocol.sections:
        return chosen
    places = np.linspace(0, len(chosen) - 1, protocol.sections).round().astype(int)
    return [chosen[place] for place in places]


def _draw(material: Material, rng: np.random.Generator) -> tuple[SongWindows, MixWindows]:
    number = int(rng.integers(len(material.songs)))
    return material.songs[number], _reference_of(number, material, rng)


def _reference_of(number: int, material: Material, rng: np.random.Generator) -> MixWindows:
    if material.fixed:
        return material.fixed[number]
    return material.mixes[int(rng.integers(len(material.mixes)))]


def _example(
    song: SongWindows,
    mix: MixWindows | None,
    protocol: ProtocolConfig,
    rng: np.random.Generator,
    judged: Section,
    heard: Section,
    *,
    group: int,
    files: tuple[str, ...] = (),
) -> Example:
    return Example(
        song=str(song.song.tracks[0].path.parent),
        reference="" if mix is None else str(mix.mix.path),
        duration_s=protocol.duration_s,
        judged=judged,
        heard=heard,
        files=files,
        group=group,
        seed=int(rng.integers(SEED_RANGE)),
    )


Item = TypeVar("Item", Song, Track)


def _listed(items: Sequence[Item], names: tuple[str, ...], root: Path, what: str) -> list[Item]:
    """The items of these names in this order, or all of them when none is named."""
    by_name = {item.name: item for item in items}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise InputError(root, f"has no {what} {missing[0]!r}", "correct the list")
    return [by_name[name] for name in names] if names else list(items)

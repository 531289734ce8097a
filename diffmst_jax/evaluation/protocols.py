"""Which examples a protocol consists of; everything is drawn by seed.

table1     random sections of random songs against random sections of random references
table2     one section of each listed song against one of its reference
sections   every section of a song against every section of a reference
transfer   settings from one section, judged on another of the same song and reference
method1    the console itself mixes the reference, so the true mix and controls are known
tracks     one section with 2, 4, 8 and more of its tracks
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress, product
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from diffmst_jax.data.examples import Measurements, MixWindows, SongWindows
from diffmst_jax.data.index import CELL_S
from diffmst_jax.data.records import Song, Track
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.config import ProtocolConfig
from diffmst_jax.evaluation.manifest import Example, Section

SEED_RANGE = 2**31
SONGS, REFERENCES = "data.songs", "data.references"


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

    def reference(self, number: int, rng: np.random.Generator) -> MixWindows:
        """The reference of a song: its own, or any."""
        return self.fixed[number] if self.fixed else self.mixes[int(rng.integers(len(self.mixes)))]

    def draw(self, rng: np.random.Generator) -> tuple[SongWindows, MixWindows]:
        """Any song, and its reference."""
        number = int(rng.integers(len(self.songs)))
        return self.songs[number], self.reference(number, rng)


class Draft(NamedTuple):
    """An example before its files are named.

    Attributes:
      group: examples that belong together.
      song: what is mixed.
      mix: the reference; None where the console makes it.
      judged: the section that counts.
      heard: the section that systems may listen to, where it is another one.
      tracks: those that take part, where not all do.
    """

    group: int
    song: SongWindows
    mix: MixWindows | None
    judged: Section
    heard: Section | None = None
    tracks: Sequence[Track] = ()


Drafts = Iterator[Draft]


def draw_examples(
    songs: Sequence[Song],
    mixes: Sequence[Track],
    measured: Measurements,
    protocol: ProtocolConfig,
    seed: int,
) -> list[Example]:
    """Draw the examples of a protocol, each once: fewer than asked for where there are no more.

    Args:
      songs: to choose from.
      mixes: references to choose from.
      measured: where these have sound.
      protocol: says which and how many.
      seed: of all that is random.

    Raises:
      InputError: a listed song or reference is missing, or nothing is long or loud enough.
    """
    material = find_material(songs, mixes, measured, protocol)
    names = reference_names(mixes)
    rng = np.random.default_rng(seed)
    drafts = PROTOCOLS[protocol.kind](material, protocol, rng)
    drawn = [_example(draft, protocol, names, int(rng.integers(SEED_RANGE))) for draft in drafts]
    examples = _once(drawn)
    if not examples:
        problem = f"has no song with sections for the protocol {protocol.name!r}"
        remedy = "give longer songs and references or a shorter protocol.duration_s"
        raise InputError(SONGS, problem, remedy)
    return examples


def _once(drawn: Sequence[Example]) -> list[Example]:
    """Leave out what was drawn before: again, it would make means look surer than they are.

    What the console mixes by chance, it mixes in another way each time.
    """
    first: dict[Example, Example] = {}
    for example in drawn:
        same = replace(example, group=0, seed=0 if example.reference else example.seed)
        first.setdefault(same, example)
    return [*first.values()]


def find_material(
    songs: Sequence[Song],
    mixes: Sequence[Track],
    measured: Measurements,
    protocol: ProtocolConfig,
) -> Material:
    """Choose songs and references and find where they have sound; those without are left out.

    Raises:
      InputError: no song or reference has any, or a listed reference has none.
    """
    chosen = _listed({song: song.name for song in songs}, protocol.songs, SONGS, "song")
    names = reference_names(mixes)
    wanted = _listed(names, protocol.references, REFERENCES, "reference")
    paired = bool(protocol.songs and protocol.references)
    if paired and len(chosen) != len(wanted):
        problem = f"lists {len(wanted)} for {len(chosen)} songs"
        raise InputError("protocol.references", problem, "list one for each song, or none")
    windows = [SongWindows(song, measured, protocol.duration_s) for song in chosen]
    mix_windows = [MixWindows(mix, measured, protocol.duration_s) for mix in wanted]
    kept = [i for i, window in enumerate(windows) if window.starts.size]
    if not kept:
        raise InputError(SONGS, "has no song with sound", "give other songs")
    fixed = [mix_windows[i] for i in kept] if paired else []
    return Material([windows[i] for i in kept], _with_sound(mix_windows, names, protocol), fixed)


def _with_sound(
    mixes: Sequence[MixWindows], names: Mapping[Track, str], protocol: ProtocolConfig
) -> list[MixWindows]:
    """The references that have sections; none is asked for where the console makes them."""
    found = [mix for mix in mixes if mix.starts.size]
    if protocol.kind == "method1":
        return found
    silent = [names[mix.mix] for mix in mixes if not mix.starts.size]
    if protocol.references and silent:
        problem = f"lists {silent[0]!r} without sound"
        raise InputError("protocol.references", problem, "correct the list")
    if not found:
        raise InputError(REFERENCES, "has no reference with sound", "give other references")
    return found


def reference_names(mixes: Sequence[Track]) -> dict[Track, str]:
    """What mixes are called: by their file, or by their folder where files share a name."""
    counts = Counter(mix.name for mix in mixes)
    return {mix: mix.name if counts[mix.name] == 1 else mix.path.parent.name for mix in mixes}


def table1(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> Drafts:
    """Random examples."""
    for number in range(protocol.examples):
        song, mix = material.draw(rng)
        yield Draft(number, song, mix, Section(song.draw(rng)[0], mix.draw(rng)))


def table2(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> Drafts:
    """The section of each song in which most tracks sound."""
    del protocol
    for number, song in enumerate(material.songs):
        mix = material.reference(number, rng)
        yield Draft(number, song, mix, Section(song.fullest_start(), mix.draw(rng)))


def sections(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> Drafts:
    """Every section of a song against every section of a reference, song by song, once."""
    met: set[tuple[SongWindows, MixWindows]] = set()
    for number in range(protocol.examples):
        place = number % len(material.songs)
        song, mix = material.songs[place], material.reference(place, rng)
        if (song, mix) in met:  # again, it would make means look surer than they are
            continue
        met.add((song, mix))
        for starts in product(spaced(song.starts, protocol), spaced(mix.starts, protocol)):
            yield Draft(number, song, mix, Section(*starts))


def transfer(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> Drafts:
    """Two sections of each song and reference that do not overlap: one heard, one judged."""
    usable = _with_two(material, protocol)
    for number in range(protocol.examples if usable.songs and usable.mixes else 0):
        place = number % len(usable.songs)
        song, mix = usable.songs[place], usable.reference(place, rng)
        pairs = [rng.choice(spaced(x.starts, protocol), 2, replace=False) for x in (song, mix)]
        heard, judged = (Section(float(pairs[0][i]), float(pairs[1][i])) for i in (0, 1))
        yield Draft(number, song, mix, judged, heard)


def _with_two(material: Material, protocol: ProtocolConfig) -> Material:
    """The songs and references that have two sections, of pairs those that both have."""
    songs, mixes, fixed = (
        [_has_two(windows, protocol) for windows in several] for several in material
    )
    both = [song and mix for song, mix in zip(songs, fixed, strict=True)] if fixed else songs
    return Material(
        list(compress(material.songs, both)),
        list(compress(material.mixes, mixes)),
        list(compress(material.fixed, both)),
    )


def method1(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> Drafts:
    """A section to mix, and another whose random mix is the reference."""
    usable = [song for song in material.songs if _has_two(song, protocol)]
    for number in range(protocol.examples if usable else 0):
        song = usable[int(rng.integers(len(usable)))]
        first, second = rng.choice(spaced(song.starts, protocol), 2, replace=False)
        yield Draft(number, song, None, Section(float(first), float(second)))


def tracks(material: Material, protocol: ProtocolConfig, rng: np.random.Generator) -> Drafts:
    """The same section and reference with more and more of the tracks that sound in it."""
    for number in range(protocol.examples):
        song, mix = material.draw(rng)
        start, sounding = song.draw(rng)
        section = Section(start, mix.draw(rng))
        for count in protocol.track_counts:
            if count <= len(sounding):
                yield Draft(number, song, mix, section, tracks=sounding[:count])


Draw = Callable[[Material, ProtocolConfig, np.random.Generator], Drafts]
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


def _has_two(windows: SongWindows | MixWindows, protocol: ProtocolConfig) -> bool:
    return len(spaced(windows.starts, protocol)) >= 2


def _example(
    draft: Draft, protocol: ProtocolConfig, names: Mapping[Track, str], seed: int
) -> Example:
    song = draft.song.song
    folder = Path(os.path.commonpath([track.path.parent for track in song.tracks]))
    wanted = set(draft.tracks or song.tracks)
    return Example(
        song=song.name,
        folder=str(folder),
        files=tuple(t.path.relative_to(folder).as_posix() for t in song.tracks if t in wanted),
        reference="" if draft.mix is None else str(draft.mix.mix.path),
        reference_name="random console" if draft.mix is None else names[draft.mix.mix],
        duration_s=protocol.duration_s,
        judged=draft.judged,
        heard=draft.heard or draft.judged,
        group=draft.group,
        seed=seed,
    )


Item = TypeVar("Item", Song, Track)


def _listed(named: Mapping[Item, str], names: tuple[str, ...], place: str, what: str) -> list[Item]:
    """The items of these names in this order, or all of them when none is named."""
    found: list[Item] = []
    for name in names:
        same = [item for item, own in named.items() if own == name]
        if len(same) != 1:
            problem = f"has {len(same) or 'no'} {what}{'s' * bool(same)} {name!r}"
            raise InputError(place, problem, "correct the list, or give fewer folders")
        found += same
    return found if names else list(named)

"""Stems: what each strip and the effects bus add to a mix, each in a file of its own.

They lie in a folder that also holds the `console.json` that they were rendered from. It tells which
files of the folder are ours to replace, keeps their mix re-creatable, and keeps the folder from
being taken for tracks.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.audio_blocks import AudioWriter
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder, folder_written_beside
from diffmst_jax.mixing.console.file import console_text, load_console
from diffmst_jax.mixing.console.settings import MixSettings
from diffmst_jax.mixing.rendering.console_stream import CHUNK
from diffmst_jax.mixing.rendering.render import stem_pieces
from diffmst_jax.mixing.rendering.song import counted
from diffmst_jax.mixing.rendering.strip_stream import StripStream
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME, Source
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.progress import Progress
from diffmst_jax.reaching import is_there

STEMS_FOLDER = "stems"
FX_RETURN = "fx return"
STEM_SUBTYPE = "FLOAT"
"""Before the master bus a level knows no ceiling; integer samples would clip."""

ANOTHER_PLACE = "give --out another place, or move it away"


@contextmanager
def stems_written_beside(
    source: Source, settings: MixSettings, folder: Path, progress: Progress
) -> Iterator[list[Path]]:
    """Write stems at once, into `folder` only when the `with` block has ended without an error.

    So a mix that is written inside the block and its stems are there together or not at all. Stems
    of an earlier render that this one does not have (of a track that is muted now) leave.

    Args:
        source: folder or files of the song.
        settings: the mix.
        folder: where they go, see `check_stems_folder`.
        progress: called with the fraction done.

    Returns:
        The files that will be there.

    Raises:
        InputError: a file is missing or cannot be used, the place cannot be written to, or one of
            the names is taken by what is no stem.
    """
    before = check_stems_folder(folder)
    names = stem_files(settings)
    for name in sorted(set(names.values()) - before):
        if is_there(folder / name):
            raise InputError(folder / name, "is no stem of an earlier mix", ANOTHER_PLACE)
    with folder_written_beside(folder) as beside:
        write_stems(source, settings, beside, progress)
        (beside / CONSOLE_FILE_NAME).write_text(console_text(settings), encoding="utf-8")
        yield [folder / name for name in names.values()]
    for name in before - set(names.values()):
        (folder / name).unlink(missing_ok=True)


def check_stems_folder(folder: Path) -> set[str]:
    """See that stems can go into a folder without taking the place of anything but stems.

    `stems` is what many people call their recordings, so a folder of that name is only written to
    if it is not there, is empty, or says itself that it holds stems.

    Returns:
        Names of the stems that it holds.

    Raises:
        InputError: it holds something else, or cannot be written to.
    """
    check_folder(folder)
    if not folder.exists() or not any(folder.iterdir()):
        return set()
    if not (folder / CONSOLE_FILE_NAME).exists():
        raise InputError(folder, "holds files that are no stems of an earlier mix", ANOTHER_PLACE)
    try:
        return set(stem_files(load_console(folder / CONSOLE_FILE_NAME)).values())
    except InputError as error:
        problem = f"does not say which stems it holds ({error.path} {error.problem})"
        raise InputError(folder, problem, ANOTHER_PLACE) from error


def write_stems(
    source: Source, settings: MixSettings, folder: Path, progress: Progress | None = None
) -> None:
    """Write what each strip and the effects bus add to the mix before the master bus.

    Their sum is what enters the master bus: stereo, float, and not brought to any loudness.

    Args:
        source: folder or files of the song.
        settings: the mix.
        folder: where the files of `stem_files` go.
        progress: called with the fraction done.

    Raises:
        InputError: a file is missing or cannot be used, or the place cannot be written to.
    """
    files = stem_files(settings)
    with ExitStack() as stack:
        strips = stack.enter_context(StripStream(source, settings.strips))
        writers = {
            index: stack.enter_context(
                AudioWriter(folder / name, 2, sample_rate=SAMPLE_RATE, subtype=STEM_SUBTYPE)
            )
            for index, name in files.items()
        }
        blocks = strips.blocks(CHUNK)
        for piece in counted(stem_pieces(settings, blocks), strips.frames, progress):
            for index, writer in writers.items():
                writer.write(piece[index])


def stem_files(settings: MixSettings) -> dict[int, str]:
    """Name the file of each strip that is not muted, and last that of the reverb where there is.

    Returns:
        File names by index into what `stem_pieces` gives.
    """
    names = [*stem_names(settings.strips), FX_RETURN]
    written = [index for index in range(len(settings.strips)) if not settings.muted[index]]
    if settings.config.reverb:
        written.append(len(settings.strips))
    return {index: f"{names[index]}.wav" for index in written}


def stem_names(strips: Sequence[Strip]) -> list[str]:
    """Name the file of each strip, without its ending: the strip's name where that is one alone."""
    often = Counter(strip.name.casefold() for strip in strips)
    return [
        strip.name
        if often[strip.name.casefold()] == 1 and strip.name.casefold() != FX_RETURN
        else f"{strip.file} {'+'.join(str(channel) for channel in strip.channels)}"
        for strip in strips
    ]

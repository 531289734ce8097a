"""The folder of songs: which there are, what belongs to each, and nothing outside of it.

A song is a subfolder with audio files, as every other command takes it. What the page adds lies in
its hidden folder `.diffmst`:

    FOLDER/song/kick.wav ...            the tracks
    FOLDER/song/Drums/kick.wav ...      those of a group
    FOLDER/song/.diffmst/reference/     the reference
    FOLDER/song/.diffmst/session.json   what was predicted, amounts, locks, measurements
    FOLDER/song/.diffmst/console.json   the settings as they are heard
    FOLDER/song/.diffmst/ ...           decoded audio and results, made again when they are missing

A name from outside is only ever looked up in a listing, never joined to a path; links are refused.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diffmst_jax.audio import audio_files
from diffmst_jax.errors import InputError
from diffmst_jax.files import check_folder, free_name
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME, files_by_name, find_tracks
from diffmst_jax.names import legible
from diffmst_jax.page.limits import UploadLimits
from diffmst_jax.page.names import safe_name, shown
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.reaching import is_folder, is_there

HIDDEN = ".diffmst"
MADE_HERE = "made_here"
COPY_IT = "copy the file itself into the folder"


@dataclass(frozen=True)
class Song:
    """A song's folder.

    Attributes:
        folder: where its tracks lie; no link, directly inside the workspace.
    """

    folder: Path

    @property
    def name(self) -> str:
        """What it is called: its folder's name."""
        return legible(self.folder.name)

    @property
    def is_made_here(self) -> bool:
        """Whether the page made the folder, so that its tracks are copies."""
        return self.own(MADE_HERE).exists()

    def own(self, name: str) -> Path:
        """Return the path of a file of the page, in the hidden folder; its name is ours.

        Raises:
            InputError: the file, or the folder, is a link to somewhere else.
        """
        path = self.folder / HIDDEN / name
        for part in (self.folder / HIDDEN, path.parent, path):
            if part.is_symlink():
                raise InputError(part, "is a link", "remove it")
        return path

    def track_files(self) -> list[Path]:
        """List the audio files of the song; none yet is an empty list.

        Raises:
            InputError: one is a link, which could lead out of the folder.
        """
        try:
            _, files = find_tracks(self.folder)
        except InputError:
            return []
        for file in files:
            if file.is_symlink() or file.parent.is_symlink():
                raise InputError(file, "is a link", COPY_IT)
        return files

    def track_names(self) -> dict[str, Path]:
        """Audio files by their names relative to the song's folder."""
        return files_by_name(self.folder, self.track_files())

    def group(self, name: str) -> Path:
        """Return the subfolder of a group of tracks, which is made if it is not there.

        Args:
            name: harmless as a name of a folder; upper and lower case are alike.

        Raises:
            InputError: something else has that name, or the folder cannot be made.
        """
        for item in self.folder.iterdir():
            if item.name.casefold() != name.casefold():
                continue
            if item.is_symlink() or not item.is_dir() or is_there(item / CONSOLE_FILE_NAME):
                raise InputError(item, "is no folder of tracks", "give the group another name")
            return item
        try:
            (self.folder / name).mkdir()
        except OSError as error:
            problem = f"cannot be made ({error.strerror})"
            raise InputError(self.folder / name, problem, "make room") from error
        return self.folder / name

    def remove_track(self, name: str) -> None:
        """Delete one track, and the folder of its group when nothing is left in it.

        Raises:
            RefusalError: there is none of that name.
        """
        found = self.track_names().get(name)
        if found is None:
            raise RefusalError(404, f"{self.name} has no track {shown(name)}")
        found.unlink()
        if found.parent != self.folder:
            with suppress(OSError):  # something is left
                found.parent.rmdir()

    def reference(self) -> Path | None:
        """Find the reference, if there is one."""
        folder = self.own("reference")
        files = audio_files(folder) if folder.is_dir() else []
        return self.own(f"reference/{files[0].name}") if files else None

    def remove_reference(self) -> None:
        """Delete the reference, if there is one."""
        reference = self.reference()
        if reference is not None:
            reference.unlink()


@dataclass(frozen=True)
class Workspace:
    """The folder that the page works in.

    Attributes:
        root: the folder, resolved.
        limits: how much may be put into it.
    """

    root: Path
    limits: UploadLimits

    @classmethod
    def open(cls, folder: Path, limits: UploadLimits) -> "Workspace":
        """Use a folder, which is made if it is not there.

        Raises:
            InputError: it is a file, cannot be written, or is a song itself.
        """
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if audio_files(folder):
            remedy = "give the folder above it, whose subfolders are songs"
            raise InputError(folder, "holds audio files itself", remedy)
        return cls(folder.resolve(), limits)

    def songs(self) -> list[Song]:
        """List the songs: subfolders with audio, or with a session of the page."""
        items = sorted(self.root.iterdir(), key=lambda item: item.name.casefold())
        return [Song(item) for item in items if _is_song(item)]

    def song(self, name: str) -> Song:
        """Find a song by its name.

        Raises:
            RefusalError: there is none.
        """
        for item in self.root.iterdir():
            if legible(item.name) == name and _is_song(item):
                return Song(item)
        raise RefusalError(404, f"there is no song {shown(name)}; choose one of the list")

    def new_song(self, name: str) -> Song:
        """Make the folder of a new song, with a number added to a name that is taken.

        Raises:
            RefusalError: there are too many.
            InputError: the name is empty, or the folder cannot be made.
        """
        if len(self.songs()) >= self.limits.songs:
            raise RefusalError(409, f"the folder holds {self.limits.songs} songs; remove one first")
        taken = {item.name.casefold() for item in self.root.iterdir()}
        song = Song(self.root / free_name(safe_name(name), taken))
        try:
            (song.folder / HIDDEN).mkdir(parents=True)
            song.own(MADE_HERE).touch()
        except OSError as error:
            raise InputError(
                song.folder, f"cannot be made ({error.strerror})", "make room"
            ) from error
        return song

    def remove_song(self, song: Song) -> None:
        """Delete what the page knows of a song, and its tracks if the page made its folder."""
        hidden = song.own(MADE_HERE).parent
        is_made_here = song.is_made_here
        shutil.rmtree(hidden, ignore_errors=True)
        if is_made_here:
            shutil.rmtree(song.folder, ignore_errors=True)


def _is_song(item: Path) -> bool:
    if item.is_symlink() or item.name.startswith(".") or not is_folder(item):
        return False
    if is_folder(item / HIDDEN):
        return True
    if is_there(item / CONSOLE_FILE_NAME):
        return False  # what `diffmst mix` wrote
    try:
        find_tracks(item)
    except InputError:
        return False
    return True

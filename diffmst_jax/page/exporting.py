"""A song as a session of a workstation, in one file that can be downloaded."""

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from diffmst_jax.export import export_session
from diffmst_jax.files import written_beside
from diffmst_jax.mixing.finishing.limits import SESSION_FORMATS
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME
from diffmst_jax.names import portable
from diffmst_jax.page.workspace import Song
from diffmst_jax.progress import Tell


def export(song: Song, file_format: str, tell: Tell) -> dict[str, Any]:
    """Write a session: the file itself, or where it comes with others a ZIP of them.

    Args:
        song: whose console.
        file_format: one of `SESSION_FORMATS`.
        tell: told about progress.

    Returns:
        `name` of the file in the song's hidden folder, and `notes` on what the format says another
        way.

    Raises:
        InputError: a file cannot be used, or there is no room.
    """
    console = song.own(CONSOLE_FILE_NAME)
    with tempfile.TemporaryDirectory(prefix="session-", dir=console.parent) as made:
        out = Path(made) / f"{portable(song.name)}{SESSION_FORMATS[file_format]}"
        exported = export_session(song.folder, console, out, file_format=file_format, progress=tell)
        files = sorted(path for path in Path(made).rglob("*") if path.is_file())
        if files == [out]:
            name = f"result{out.suffix}"
            shutil.move(out, song.own(name))
        else:
            name = "result.zip"
            with written_beside(song.own(name)) as temporary:
                _zip(temporary, files, Path(made))
    return {"name": name, "notes": list(exported.notes)}


def _zip(path: Path, files: list[Path], base: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.relative_to(base))

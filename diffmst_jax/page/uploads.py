"""Audio files from the browser: streamed to disk, checked, and only then given their name."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from diffmst_jax.audio import audio_info
from diffmst_jax.errors import InputError
from diffmst_jax.files import free_name
from diffmst_jax.page.limits import UploadLimits
from diffmst_jax.page.names import safe_audio_name, safe_name
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.page.workspace import Song

INCOMING = "incoming"
MEGABYTE = 1_000_000


async def receive_track(request: Request, song: Song, limits: UploadLimits) -> str:
    """Take one track in; returns the name that it got, with its group's before it if it has one.

    Raises:
        RefusalError: too large, or too many.
        InputError: no audio, or a group that cannot be made.
    """
    name, group = (request.query_params.get(key, "") for key in ("name", "group"))
    name, group = safe_audio_name(name), safe_name(group) if group else ""
    _check_room(song, limits)
    temporary = await _receive(request, song, name, limits)
    try:
        _check_room(song, limits)  # others may have come at the same time
        folder = song.group(group) if group else song.folder
        taken = {path.name.casefold() for path in folder.iterdir()}
        place = folder / free_name(name, taken)
        temporary.rename(place)
    finally:
        temporary.unlink(missing_ok=True)
    return place.relative_to(song.folder).as_posix()


def _check_room(song: Song, limits: UploadLimits) -> None:
    count = len(song.track_names())  # a folder that was there already may have more
    if count >= limits.tracks:
        problem = f"{song.name} has {count} tracks already, and {limits.tracks} are the most"
        raise RefusalError(413, f"{problem}; remove some first")


async def receive_reference(request: Request, song: Song, limits: UploadLimits) -> str:
    """Take the reference in, in place of the one before; returns its name.

    Raises:
        RefusalError: too large.
        InputError: no audio.
    """
    name = safe_audio_name(request.query_params.get("name", ""))
    temporary = await _receive(request, song, name, limits)
    try:
        song.remove_reference()
        song.own("reference").mkdir(exist_ok=True)
        temporary.rename(song.own(f"reference/{name}"))
    finally:
        temporary.unlink(missing_ok=True)
    return name


async def _receive(request: Request, song: Song, name: str, limits: UploadLimits) -> Path:
    """Stream the body into a file beside, and see that it is audio.

    The file never has more than `limits.file_bytes`; on any failure it is removed.
    """
    too_large = RefusalError(
        413,
        f"{name} is larger than {limits.file_bytes / MEGABYTE:g} MB; "
        "shorten it, or start diffmst serve with a larger --max-upload-mb",
    )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.file_bytes:
        raise too_large
    folder = song.own(INCOMING)
    temporary = folder / f"{secrets.token_hex(8)}{Path(name).suffix.lower()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as f:
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                if size > limits.file_bytes:
                    raise too_large
                f.write(chunk)
        await run_in_threadpool(_check_audio, temporary, name)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RefusalError(507, f"{name}: cannot be kept ({error.strerror}); make room") from error
    except ClientDisconnect as error:
        temporary.unlink(missing_ok=True)
        raise RefusalError(400, f"{name}: the upload was broken off; send it again") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _check_audio(path: Path, name: str) -> None:
    try:
        audio_info(path)
    except InputError as error:
        raise InputError(name, error.problem, error.remedy) from error


def remove_incoming(song: Song) -> None:
    """Delete what an earlier server left half received."""
    with suppress(OSError):
        for path in song.own(INCOMING).iterdir():
            path.unlink()

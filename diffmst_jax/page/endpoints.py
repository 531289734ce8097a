"""What the server answers at each address."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from diffmst_jax.export.effects_return import bus_response
from diffmst_jax.json_file import refuse_constant
from diffmst_jax.mixing.sources.finding import CONSOLE_FILE_NAME
from diffmst_jax.page import decoded
from diffmst_jax.page.features import features
from diffmst_jax.page.jobs import Task, Worker
from diffmst_jax.page.orders import order
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.page.session import (
    changed_session,
    checked_document,
    load_document,
    load_session,
    revision,
    save_document,
    unchanged_session,
)
from diffmst_jax.page.tasks import (
    Desk,
    checked_amounts,
    forget_closeness,
    load_overview,
    scaled,
    strips_of,
)
from diffmst_jax.page.uploads import receive_reference, receive_track
from diffmst_jax.page.workspace import Song, Workspace
from diffmst_jax.result import REPORT_FILE_NAME

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; media-src data:; connect-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-scripts allow-popups"
)


@dataclass(frozen=True)
class Page:
    """The endpoints, and what they work on.

    Attributes:
        workspace: the folder of songs.
        desk: what can be done with them.
        worker: the thread that does it.
    """

    workspace: Workspace
    desk: Desk
    worker: Worker

    async def about(self, request: Request) -> Response:
        """What the server can do, and the songs there are."""
        del request
        found = await run_in_threadpool(features, self.workspace.limits)
        songs = await run_in_threadpool(self.workspace.songs)
        return JSONResponse({**found, "songs": [song.name for song in songs]})

    async def add_song(self, request: Request) -> Response:
        """Make a song's folder."""
        body = await self._json(request)
        song = self.workspace.new_song(str(body.get("name", "")))
        return JSONResponse({"name": song.name}, 201)

    async def song(self, request: Request) -> Response:
        """Everything about a song."""
        return JSONResponse(await run_in_threadpool(self._describe, self._song(request)))

    async def remove_song(self, request: Request) -> Response:
        """Delete a song that the page made, or forget what the page did to another."""
        song = self._song(request)
        self._refuse_while_busy(song)
        await run_in_threadpool(self.worker.let_go, song.name)  # it could bring the folder back
        self._refuse_while_busy(song)
        self.workspace.remove_song(song)
        return JSONResponse({})

    async def add_track(self, request: Request) -> Response:
        """Take a track in."""
        song = self._song(request)
        self._refuse_while_busy(song)
        name = await receive_track(request, song, self.workspace.limits)
        return JSONResponse({"name": name}, 201)

    async def remove_track(self, request: Request) -> Response:
        """Delete a track."""
        song = self._song(request)
        self._refuse_while_busy(song)
        song.remove_track(request.query_params.get("name", ""))
        return JSONResponse({})

    async def set_reference(self, request: Request) -> Response:
        """Take the reference in."""
        song = self._song(request)
        self._refuse_while_busy(song)
        name = await receive_reference(request, song, self.workspace.limits)
        await run_in_threadpool(forget_closeness, song)
        return JSONResponse({"name": name}, 201)

    async def save(self, request: Request) -> Response:
        """Keep the console and what goes with it, as it is on the page."""
        song, body = self._song(request), await self._json(request)
        self._refuse_while_mixed(song)
        return JSONResponse({"revision": await run_in_threadpool(_save, song, body)})

    async def amounts(self, request: Request) -> Response:
        """Return a prediction at other amounts."""
        song, body = self._song(request), await self._json(request)
        wanted = body.get("predicted"), body.get("amounts")
        return JSONResponse(await run_in_threadpool(scaled, song, *wanted))

    async def reverb(self, request: Request) -> Response:
        """Send the response of a console's effects bus: left, then right, float32."""
        self._song(request)
        body = await self._json(request)
        settings = await run_in_threadpool(checked_document, body)
        response = await run_in_threadpool(bus_response, settings.params.fx_bus.reverb)
        content = response.astype(np.float32).tobytes()
        return Response(content, media_type="application/octet-stream")

    async def start_job(self, request: Request) -> Response:
        """Begin to open, mix, render, report on or export a song."""
        song, body = self._song(request), await self._json(request)
        kind = str(body.get("kind", ""))
        task: Task = order(self.desk, song, kind, body)
        return JSONResponse(self.worker.start(song.name, kind, task).document(), 202)

    async def job(self, request: Request) -> Response:
        """How far a job is."""
        return JSONResponse(self.worker.find(request.path_params["number"]).document())

    async def current_job(self, request: Request) -> Response:
        """The job that is not finished, or null."""
        del request
        job = self.worker.current()
        return JSONResponse(None if job is None else job.document())

    async def cancel_job(self, request: Request) -> Response:
        """Cancel a job."""
        return JSONResponse(self.worker.cancel(request.path_params["number"]).document())

    async def audio(self, request: Request) -> Response:
        """Send one block of decoded audio."""
        song, name = self._song(request), request.path_params["source"]
        if name not in (decoded.SONG, decoded.REFERENCE):
            raise RefusalError(404, "there is no such audio")
        version, index = (request.path_params[key] for key in ("version", "index"))
        content = await run_in_threadpool(decoded.block, song, name, version, index)
        return Response(content, media_type="application/octet-stream")

    async def result(self, request: Request) -> Response:
        """Send a result for download, or the report to look at."""
        song, name = self._song(request), request.path_params["name"]
        is_given = name in (CONSOLE_FILE_NAME, REPORT_FILE_NAME) or name.startswith("result.")
        path = song.own(name) if is_given and "/" not in name and "\\" not in name else None
        if path is None or not path.is_file():
            raise RefusalError(404, "there is no such result; make it first")
        if name == REPORT_FILE_NAME:
            text = await run_in_threadpool(path.read_text, encoding="utf-8")
            return HTMLResponse(text, headers={"Content-Security-Policy": REPORT_POLICY})
        title = name if name == CONSOLE_FILE_NAME else f"{song.name}{path.suffix}"
        return FileResponse(path, filename=title, headers={"Cache-Control": "no-store"})

    def _song(self, request: Request) -> Song:
        return self.workspace.song(request.path_params["song"])

    def _refuse_while_busy(self, song: Song) -> None:
        self.worker.give_way()
        job = self.worker.current()
        if job is not None and job.song == song.name:
            raise RefusalError(409, f"still at work on {song.name}; wait or cancel that first")

    def _refuse_while_mixed(self, song: Song) -> None:
        """What another page changes meanwhile, the mix would overwrite."""
        job = self.worker.current()
        if job is not None and job.song == song.name and job.kind == "mix":
            raise RefusalError(409, f"{song.name} is being mixed; wait or cancel that first")

    async def _json(self, request: Request) -> dict[str, Any]:
        most = self.workspace.limits.json_bytes
        parts, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise RefusalError(413, "the message is too large")
            parts.append(chunk)
        try:
            body = json.loads(b"".join(parts), parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise RefusalError(400, "the message is not valid JSON") from error
        if not isinstance(body, dict):
            raise RefusalError(400, "the message is no JSON object")
        return body

    def _describe(self, song: Song) -> dict[str, Any]:
        tracks, reference = song.track_names(), song.reference()
        facts = decoded.kept(song, decoded.SONG, list(tracks.values()))
        heard_reference = None
        if reference is not None:
            heard_reference = decoded.kept(song, decoded.REFERENCE, [reference])
        is_read = facts is not None and (reference is None or heard_reference is not None)
        with unchanged_session(song) as session:
            console = load_document(song) if is_read else None
            of = revision(song, session)
        if facts is not None and console is not None and facts["about"] != strips_of(console):
            console = None  # not of what is played: the song is to be opened again
        return {
            "name": song.name,
            "is_made_here": song.is_made_here,
            "tracks": [{"file": n, "bytes": p.stat().st_size} for n, p in tracks.items()],
            "reference": None if reference is None else reference.name,
            "is_open": console is not None,
            "console": console,
            "base": session.base,
            "predicted": session.predicted,
            "amounts": session.amounts,
            "locked": session.locked,
            "revision": of,
            "output": session.output,
            "closeness": session.closeness,
            "judged": session.judged,
            "notes": session.notes,
            "has_report": song.own(REPORT_FILE_NAME).is_file(),
            "overview": load_overview(song),
            "song_audio": facts,
            "reference_audio": heard_reference,
        }


def _save(song: Song, body: dict[str, Any]) -> str:
    """Check everything, then write it; returns the revision that it is."""
    known = load_session(song)
    amounts, locked = checked_amounts(body.get("amounts")), body.get("locked")
    predicted, base = body.get("predicted"), body.get("base")
    if not isinstance(locked, list) or not all(_is_strip_key(item) for item in locked):
        raise RefusalError(400, "locked is no list of tracks")
    if (predicted is None) != (base is None):
        raise RefusalError(400, "predicted and base are not given together")
    for document, same in ((predicted, known.predicted), (base, known.base)):
        if document != same and document is not None:
            checked_document(document)
    console = body.get("console") or {}
    settings = checked_document(console)
    strangers = {strip.file for strip in settings.strips} - set(song.track_names())
    if strangers:
        raise RefusalError(400, f"{song.name} has no track {min(strangers)}; load the page again")
    facts = decoded.played(song, decoded.SONG)
    if facts is not None and facts["about"] != strips_of(console):
        raise RefusalError(409, f"the tracks of {song.name} have changed; load the page again")
    with changed_session(song) as session:
        if body.get("revision") != revision(song, session):
            raise RefusalError(409, f"{song.name} was changed elsewhere; load the page again")
        save_document(song, console)
        session.amounts, session.locked = dict(amounts._asdict()), locked
        session.predicted, session.base = predicted, base
    return revision(song, session)


def _is_strip_key(item: Any) -> bool:
    if not isinstance(item, list) or len(item) != 2:
        return False
    file, channels = item
    return isinstance(file, str) and isinstance(channels, list)

"""The web application: which address does what, and how what goes wrong is answered."""

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from diffmst_jax.errors import InputError
from diffmst_jax.names import legible
from diffmst_jax.page.endpoints import Page
from diffmst_jax.page.guard import Guard
from diffmst_jax.page.jobs import Worker
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.page.tasks import Desk
from diffmst_jax.page.workspace import Workspace

STATIC = Path(__file__).parent / "static"


async def _index(request: Request) -> Response:
    del request
    return FileResponse(STATIC / "index.html")


async def _refused(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RefusalError)
    return JSONResponse({"error": error.message}, error.status)


async def _wrong_input(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"error": str(error)}, 400)


async def _http_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


async def _no_access(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, OSError)
    place = error.filename2 or error.filename
    name = legible(Path(place).name) if place else "a file"
    problem = f"{name}: cannot be read or changed ({error.strerror})"
    return JSONResponse({"error": f"{problem}; look at its permissions and at the room left"}, 507)


async def _fault(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"error": f"a fault of diffmst ({type(error).__name__})"}, 500)


def create_app(
    workspace: Workspace, desk: Desk, worker: Worker, *, port: int | None = None
) -> Starlette:
    """Build the application.

    Args:
        workspace: the folder of songs.
        desk: the work, and its model.
        worker: where the work runs.
        port: port that requests must name; None allows any, for tests.
    """
    page = Page(workspace, desk, worker)
    song = "/api/songs/{song}"
    routes = [
        Route("/", _index),
        Route("/api", page.about),
        Route("/api/songs", page.add_song, methods=["POST"]),
        Route(song, page.song, methods=["GET"]),
        Route(song, page.remove_song, methods=["DELETE"]),
        Route(f"{song}/tracks", page.add_track, methods=["POST"]),
        Route(f"{song}/tracks", page.remove_track, methods=["DELETE"]),
        Route(f"{song}/reference", page.set_reference, methods=["POST"]),
        Route(f"{song}/session", page.save, methods=["PUT"]),
        Route(f"{song}/amounts", page.amounts, methods=["POST"]),
        Route(f"{song}/reverb", page.reverb, methods=["POST"]),
        Route(f"{song}/jobs", page.start_job, methods=["POST"]),
        Route(f"{song}/audio/{{source}}/{{version}}/{{index:int}}", page.audio),
        Route(f"{song}/files/{{name}}", page.result),
        Route("/api/jobs/current", page.current_job),
        Route("/api/jobs/{number:int}", page.job, methods=["GET"]),
        Route("/api/jobs/{number:int}", page.cancel_job, methods=["DELETE"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers: dict[Any, Any] = {
        RefusalError: _refused,
        InputError: _wrong_input,
        HTTPException: _http_error,
        OSError: _no_access,
        Exception: _fault,
    }
    return Starlette(
        routes=routes, middleware=[Middleware(Guard, port=port)], exception_handlers=handlers
    )

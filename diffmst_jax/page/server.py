"""Runs the page: a loopback socket, the web server, the browser, and a clean end."""

import contextlib
import errno
import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from diffmst_jax.errors import InputError
from diffmst_jax.files import remove_unfinished
from diffmst_jax.models import load_model
from diffmst_jax.page.app import create_app
from diffmst_jax.page.jobs import Worker
from diffmst_jax.page.limits import UploadLimits
from diffmst_jax.page.tasks import Desk
from diffmst_jax.page.uploads import remove_incoming
from diffmst_jax.page.workspace import Workspace
from diffmst_jax.process import end_answered

ADDRESS = "127.0.0.1"
PATIENCE_S = 2
"""How long open requests and the job under way get to end when the server does."""

BACKLOG = 128


class Server(uvicorn.Server):
    """Ends on Ctrl-C and the like without passing it on to whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals to end while the server runs; elsewhere than in the main thread not.

        The second one ends the process at once.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with end_answered(self.handle_exit):
            yield


def listen(port: int) -> socket.socket:
    """Take a port on the loopback address; 0 takes any free one.

    Raises:
        InputError: it is in use, or not allowed.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere this option would share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        in_use = error.errno == errno.EADDRINUSE
        problem = "is in use" if in_use else f"cannot be used ({error.strerror})"
        remedy = "give another one, or 0 for any that is free"
        raise InputError(f"--port {port}", problem, remedy) from error
    return listener


def serve(
    folder: Path | None,
    *,
    port: int,
    model: str | Path,
    limits: UploadLimits,
    announce: Callable[[str, Path], None],
    browser: bool,
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        folder: where songs are kept; None is a folder that is deleted in the end.
        port: on the loopback address; 0 takes any free one.
        model: name of a packaged model, or a model folder.
        limits: how much may be uploaded.
        announce: told the address and the folder once requests are answered.
        browser: whether to open the address in the user's browser.

    Raises:
        InputError: the folder, the port or the model cannot be used.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(port))
        desk = Desk(load_model(model))
        if folder is None:
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix="diffmst-"))
            folder = Path(made)
        workspace = Workspace.open(folder, limits)
        for song in workspace.songs():
            remove_incoming(song)
        worker = Worker()
        number = listener.getsockname()[1]
        app = create_app(workspace, desk, worker, port=number)
        config = uvicorn.Config(
            app,
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=PATIENCE_S,
        )
        address = f"http://{ADDRESS}:{number}"
        announce(address, workspace.root)
        if browser:
            webbrowser.open(address)
        try:
            Server(config).run(sockets=[listener])
        finally:
            ended = worker.close(PATIENCE_S)
            remove_unfinished()
    if not ended:  # a library call that cannot be interrupted; nothing of it is kept
        os._exit(0)

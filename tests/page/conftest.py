"""A real server in a thread."""

import threading
import time

import pytest
import uvicorn

from diffmst_jax.page.app import create_app
from diffmst_jax.page.jobs import Worker
from diffmst_jax.page.limits import UploadLimits
from diffmst_jax.page.server import Server, listen
from diffmst_jax.page.tasks import Desk
from diffmst_jax.page.workspace import Workspace
from tests.mixing.songs import tiny_model


@pytest.fixture(scope="session")
def desk() -> Desk:
    return Desk(tiny_model(), "tiny")


@pytest.fixture(scope="module")
def address(tmp_path_factory, desk):
    """Where a real server answers, on a free loopback port; its folder of songs is empty."""
    workspace = Workspace.open(tmp_path_factory.mktemp("workspace"), UploadLimits())
    listener = listen(0)
    port = listener.getsockname()[1]
    worker = Worker()
    app = create_app(workspace, desk, worker, port=port)
    server = Server(uvicorn.Config(app, ws="none", log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
    worker.close(10)
    listener.close()

"""A real server in a thread, for browsers; and one without a socket, with small real files."""

import threading
import time

import numpy as np
import pytest
import soundfile
import uvicorn

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.page.app import create_app
from diffmst_jax.page.jobs import Worker
from diffmst_jax.page.limits import UploadLimits
from diffmst_jax.page.server import Server, listen
from diffmst_jax.page.tasks import Desk
from diffmst_jax.page.workspace import Workspace
from tests.mixing.songs import bursts, tiny_model, tone
from tests.page.client import open_client
from tests.page.mixer import Mixer
from tests.page.songs import Songs


@pytest.fixture(scope="session")
def desk() -> Desk:
    return Desk(tiny_model())


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


@pytest.fixture(scope="session")
def audio(tmp_path_factory):
    """The bytes of small files by name."""
    folder = tmp_path_factory.mktemp("audio")
    kick, pad = bursts(2.0, 2.0, 1), np.concatenate([tone(0.8, 440.0), tone(0.8, 443.0, 0.1)])
    mix = 0.4 * np.concatenate([bursts(1.5, 2.0, 3), bursts(1.5, 4.0, 4)])
    for name, x in (("kick.wav", kick), ("pad.wav", pad), ("mix.wav", mix)):
        soundfile.write(folder / name, x.T, 44100)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def client(tmp_path, desk):
    client, worker = open_client(tmp_path / "songs", desk)
    yield client
    assert worker.close(60)


@pytest.fixture
def song(client, audio):
    """A song with two tracks, uploaded."""
    assert client.http.post("/api/songs", json={"name": "My song"}).status_code == 201
    for name in ("kick.wav", "pad.wav"):
        assert client.upload("My song", "tracks", name, audio[name]).status_code == 201
    return "My song"


@pytest.fixture(scope="module")
def song_files(tmp_path_factory):
    """A small song of three tracks, one of another rate and one stereo, and a reference."""
    folder = tmp_path_factory.mktemp("files")
    beat, bass = bursts(2.0, 4.0, 1), tone(1.8, 110.0, 0.3)
    pad = np.concatenate([tone(2.0, 440.0), tone(2.0, 443.0, 0.1)])
    mix = 0.4 * np.concatenate([bursts(2.5, 2.0, 3) + tone(2.5, 80.0), bursts(2.5, 4.0, 4)])
    soundfile.write(folder / "1 beat.wav", beat.T, SAMPLE_RATE)
    soundfile.write(folder / "2 bass.flac", bass.T, SAMPLE_RATE)
    soundfile.write(folder / "3 pad.wav", pad.T, 48000)
    soundfile.write(folder / "reference.flac", mix.T, SAMPLE_RATE)
    return folder


@pytest.fixture(scope="module")
def mixer(chromium, address, song_files):
    """The page with a song uploaded and mixed."""
    mixer = Mixer(chromium, address)
    tracks = [str(song_files / name) for name in ("1 beat.wav", "2 bass.flac", "3 pad.wav")]
    mixer.page.set_input_files("input[data-role=tracks]", tracks)
    mixer.idle("diffmst.store.state")
    assert mixer.ask("diffmst.store.state.console.tracks.length") == 3
    mixer.page.set_input_files("input[data-role=reference]", str(song_files / "reference.flac"))
    mixer.idle("diffmst.overview.reference")
    mixer.page.click("button.primary")
    mixer.idle("diffmst.store.state.predicted")
    yield mixer
    assert mixer.errors == []
    mixer.page.close()


@pytest.fixture
def songs(chromium, address, audio):
    songs = Songs(chromium, address, audio)
    yield songs
    for page in songs.pages:
        page.close()
    for name in songs.names:
        songs.call(f"/{name}", {}, "DELETE")

"""Requests and work on one song that come between each other, without a browser."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from diffmst_jax.page import tasks

HEAD_START_S = 0.3
"""What comes between has this long to do harm; it may as well wait."""


@pytest.fixture
def pool():
    with ThreadPoolExecutor() as pool:
        yield pool


def test_a_song_is_removed_once_cancelled_work_has_let_go_of_it(
    client, song, audio, pool, monkeypatch
):
    client.job(song, "open")
    assert client.http.post("/api/songs", json={"name": "Other"}).status_code == 201
    client.upload("Other", "tracks", "kick.wav", audio["kick.wav"])
    reached, go, work = threading.Event(), threading.Event(), tasks.render_console

    def hold(*arguments):
        done = work(*arguments)
        reached.set()
        assert go.wait(60)
        return done

    monkeypatch.setattr(tasks, "render_console", hold)
    client.http.post(f"/api/songs/{song}/jobs", json={"kind": "level"})
    assert reached.wait(60)
    removed = pool.submit(client.http.delete, f"/api/songs/{song}")
    wait([removed], HEAD_START_S)
    go.set()
    assert removed.result().status_code == 200
    client.job("Other", "open")  # after it, the work on the other is over
    assert not (client.root / song).exists()
    assert client.http.get("/api").json()["songs"] == ["Other"]

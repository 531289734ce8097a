"""Requests and work on one song that come between each other, without a browser."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import SimpleNamespace

import anyio
import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.mixing.sources.tracks import load_tracks
from diffmst_jax.page import uploads
from diffmst_jax.page.refusal import RefusalError
from diffmst_jax.page.rendering import render_console
from diffmst_jax.page.session import load_document
from diffmst_jax.page.workspace import Workspace
from tests.page.client import LIMITS

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
    reached, go = threading.Event(), threading.Event()

    def hold(*arguments):
        done = render_console(*arguments)
        reached.set()
        assert go.wait(60)
        return done

    monkeypatch.setattr("diffmst_jax.page.tasks.render_console", hold)
    client.http.post(f"/api/songs/{song}/jobs", json={"kind": "level"})
    assert reached.wait(60)
    removed = pool.submit(client.http.delete, f"/api/songs/{song}")
    wait([removed], HEAD_START_S)
    go.set()
    assert removed.result().status_code == 200
    client.job("Other", "open")  # after it, the work on the other is over
    assert not (client.root / song).exists()
    assert client.http.get("/api").json()["songs"] == ["Other"]


def turned(console, pan):
    first, *others = console["tracks"]
    return {**console, "tracks": [{**first, "pan": pan}, *others]}


def test_what_is_said_of_a_song_is_of_one_moment(client, song, pool, monkeypatch):
    """Else a page has the console before another's change as the one after it, and undoes it."""
    client.job(song, "open")
    session = client.session(song)
    session["console"] = turned(session["console"], 0.25)
    saved: list[Future] = []

    def meanwhile(one):
        document = load_document(one)
        if not saved:
            saved.append(pool.submit(put, session))
            wait(saved, HEAD_START_S)
        return document

    def put(session):
        return client.http.put(f"/api/songs/{song}/session", json=session)

    session["revision"] = client.http.get(f"/api/songs/{song}").json()["revision"]
    monkeypatch.setattr("diffmst_jax.page.endpoints.load_document", meanwhile)
    shown = client.http.get(f"/api/songs/{song}").json()
    assert saved[0].result().status_code == 200
    overwriting = {key: shown[key] for key in session}
    overwriting["console"] = turned(overwriting["console"], 0.75)
    is_of_before = shown["console"]["tracks"][0]["pan"] != 0.25
    assert (put(overwriting).status_code == 409) is is_of_before


def test_a_change_that_is_made_elsewhere_while_a_song_is_read_again_is_kept(
    client, song, audio, monkeypatch
):
    client.job(song, "open")
    session = client.session(song)
    session["console"] = turned(session["console"], 0.25)
    client.upload(song, "tracks", "late.wav", audio["kick.wav"])

    def meanwhile(folder, **options):
        assert client.save(song, session).status_code == 200
        return load_tracks(folder, **options)

    monkeypatch.setattr("diffmst_jax.page.tasks.load_tracks", meanwhile)
    assert client.job(song, "open")["state"] == "done"
    tracks = client.session(song)["console"]["tracks"]
    assert [t["file"] for t in tracks] == ["kick.wav", "late.wav", "pad.wav"]
    assert tracks[0]["pan"] == 0.25


def test_a_change_that_is_made_elsewhere_while_a_song_is_mixed_is_refused(
    client, song, audio, monkeypatch
):
    """Else it is taken, and the mix that comes after it puts another console in its place."""
    client.upload(song, "reference", "mix.wav", audio["mix.wav"])
    client.job(song, "open")
    session = client.session(song)
    session["console"] = turned(session["console"], 0.25)
    answers = []

    def meanwhile(*arguments, **options):
        answers.append(client.save(song, session))
        raise InputError("mix.wav", "is too long", "stop")

    monkeypatch.setattr("diffmst_jax.page.tasks.predict", meanwhile)
    assert client.job(song, "mix")["state"] == "failed"
    assert [answer.status_code for answer in answers] == [409]
    assert "My song is being mixed; wait or cancel that first" in answers[0].json()["error"]
    assert client.save(song, session).status_code == 200


def test_tracks_that_come_at_once_are_no_more_than_fit(client, song, audio):
    one = Workspace.open(client.root, LIMITS).song(song)

    async def stream():
        yield audio["kick.wav"]
        (one.folder / "meanwhile.wav").write_bytes(audio["kick.wav"])

    request = SimpleNamespace(query_params={"name": "late.wav"}, headers={}, stream=stream)
    with pytest.raises(RefusalError, match="has 3 tracks already"):
        anyio.run(uploads.receive_track, request, one, LIMITS)
    assert len(one.track_names()) == LIMITS.tracks

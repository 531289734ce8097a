"""Speaks to the server as the page does, in this process."""

import time

from starlette.testclient import TestClient

from diffmst_jax.page.app import create_app
from diffmst_jax.page.jobs import FINISHED, Worker
from diffmst_jax.page.limits import UploadLimits
from diffmst_jax.page.workspace import Workspace

LIMITS = UploadLimits(file_bytes=300_000, tracks=3, songs=4, json_bytes=100_000)


KEPT = ("console", "predicted", "base", "amounts", "locked")


class Client:
    """Speaks to the server as the page does."""

    def __init__(self, http, root):
        self.http = http
        self.root = root

    def job(self, song, kind, **options):
        answer = self.http.post(f"/api/songs/{song}/jobs", json={"kind": kind, **options})
        assert answer.status_code == 202, answer.text
        job = answer.json()
        deadline = time.monotonic() + 120
        while job["state"] not in FINISHED:
            assert time.monotonic() < deadline
            time.sleep(0.02)
            job = self.http.get(f"/api/jobs/{job['number']}").json()
        return job

    def upload(self, song, role, name, content, **more):
        named = {"name": name, **more}
        return self.http.post(f"/api/songs/{song}/{role}", params=named, content=content)

    def session(self, song, **changes):
        details = self.http.get(f"/api/songs/{song}").json()
        session = {key: details[key] for key in KEPT}
        return {**session, **changes}

    def save(self, song, session):
        """Put a session in place of the one that there is now."""
        now = self.http.get(f"/api/songs/{song}").json()["revision"]
        return self.http.put(f"/api/songs/{song}/session", json={"revision": now, **session})

    def scaled(self, song, predicted, amounts):
        body = {"predicted": predicted, "amounts": amounts}
        answer = self.http.post(f"/api/songs/{song}/amounts", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def open_client(root, desk, limits=LIMITS):
    worker = Worker()
    app = create_app(Workspace.open(root, limits), desk, worker)
    http = TestClient(app, base_url="http://127.0.0.1")
    return Client(http, root), worker

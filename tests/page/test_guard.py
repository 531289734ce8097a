"""Other sites, and names rebound to this computer, get nothing."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from diffmst_jax.page.guard import Guard

PORT = 8420
OWN = f"127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def client():
    async def answer(request):
        return PlainTextResponse("secret")

    routes = [Route("/", answer, methods=["GET", "POST"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Guard, port=PORT)]))


@pytest.mark.parametrize("host", [OWN, f"localhost:{PORT}", f"[::1]:{PORT}"])
def test_loopback_names_are_served(client, host):
    assert client.get("/", headers={"host": host}).text == "secret"


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1.evil:{PORT}",
     f"user@127.0.0.1:{PORT}", f"192.168.0.2:{PORT}", "", "127.0.0.1:x", f"127.0.0.1:{PORT}/a"],
)  # fmt: skip
def test_other_hosts_are_refused(client, host):
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "127.0.0.1" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://{OWN}"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": f"http://{OWN}"},
    ],
)
def test_changes_from_other_sites_are_refused(client, headers):
    assert client.post("/", headers={"host": OWN, **headers}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"origin": f"http://{OWN}"}, {"sec-fetch-site": "same-origin"}]
)
def test_changes_from_the_page_are_served(client, headers):
    assert client.post("/", headers={"host": OWN, **headers}).status_code == 200


def test_answers_forbid_content_from_elsewhere(client):
    headers = client.get("/", headers={"host": OWN}).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert headers["cross-origin-resource-policy"] == "same-origin"

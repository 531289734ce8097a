"""Songs on a real server, and pages that show them."""

import json
from urllib.parse import quote
from urllib.request import Request, urlopen

from tests.page.mixer import complaints


class Songs:
    """Songs on the server, and pages that show them."""

    def __init__(self, browser, address, audio):
        self.browser, self.address, self.audio = browser, address, audio
        self.pages = []
        self.names = [self.call("", {"name": "Song"})["name"] for _ in range(2)]
        for name in self.names:
            self.add(name, "kick.wav")

    def call(self, path, body, method="POST"):
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        address = f"{self.address}/api/songs{quote(path, safe='/?=')}"
        with urlopen(Request(address, content, method=method)) as answer:
            return json.load(answer)

    def add(self, name, file):
        self.call(f"/{name}/tracks?name={file}", self.audio["kick.wav"])

    def start(self, name, kind):
        self.call(f"/{name}/jobs", {"kind": kind})

    def tracks(self, name):
        return [track["file"] for track in self.call(f"/{name}", None, "GET")["tracks"]]

    def page(self, name):
        """A page that is loaded with a song's address, without waiting for the song."""
        page = self.empty_page()
        page.goto(f"{self.address}/#{quote(name)}")
        page.locator(f".songs option:checked[value='{name}']").wait_for(state="attached")
        return page

    def empty_page(self):
        page = self.browser.new_page()
        self.pages.append(page)
        page.errors = complaints(page)
        return page


IDLE = "() => { return diffmst.store.state && !diffmst.work.busy && !diffmst.store.held; }"


def ready(page):
    """Wait until a song is on the desk and nothing is under way or was complained of."""
    page.locator("body.ready:not(.busy) .rack .strip").first.wait_for()
    assert page.evaluate(IDLE)
    assert page.locator(".toast").count() == 0
    assert page.errors == []

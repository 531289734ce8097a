"""The page in a browser, driven as people do it."""

import time
from contextlib import contextmanager

SIZE = {"width": 1400, "height": 1000}
PATIENCE_S = 300
LOOP_S, SETTLING = 0.5, 2
"""What is played over and over, and how many whole rounds of it after a change are not measured."""


def complaints(page):
    """A list that fills with what goes wrong on a page."""
    errors: list[str] = []

    def listen(message):
        if message.type == "error":
            errors.append(message.text)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", listen)
    return errors


class Mixer:
    """A page in the browser, and what it complained about."""

    def __init__(self, browser, address):
        self.page = browser.new_page(viewport=SIZE, accept_downloads=True)
        self.errors = complaints(self.page)
        self.page.goto(address)
        self.until("document.body.classList.contains('ready')")

    def ask(self, script):
        return self.page.evaluate(script)

    def until(self, script):
        deadline = time.monotonic() + PATIENCE_S
        while not self.ask(script):
            shown = self.page.locator(".toasts").all_inner_texts
            assert time.monotonic() < deadline, f"{script}; {self.errors}, {shown()}"
            self.page.wait_for_timeout(50)

    def drawn(self):
        """Wait until the page shows what changed: it draws once per frame."""
        self.until("!diffmst.store.queued")

    @contextmanager
    def taken_back(self):
        """What is done within is undone in the end."""
        before = self.ask("diffmst.store.past.length")
        yield
        self.ask(f"while (diffmst.store.past.length > {before}) diffmst.store.undo()")
        self.drawn()

    def track(self, index=0):
        return self.ask(f"diffmst.store.state.console.tracks[{index}]")

    def level_db(self, index=0):
        """Highest level of a strip over one whole round of the loop, once a change has settled."""
        return self.peak_db(f"report.strips[{index}].peak")

    def peak_db(self, peak="Math.max(...report.master.peaks)"):
        """The same of any peak in a report; that of what is heard by default."""
        levels = self.ask(
            f"""new Promise((resolve) => {{
              const heard = [];
              let place = Infinity, begun = -1; // rounds; one is under way
              const listen = (report) => {{
                if (report.place < place) begun += 1;
                place = report.place;
                if (begun > {SETTLING}) heard.push({peak});
                if (begun > {SETTLING + 1}) resolve(heard);
              }};
              // What is set reaches the audio thread with the next frame.
              requestAnimationFrame(() => requestAnimationFrame(() => {{
                diffmst.engine.onReport(listen);
              }}));
            }})"""
        )
        return max(levels)

    def drop(self, place, *paths):
        """Drop files and folders of this computer on a place, as from its file manager."""
        box = self.page.locator(place).bounding_box()
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        hand = self.page.context.new_cdp_session(self.page)
        for kind in ("dragEnter", "dragOver", "drop"):
            hand.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
        hand.detach()

    @contextmanager
    def slow_sending(self, bytes_per_second):
        """Within, the network takes no more than that."""
        network = self.page.context.new_cdp_session(self.page)
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}
        network.send(
            "Network.emulateNetworkConditions", {**conditions, "uploadThroughput": bytes_per_second}
        )
        yield
        network.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": -1})
        network.detach()

    def idle(self, also="true"):
        """Wait until nothing is under way, and something holds besides."""
        self.until(f"Boolean({also}) && !diffmst.work.busy")

    def complaint(self):
        """Close the one message that is shown, and return what it says."""
        toast = self.page.locator(".toast.error")
        toast.wait_for()
        text = toast.locator("span").inner_text()
        toast.locator("button").click()
        return text

    def download(self, label, path):
        self.page.click(".menu summary")
        with self.page.expect_download(timeout=PATIENCE_S * 1000) as waiting:
            self.page.click(f".menu-list .entry:has-text('{label}')")
        waiting.value.save_as(path)
        return waiting.value.suggested_filename

"""Songs that are chosen, or loaded again, while the server is at work, in Chromium."""

import io
import threading
from urllib.parse import quote

import numpy as np
import pytest
import soundfile

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.page.tasks import Desk
from tests.mixing.songs import bursts
from tests.page.songs import ready

pytestmark = pytest.mark.slow


class Gate:
    """Work that goes on when it is let through."""

    def __init__(self, work):
        self.work, self.begun, self.go = work, [], threading.Event()

    def __call__(self, song, *options):
        *_, tell = options
        self.begun.append(song.name)
        tell("At the gate", 0.5)
        assert self.go.wait(120)
        return self.work(song, *options)


@pytest.fixture
def gate(desk, monkeypatch):
    """A gate before a kind of work."""
    made = []

    def before(kind):
        work = getattr(Desk, kind)
        gate = Gate(work.__get__(desk))
        monkeypatch.setattr(Desk, kind, lambda _, *options: gate(*options))
        made.append(gate)
        return gate

    yield before
    for gate in made:
        gate.go.set()


@pytest.mark.parametrize("chosen", [0, 1])
def test_a_song_is_opened_once_after_the_work_on_another_or_on_itself(songs, gate, chosen):
    opening, first, wanted = gate("open"), songs.names[0], songs.names[chosen]
    songs.start(first, "open")
    page = songs.page(wanted)
    page.locator(".work:has-text('At the gate')").wait_for()
    opening.go.set()
    ready(page)
    assert page.evaluate("diffmst.song") == wanted
    assert opening.begun == songs.names[: chosen + 1]


def test_a_song_that_is_chosen_twice_while_it_waits_is_opened_once(songs, gate):
    opening, (first, second) = gate("open"), songs.names
    songs.start(first, "open")
    page = songs.page(second)
    for name in (first, second):
        page.locator(".work:has-text('At the gate')").wait_for()
        page.locator(".songs").select_option(name)
    opening.go.set()
    page.locator("body:not(.busy)").wait_for()
    ready(page)
    assert opening.begun == [first, second]


def test_back_and_forward_go_from_song_to_song(songs):
    first, second = songs.names
    page = songs.page(first)
    ready(page)
    page.locator(".songs").select_option(second)
    page.locator(f".songs option:checked[value='{second}']").wait_for(state="attached")
    for turn, name in ((page.go_back, first), (page.go_forward, second)):
        turn()
        page.locator(f".songs option:checked[value='{name}']").wait_for(state="attached")
        ready(page)
        assert page.evaluate("diffmst.song") == name
    page.evaluate("() => { location.hash = '#50%'; }")  # no song's, and no URI
    page.locator(f".songs option:checked[value='{first}']").wait_for(state="attached")


def test_the_desk_of_a_song_that_was_left_while_it_is_mixed_takes_no_changes(songs, gate):
    (first, second), mixing = songs.names, gate("mix")
    mixing.work = lambda *_: None
    pages = [songs.page(name) for name in (second, first)]  # both are open from here on
    for page in pages:
        ready(page)
    page = pages[1]
    page.evaluate("() => { diffmst.work.mix({}); }")
    page.locator(".work:has-text('At the gate')").wait_for()
    for name, held in ((second, False), (first, True)):
        page.evaluate("(name) => diffmst.open(name)", name)
        assert page.evaluate("[diffmst.song, diffmst.store.held]") == [name, held]
        pan = page.evaluate("""() => {
          diffmst.store.edit((state) => { state.console.tracks[0].pan = 0.25; });
          return diffmst.store.state.console.tracks[0].pan;
        }""")
        assert (pan == 0.25) is not held
    mixing.go.set()
    ready(page)


def test_a_song_that_got_another_track_elsewhere_plays_on(songs):
    name = songs.names[0]
    page = songs.page(name)
    ready(page)
    length = page.evaluate("diffmst.listening.lengthOf('mix')")
    songs.add(name, "pad.wav")
    page.evaluate("diffmst.takeMeasurements()")
    page.wait_for_function("() => diffmst.listening.report")
    page.evaluate("diffmst.listening.seek(0.5)")
    assert page.evaluate("diffmst.listening.lengthOf('mix')") == length > 0
    assert page.evaluate("diffmst.listening.report.place") == 22050


def test_the_playhead_stays_where_it_was_put_while_a_report_is_under_way(songs):
    page = songs.page(songs.names[0])
    ready(page)
    page.wait_for_function("() => diffmst.listening.report")
    strayed = page.evaluate("""async () => {
      const { listening } = diffmst;
      let sought = null;
      const strayed = [];
      diffmst.engine.onReport(({ place }) => {
        if (sought !== null && place !== sought) strayed.push([sought, place]);
      });
      for (let turn = 1; turn <= 40; turn++) {
        listening.seek(turn / 100);
        sought = listening.report.place;
        await new Promise((done) => setTimeout(done, 5 + turn));
      }
      return strayed;
    }""")
    assert strayed == []


def test_a_page_says_that_what_it_plays_was_changed_elsewhere(songs):
    name = songs.names[0]
    page = songs.page(name)
    ready(page)
    page.wait_for_function("() => diffmst.listening.report")
    songs.add(name, "pad.wav")
    other = songs.page(name)
    ready(other)  # it has read the song anew
    page.evaluate("""() => {
      const { engine } = diffmst;
      engine.waiting.push({ source: "song", index: 0, generation: engine.generation });
      engine.feed();
    }""")
    said = page.locator(".toast.error")
    said.wait_for()
    assert f"{name} was changed elsewhere; load the page again" in said.inner_text()


@pytest.mark.parametrize("answers", [True, False])
def test_blocks_that_do_not_come_are_not_asked_for_without_end(songs, answers):
    page, asked = songs.empty_page(), []

    def refuse(route):
        asked.append(route.request.url)
        if answers:
            route.fulfill(status=404, json={"error": "It is gone"})
        else:
            route.abort()

    page.route("**/audio/song/**", refuse)
    page.goto(f"{songs.address}/#{quote(songs.names[0])}")
    page.locator("body.ready:not(.busy) .rack .strip").first.wait_for()
    page.wait_for_function("() => diffmst.listening.report")
    page.evaluate("() => { diffmst.listening.togglePlay(); }")
    page.wait_for_function("() => diffmst.listening.report.starved")
    page.wait_for_timeout(2500)
    blocks = len(set(asked))
    assert blocks > 0
    if answers:
        assert len(asked) == blocks
        assert "It is gone" in page.locator(".toast.error").inner_text()
    else:
        assert blocks < len(asked) <= 5 * blocks  # about once a second


def test_a_file_of_which_one_channel_is_silent_is_not_left_out(songs):
    name, clap = songs.names[0], bursts(1.5, 3.0, 7)
    for file, channels in (("half.wav", [clap[0], 0 * clap[0]]), ("silence.wav", 0 * clap)):
        written = io.BytesIO()
        soundfile.write(written, np.asarray(channels).T, SAMPLE_RATE, format="wav")
        songs.call(f"/{name}/tracks?name={file}", written.getvalue())
    page = songs.page(name)
    page.locator(".zone-text", has_text="3 files, 1 left out").wait_for()
    remarks = page.locator("li:has-text('.wav') small").all_text_contents()
    assert remarks[::2] == ["channel 2 is silent", "left out: it is silent"]

"""Answers of the server that come after another song was chosen, in Chromium."""

from contextlib import contextmanager
from urllib.parse import quote

import pytest

from tests.page.songs import ready

pytestmark = pytest.mark.slow


class Late:
    """Requests that wait until they are let through."""

    def __init__(self, page):
        self.page, self.routes = page, []

    def reached(self, count=1):
        for _ in range(2000):
            if len(self.routes) >= count:
                return
            self.page.wait_for_timeout(10)
        raise AssertionError(f"{len(self.routes)} of {count} requests")

    def let_through(self):
        self.routes.pop(0).continue_()

    def answer(self, index):
        self.routes.pop(index).fulfill(json={})


@contextmanager
def late(page, path, method="GET"):
    """Within, requests for an address wait."""
    held = Late(page)

    def is_meant(address):
        return address.endswith(quote(path, safe="/()"))

    def hold(route):
        if route.request.method == method:
            held.routes.append(route)
        else:
            route.fallback()

    page.route(is_meant, hold)
    yield held
    page.unroute(is_meant, hold)
    while held.routes:
        held.let_through()


def begin(page, work):
    """Begin what answers are waited for in."""
    page.evaluate(f"() => {{ window.over = false; {work}.then(() => {{ window.over = true; }}); }}")


def ended(page):
    page.wait_for_function("() => window.over")


def choose(page, name):
    page.evaluate("(name) => { diffmst.open(name); }", name)


def on_the_desk(page, name):
    page.wait_for_function("(name) => diffmst.details?.name === name", arg=name)
    ready(page)


@pytest.fixture
def page(songs):
    """A page with the first song on the desk, of two tracks; the second, of one, is open too."""
    first, second = songs.names
    songs.add(first, "pad.wav")
    page = songs.page(second)
    ready(page)
    choose(page, first)
    on_the_desk(page, first)
    yield page
    ready(page)


def shown(page):
    return page.evaluate("[diffmst.song, diffmst.details.name, diffmst.details.tracks.length]")


def test_measurements_of_a_song_that_was_left_are_not_taken_for_the_next_ones(songs, page):
    first, second = songs.names
    with late(page, f"/api/songs/{first}") as held:
        begin(page, "diffmst.takeMeasurements()")
        held.reached()
        choose(page, second)
        on_the_desk(page, second)
        held.let_through()
        ended(page)
    assert shown(page) == [second, second, 1]


def test_what_is_said_of_a_song_is_not_taken_for_the_one_chosen_after_it(songs, page):
    first, second = songs.names
    choose(page, second)
    on_the_desk(page, second)
    with late(page, f"/api/songs/{first}") as held:
        begin(page, f"diffmst.open('{first}')")
        held.reached()
        choose(page, second)
        on_the_desk(page, second)
        with late(page, f"/api/songs/{second}"):
            held.let_through()
            ended(page)
            assert shown(page) == [second, second, 1]


REVERB = {"band_gain": [0.5] * 12, "band_decay": [0.3] * 12, "mix": 0.4}
SLOW_PLAYER = """() => {
  const { prototype } = AudioWorklet;
  const { addModule } = prototype;
  prototype.addModule = async function (address) {
    await new Promise((go) => { window.fetchPlayer = go; });
    return addModule.call(this, address);
  };
}"""


def slow_page(songs, name):
    """A page with a song whose player is still being fetched."""
    page = songs.empty_page()
    page.add_init_script(f"({SLOW_PLAYER})()")
    page.goto(f"{songs.address}/#{quote(name)}")
    page.wait_for_function("() => window.fetchPlayer")
    return page


def test_what_plays_is_the_song_that_was_chosen_while_the_player_was_fetched(songs, page):
    first, second = songs.names
    slow = slow_page(songs, first)
    choose(slow, second)
    slow.wait_for_function("(name) => diffmst.song === name", arg=second)
    slow.wait_for_timeout(300)
    slow.evaluate("window.fetchPlayer()")
    on_the_desk(slow, second)
    assert slow.evaluate("diffmst.engine.name") == second


def test_the_reverb_is_heard_where_the_player_came_later_than_it(songs, page):
    first, _ = songs.names
    session = songs.call(f"/{first}", None, "GET")
    session["console"]["console"]["reverb"] = True
    for track in session["console"]["tracks"]:
        track["send_db"] = -12.0
    session["console"]["fx_bus"] = {"reverb": REVERB}
    songs.call(f"/{first}/session", session, "PUT")
    slow = slow_page(songs, first)
    slow.wait_for_timeout(500)
    slow.evaluate("window.fetchPlayer()")
    on_the_desk(slow, first)
    slow.wait_for_function("() => diffmst.reverb.key")


def test_a_page_that_is_stopped_before_the_browser_lets_it_sound_is_silent(page):
    page.evaluate("""() => {
      const { engine, listening } = diffmst;
      engine.context.resume = () => new Promise((done) => { window.allow = done; });
      listening.togglePlay();
      listening.togglePlay();
      window.allow();
    }""")
    page.wait_for_timeout(300)  # some reports later
    assert page.evaluate("[diffmst.listening.playing, diffmst.listening.report.playing]") == [
        False,
        False,
    ]


LEVELLING = "() => { diffmst.keeping.levelling = Promise.resolve({ number: 0 }); }"


def test_of_songs_that_are_chosen_quickly_the_last_is_opened(songs, page):
    first, second = songs.names
    page.evaluate(LEVELLING)
    with late(page, "/api/jobs/0", "DELETE") as held:
        choose(page, second)
        begin(page, f"diffmst.open('{first}')")
        held.reached(2)
        held.answer(1)
        ended(page)
        on_the_desk(page, first)
        held.answer(0)
        page.wait_for_timeout(300)
        on_the_desk(page, first)


@pytest.mark.parametrize("act", ["removeTrack('kick.wav')", "removeSong()"])
def test_what_is_removed_is_of_the_song_that_was_shown(songs, page, act):
    first, second = songs.names
    page.on("dialog", lambda dialog: dialog.accept())
    page.evaluate(LEVELLING)
    with late(page, "/api/jobs/0", "DELETE") as held:
        begin(page, f"diffmst.files.{act}")
        held.reached()
        choose(page, second)
        held.reached(2)
        held.answer(1)
        on_the_desk(page, second) if act == "removeSong()" else page.wait_for_timeout(300)
        held.answer(0)
        ended(page)
    on_the_desk(page, second)
    assert songs.tracks(second) == ["kick.wav"]
    if act == "removeSong()":
        songs.names = [second]
        assert page.evaluate("diffmst.songs") == [second]
    else:
        assert songs.tracks(first) == ["pad.wav"]


def test_what_was_changed_just_before_a_song_is_removed_does_not_bring_it_back(songs, page):
    first, second = songs.names
    page.on("dialog", lambda dialog: dialog.accept())
    with late(page, f"/api/songs/{first}/session", "PUT") as held:
        page.evaluate("diffmst.store.edit((state) => { state.console.tracks[0].pan = 0.25; })")
        begin(page, "diffmst.files.removeSong()")
        held.reached()
        page.wait_for_timeout(300)
        held.let_through()
        ended(page)
    on_the_desk(page, second)
    songs.names = [second]
    assert page.evaluate("diffmst.songs") == [second]


def test_what_is_changed_while_a_song_is_left_is_not_lost(songs, page):
    first, second = songs.names
    edit = "diffmst.store.edit((state) => { state.console.tracks[0].pan = %s; })"
    with late(page, f"/api/songs/{first}/session", "PUT") as held:
        page.evaluate(edit % 0.25)
        begin(page, f"diffmst.open('{second}')")
        held.reached()
        page.evaluate(edit % 0.75)
        heard = page.evaluate("diffmst.store.state.console.tracks[0].pan")
        held.let_through()
        ended(page)
    on_the_desk(page, second)
    choose(page, first)
    on_the_desk(page, first)
    assert page.evaluate("diffmst.store.state.console.tracks[0].pan") == heard


def test_the_console_is_downloaded_of_the_song_that_was_shown(songs, page):
    first, second = songs.names
    with late(page, f"/api/songs/{first}/session", "PUT") as held:
        begin(page, "diffmst.work.downloadConsole()")
        held.reached()
        choose(page, second)
        with page.expect_download() as file:
            held.let_through()
            ended(page)
    assert quote(first) + "/files" in file.value.url
    on_the_desk(page, second)


def test_an_amount_whose_answer_came_too_late_is_not_kept_without_what_it_makes(songs, page):
    first, second = songs.names
    page.evaluate("""() => diffmst.store.edit((state) => {
      state.predicted = structuredClone(state.console);
      state.base = structuredClone(state.console);
    })""")
    slider = page.get_by_label("Amount of Level")
    page.wait_for_function("() => !document.querySelector('.amount input').disabled")
    with late(page, f"/api/songs/{first}/amounts", "POST") as held:
        slider.fill("0")
        held.reached()
        choose(page, second)
        on_the_desk(page, second)
        held.let_through()
    choose(page, first)
    on_the_desk(page, first)
    assert page.evaluate("diffmst.store.state.amounts.level") == 1
    assert slider.input_value() == "100"

"""Edits on their way to the server, with the page's own module beside a server that fails."""

import pytest

pytestmark = pytest.mark.slow

DESK = """async () => {
  const { Store } = await import("/static/app/store.js");
  const { Keeping } = await import("/static/app/keeping.js");
  window.sent = [];
  window.told = [];
  window.fetch = async (path, { body }) => {
    if (window.broken) throw new TypeError("no connection");
    window.sent.push([path.split("/")[3], JSON.parse(body).console.pan]);
    return { ok: true, json: async () => ({ revision: window.sent.length }) };
  };
  const app = {
    song: "one", store: new Store(), listening: { playing: true }, work: { busy: false },
    async attempt(action) {
      try { await action(); } catch (error) { window.told.push(error.message); }
    },
  };
  app.keeping = new Keeping(app);
  app.store.load({ console: { pan: 0 } });
  window.desk = app;
  window.turn = (pan) => app.store.edit((state) => { state.console.pan = pan; });
  window.save = () => app.attempt(() => app.keeping.save());
}"""


@pytest.fixture
def page(chromium, address):
    """An empty page with a desk whose server fails while `broken`."""
    page = chromium.new_page()
    page.goto(address)
    page.locator("body.ready").wait_for()
    page.evaluate(DESK)
    yield page
    page.close()


def test_an_edit_that_could_not_be_written_is_written_the_next_time(page):
    page.evaluate("async () => { window.broken = true; turn(1); await save(); await save(); }")
    assert len(page.evaluate("told")) == 2, "nothing goes on without it"
    page.evaluate("async () => { window.broken = false; await save(); await save(); }")
    assert page.evaluate("sent") == [["one", 1]]
    assert len(page.evaluate("told")) == 2


def test_an_edit_while_another_is_written_is_written_too(page):
    page.evaluate(
        "async () => { turn(1); const first = save(); turn(2); await first; await save(); }"
    )
    assert page.evaluate("sent") == [["one", 1], ["one", 2]]
    assert page.evaluate("told") == []


def test_what_could_not_be_written_does_not_trouble_the_next_song(page):
    page.evaluate("""async () => {
      window.broken = true;
      turn(1);
      await save();
      window.broken = false;
      window.desk.keeping.forget();
      window.desk.song = "two";
      window.desk.store.load({ console: { pan: 5 } });
      await save();
    }""")
    assert page.evaluate("sent") == []
    assert len(page.evaluate("told")) == 1


@pytest.mark.parametrize("other", ["work", "measurement"])
def test_loudness_is_measured_again_once_what_was_under_way_is_over(page, other):
    page.evaluate(
        """(other) => {
          window.measured = [];
          window.fetch = async (path) => {
            if (path.endsWith("/jobs")) window.measured.push(window.desk.store.state.console.pan);
            return { ok: true, json: async () => ({ revision: 1, number: 1, state: "done" }) };
          };
          const { desk } = window;
          desk.takeMeasurements = () => new Promise((done) => { window.over = done; });
          desk.listening.playing = false;
          desk.work.busy = other === "work";
          turn(1);
        }""",
        other,
    )
    if other == "measurement":
        page.wait_for_function("() => window.over")
        page.evaluate("turn(2)")
    page.wait_for_timeout(1700)  # it would be measured now
    page.evaluate("() => { window.desk.work.busy = false; window.over?.(); }")
    page.wait_for_function("(pan) => window.measured.at(-1) === pan", arg=1 + (other != "work"))

"""Faders, knobs and handles of the page under pointer, wheel and keys, in Chromium."""

import json

import pytest

from tests.page.mixer import SIZE

pytestmark = pytest.mark.slow

RESET = [
    (".rack .strip .knob-dial", "tracks[0]", "pan", 0.31),
    (".rack .fader-lane", "tracks[0]", "input_gain_db", -3.21),
    (".eq-handle", "tracks[0]", "equalizer[0]", {"gain_db": 1.23, "frequency_hz": 123.0}),
    (".dynamics-knobs .knob-dial", "tracks[0]", "compressor.threshold_db", -12.3),
    (".master .fader-lane", "output", "loudness_lufs", -18.5),
    (".master .knob-dial", "master_bus", "input_fader_db", 1.5),
    (".master .knob-dial >> nth=1", "output", "ceiling_dbtp", -3.2),
]


@pytest.mark.parametrize(
    ("name", "value", "db"),
    [
        (".rack .fader-lane", "state.console.tracks[0].input_gain_db", -70.0),
        (".master .fader-lane", "state.console.output.loudness_lufs", -34.0),
        (".master .knob-dial", "state.console.master_bus.input_fader_db", 30.0),
    ],
)
def test_what_stands_beyond_the_end_of_a_scale_is_moved_from_there(mixer, name, value, db):
    control = mixer.page.locator(name).first
    # Strips count from the mean of the prediction.
    zero = "diffmst.zero - state.console.tracks[0].source_gain_db" if "tracks" in value else "0"
    with mixer.taken_back():
        mixer.ask(f"diffmst.store.edit((state) => {{ {value} = {db} + {zero}; }})")
        start = mixer.ask(f"diffmst.store.{value}")
        further, back = ("ArrowDown", "ArrowUp") if db < 0 else ("ArrowUp", "ArrowDown")
        control.press(further)
        assert mixer.ask(f"diffmst.store.{value}") == pytest.approx(start, abs=0.01)
        control.press(back)
        after_key = mixer.ask(f"diffmst.store.{value}")
        assert 0 < abs(after_key - start) < 2
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mixer.page.mouse.move(x, y)
        mixer.page.mouse.down()
        mixer.page.mouse.move(x, y + (-2 if db < 0 else 2))
        mixer.page.mouse.up()
        after_drag = mixer.ask(f"diffmst.store.{value}")
        assert 0 < abs(after_drag - after_key) < 2
        control.press("Home" if db < 0 else "End")
        assert mixer.ask(f"diffmst.store.{value}") == pytest.approx(after_drag, abs=0.01)


def test_scrolling_over_the_desk_moves_nothing_but_what_is_in_focus(mixer):
    value = "diffmst.store.state.console.tracks[0].input_gain_db"
    fader = mixer.page.locator(".rack .fader-lane").first
    mixer.page.locator(".play").focus()
    with mixer.taken_back():
        before = mixer.ask(value)
        fader.hover()
        mixer.page.mouse.wheel(0, 100)
        mixer.until("scrollY > 0")
        assert mixer.ask(value) == before
        mixer.ask("scrollTo(0, 0)")
        fader.focus()
        fader.hover()
        mixer.page.mouse.wheel(0, 100)
        mixer.until(f"{value} < {before}")


def test_how_far_the_work_is_covers_nothing(mixer):
    bottom = "document.querySelector('.top').getBoundingClientRect().bottom"
    before = mixer.ask(bottom)
    mixer.ask("diffmst.header.showJob({ stage: 'Mixing '.repeat(40), fraction: 0.5 })")
    assert mixer.ask(bottom) == before
    shown = "[...document.querySelectorAll('.work, .work *')].map((e) => e.getBoundingClientRect())"
    boxes = mixer.ask(f"{shown}.map(({{ left, right, bottom }}) => [left, right, bottom])")
    assert all(0 <= left <= right <= SIZE["width"] for left, right, _ in boxes)
    assert max(low for *_, low in boxes) <= before + 1
    mixer.ask("diffmst.header.showJob(null)")


def test_several_turns_of_the_wheel_are_undone_at_once_and_right_away(mixer):
    value = "diffmst.store.state.console.tracks[0].input_gain_db"
    fader = mixer.page.locator(".rack .fader-lane").first
    fader.hover()
    fader.focus()
    before, steps = mixer.ask(value), mixer.ask("diffmst.store.past.length")
    for _ in range(3):
        now = mixer.ask(value)
        mixer.page.mouse.wheel(0, 100)
        mixer.until(f"{value} < {now}")
    assert mixer.ask("diffmst.store.past.length") == steps + 1
    mixer.page.keyboard.press("Control+z")
    assert mixer.ask(value) == before


@pytest.mark.parametrize("way", ["dblclick", "Delete"])
def test_everything_goes_back_to_what_the_model_set(mixer, way):
    mixer.page.locator(".rack .strip-head").first.click()
    for name, part, entry, value in RESET:
        place = f"{part}.{entry}"
        # A prediction that is neutral nowhere, and a console that is not at it.
        now, base = f"state.console.{place}", f"state.base.{place}"
        put = f"{{ ...{now}, ...{json.dumps(value)} }}" if isinstance(value, dict) else value
        with mixer.taken_back():
            mixer.ask(f"diffmst.store.edit((state) => {{ {base} = {put}; }})")
            wanted = mixer.ask(f"diffmst.store.{base}")
            assert mixer.ask(f"diffmst.store.{now}") != wanted
            control = mixer.page.locator(name).first
            control.dblclick() if way == "dblclick" else control.press(way)
            assert mixer.ask(f"diffmst.store.{now}") == pytest.approx(wanted, abs=1e-3), place


def test_space_plays_after_a_click_and_presses_what_the_keyboard_went_to(mixer):
    muted = "diffmst.store.state.console.tracks[0].muted"
    mute = mixer.page.locator(".rack .mute").first
    with mixer.taken_back():
        mute.click()
        for plays in ("true", "false"):
            mixer.page.keyboard.press(" ")
            mixer.until(f"diffmst.listening.playing === {plays}")
            assert mixer.ask(muted)
        mixer.page.locator(".rack .solo").first.focus()
        mixer.page.keyboard.press("Shift+Tab")
        mixer.page.keyboard.press(" ")
        assert not mixer.ask(muted)
        assert not mixer.ask("diffmst.listening.playing")


def test_an_equalizer_handle_is_dragged_and_turned_by_wheel_and_keys(mixer):
    mixer.page.locator(".rack .strip-head").nth(1).click()
    handle = mixer.page.locator(".eq-handle").nth(2)
    handle.scroll_into_view_if_needed()
    before = mixer.track(1)["equalizer"][2]
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mixer.page.mouse.move(x, y)
    mixer.page.mouse.down()
    mixer.page.mouse.move(x + 20, y - 40, steps=4)
    mixer.page.mouse.up()
    dragged = mixer.track(1)["equalizer"][2]
    assert dragged["gain_db"] > before["gain_db"] + 1
    assert dragged["frequency_hz"] > before["frequency_hz"]
    mixer.page.mouse.wheel(0, -100)
    mixer.until(
        f"diffmst.store.state.console.tracks[1].equalizer[2].q_factor > {dragged['q_factor']}"
    )
    handle.press("ArrowUp")
    gain = mixer.track(1)["equalizer"][2]["gain_db"]
    assert gain == pytest.approx(min(dragged["gain_db"] + 0.5, 12.0), abs=0.01)


@pytest.mark.parametrize(
    ("label", "given", "key"),
    [("Gain dB", "99", "gain_db"), ("Frequency Hz", "", "frequency_hz"), ("Q", "0", "q_factor")],
)
def test_a_number_that_is_typed_becomes_the_one_that_is_set(mixer, label, given, key):
    mixer.page.locator(".rack .strip-head").nth(1).click()
    mixer.page.locator(".eq-handle").nth(2).focus()
    field = mixer.page.get_by_label(label, exact=True)
    with mixer.taken_back():
        field.fill(given)
        field.press("Enter")
        mixer.drawn()
        shown = field.input_value()
        assert shown != given
        assert float(shown) == pytest.approx(mixer.track(1)["equalizer"][2][key], abs=0.5)


@pytest.mark.parametrize("width", [390, 1400])
def test_everything_has_a_name_and_nothing_is_wider_than_the_screen(mixer, width):
    mixer.page.set_viewport_size({"width": width, "height": 900})
    nameless = mixer.ask(
        """[...document.querySelectorAll('button, input, select, [role=slider]')]
        .filter((e) => !e.closest('[hidden]') && e.type !== 'file' && !e.textContent.trim() &&
          !e.getAttribute('aria-label') && !e.closest('label'))
        .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    unspoken = mixer.ask(
        """[...document.querySelectorAll('[role=slider]:not(input)')]
        .filter((e) => !e.closest('[hidden]') && !e.getAttribute('aria-valuetext'))
        .map((e) => e.outerHTML)"""
    )
    assert unspoken == []
    assert mixer.ask("document.documentElement.scrollWidth") <= width
    mixer.page.set_viewport_size(SIZE)


CONTRAST = """(element) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  const paint = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].map((x) => (x / 255) ** 2.2);
    return 0.05 + 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const layers = [];
  for (let one = element; one; one = one.parentElement) layers.push(getComputedStyle(one));
  const ground = layers.reverse().map((style) => paint(style.backgroundColor)).at(-1);
  const text = paint(getComputedStyle(element).color);
  return Math.max(text, ground) / Math.min(text, ground);
}"""
READ = [".fader-tick", ".master .fader-tick", ".eq-hz", ".choice kbd", ".limiting", ".toast.error"]
READ += [".silent .strip-name", ".mute[aria-pressed=true]", ".lock[aria-pressed=true]"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_on_the_desk_can_be_read(mixer, scheme):
    mixer.page.emulate_media(color_scheme=scheme)
    mixer.ask("diffmst.complain('What went wrong')")
    with mixer.taken_back():
        for name in (".mute", ".lock"):
            mixer.page.locator(f".rack .strip {name}").first.click()
        mixer.page.locator(".silent").wait_for()
        read = {name: mixer.page.locator(name).first.evaluate(CONTRAST) for name in READ}
    assert mixer.complaint() == "What went wrong"
    mixer.page.emulate_media(color_scheme="light")
    assert {name: ratio for name, ratio in read.items() if ratio < 4.5} == {}


def test_a_finger_taken_away_over_the_outline_loops_nothing(mixer):
    box = mixer.page.locator(".wave").bounding_box()
    y = box["y"] + box["height"] / 2
    mixer.page.mouse.move(box["x"] + 10, y)
    mixer.page.mouse.down()
    mixer.ask("document.querySelector('.wave').dispatchEvent(new PointerEvent('pointercancel'))")
    mixer.page.mouse.move(box["x"] + box["width"] - 10, y)
    mixer.page.mouse.up()
    assert mixer.ask("diffmst.listening.loop") is None

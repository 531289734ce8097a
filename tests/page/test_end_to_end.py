"""The page as people use it, in Chromium: from an empty desk with real files to a download."""

import json

import numpy as np
import pytest

from diffmst_jax.api import render
from diffmst_jax.audio import SAMPLE_RATE, read_audio
from diffmst_jax.mixing.signals.measure import decibels, integrated_loudness, true_peak
from tests.page.mixer import LOOP_S, Mixer, complaints

pytestmark = pytest.mark.slow

STEP_24_BIT = 2.0**-23

SLOW_WRITING = """() => {
  window.quickly = window.fetch;
  window.fetch = async (path, options) => {
    if (options?.method === "PUT") await new Promise((resolve) => setTimeout(resolve, 1500));
    return window.quickly(path, options);
  };
}"""


@pytest.fixture
def playing(mixer):
    """The page while it plays in a loop."""
    mixer.ask(f"diffmst.listening.setLoop([0, {LOOP_S}])")
    mixer.page.locator("body").press(" ")
    mixer.until("diffmst.listening.playing && diffmst.listening.report?.place > 4410")
    yield mixer
    mixer.ask("diffmst.listening.playing && diffmst.listening.togglePlay()")


def test_a_fader_is_heard_at_once_and_undone(playing):
    fader = playing.page.locator(".strip .fader-lane").first
    before, gain_before = playing.level_db(), playing.track()["input_gain_db"]
    fader.focus()
    for _ in range(3):
        playing.page.keyboard.press("PageDown")
    gain_after = playing.track()["input_gain_db"]
    assert gain_after < gain_before - 3
    # The compressor after the fader may take some of the change back, never add to it.
    fell = before - playing.level_db()
    assert 1.0 < fell < gain_before - gain_after + 0.5
    playing.page.keyboard.press("Control+z")
    playing.until(f"diffmst.store.state.console.tracks[0].input_gain_db === {gain_before}")
    assert playing.level_db() == pytest.approx(before, abs=0.5)
    playing.page.keyboard.press("Control+Shift+z")
    assert playing.track()["input_gain_db"] == gain_after
    playing.page.keyboard.press("Control+z")


def test_mute_and_solo_are_heard(playing):
    strips = playing.page.locator(".rack .strip")
    strips.nth(0).locator(".mute").click()
    playing.until("diffmst.store.state.console.tracks[0].muted")
    assert playing.level_db() < -90
    strips.nth(0).locator(".mute").click()
    strips.nth(1).locator(".solo").click()
    playing.until("diffmst.listening.solo.has(1)")
    assert playing.level_db(0) < -90 < playing.level_db(1)
    strips.nth(1).locator(".solo").click()


def test_amounts_take_the_prediction_back_and_edits_stay_on_top(mixer):
    predicted = mixer.ask("diffmst.store.state.base.tracks[0].pan")
    mixer.ask("diffmst.store.edit((state) => { state.console.tracks[1].pan = 0.9; })")
    by_hand = 0.9 - mixer.ask("diffmst.store.state.base.tracks[1].pan")
    slider = mixer.page.locator("input[aria-label='Amount of Pan']")
    slider.fill("0")
    mixer.until("diffmst.store.state.base.tracks[0].pan === 0.5 && !diffmst.store.open")
    assert mixer.track(0)["pan"] == 0.5 != predicted
    assert mixer.track(1)["pan"] == pytest.approx(np.clip(0.5 + by_hand, 0, 1), abs=1e-3)
    assert mixer.ask("diffmst.store.state.console.made_with.amount") == "pan=0"
    mixer.page.locator("body").press("Control+z")
    assert mixer.track(0)["pan"] == predicted
    assert mixer.ask("diffmst.store.state.amounts.pan") == 1


def test_a_change_by_hand_that_an_amount_takes_beyond_a_range_comes_back_with_it(mixer):
    """At no amount of pan, what is by hand would be right of hard right."""
    slider = mixer.page.locator("input[aria-label='Amount of Pan']")
    with mixer.taken_back():
        mixer.ask("""diffmst.store.edit((state) => {
          for (const console of [state.base, state.predicted]) console.tracks[0].pan = 0.1;
          state.console.tracks[0].pan = 0.95;
        })""")
        for amount, pan in (("0", 1.0), ("50", 1.0), ("100", 0.95)):
            slider.fill(amount)
            mixer.until(
                f"diffmst.store.state.amounts.pan === {int(amount) / 100} && !diffmst.store.open"
            )
            assert mixer.track(0)["pan"] == pytest.approx(pan, abs=1e-3)
        mixer.page.locator(".rack .knob-dial").first.press("Home")
        slider.fill("0")
        mixer.until("diffmst.store.state.amounts.pan === 0 && !diffmst.store.open")
        assert mixer.track(0)["pan"] == pytest.approx(0.4, abs=1e-3)


FAR_TOO_LOUD_A_RECORDING = """diffmst.store.edit((state) => {
  for (const console of [state.console, state.base, state.predicted]) {
    Object.assign(console.tracks[0], { source_gain_db: -90, input_gain_db: 40 });
  }
  const { file, channels } = state.console.tracks[1];
  state.locked = [[file, channels]];
})"""


def test_a_locked_track_keeps_its_place_where_amounts_move_all_levels(mixer):
    """As recorded, the loud track would be over the end of its fader: all must be lower."""
    strip_level = mixer.page.locator(".rack .strip-level").nth(1)
    with mixer.taken_back():
        mixer.ask(FAR_TOO_LOUD_A_RECORDING)
        mixer.drawn()
        text, zero, before = strip_level.inner_text(), mixer.ask("diffmst.zero"), mixer.track(1)
        mixer.page.locator("input[aria-label='Amount of Level']").fill("0")
        mixer.until(
            "diffmst.store.state.base.tracks[0].input_gain_db === 48 && !diffmst.store.open"
        )
        mixer.drawn()
        step = mixer.ask("diffmst.zero") - zero
        assert step < -1
        moved = mixer.track(1)["input_gain_db"] - before["input_gain_db"]
        assert moved == pytest.approx(step, abs=1e-3)
        assert strip_level.inner_text() == text


MIX_AGAIN = """diffmst.store.edit((state) => {
  for (const console of [state.console, state.base, state.predicted]) {
    console.tracks[0].pan = 0.9;
    for (const track of console.tracks) track.input_gain_db -= 3;
  }
})"""


def test_a_mix_that_was_undone_does_not_come_back_with_the_amounts(mixer):
    mixer.drawn()
    before = mixer.track(0)
    text = mixer.page.locator(".rack .strip-level").first.inner_text()
    mixer.ask(MIX_AGAIN)
    mixer.page.locator("body").press("Control+z")
    mixer.page.locator("input[aria-label='Amount of EQ']").fill("0")
    mixer.until("diffmst.store.state.amounts.eq === 0 && !diffmst.store.open")
    assert mixer.track(0)["pan"] == before["pan"] != 0.9
    assert mixer.track(0)["input_gain_db"] == pytest.approx(before["input_gain_db"], abs=1e-3)
    mixer.page.locator("body").press("Control+z")
    mixer.drawn()
    assert mixer.track(0) == before
    assert mixer.page.locator(".rack .strip-level").first.inner_text() == text


def test_what_is_heard_changes_at_one_loudness(playing):
    for key, name in (("2", "raw"), ("3", "reference"), ("1", "mix")):
        playing.page.keyboard.press(key)
        playing.until(f"diffmst.listening.report.choice === '{name}'")
        playing.until("Math.max(...diffmst.listening.report.master.peaks) > -40")


def test_the_download_is_what_diffmst_render_gives(mixer, song_files, tmp_path):
    # Slow writing: what is asked for while an edit is still being written must wait for it.
    mixer.ask(SLOW_WRITING)
    mixer.ask("diffmst.store.edit((state) => { state.console.tracks[0].input_gain_db -= 2; })")
    mixer.page.wait_for_timeout(400)
    expected = mixer.ask("diffmst.store.state.console")
    assert mixer.download("Mix, WAV", tmp_path / "mix.wav").endswith(".wav")
    mixer.ask("() => { window.fetch = window.quickly; }")
    assert mixer.download("console.json", tmp_path / "console.json") == "console.json"
    assert json.loads((tmp_path / "console.json").read_text()) == expected
    tracks = [song_files / name for name in ("1 beat.wav", "2 bass.flac", "3 pad.wav")]
    rendered = render(tracks, tmp_path / "console.json").audio
    assert np.max(np.abs(read_audio(tmp_path / "mix.wav") - rendered)) < 2 * STEP_24_BIT


def test_the_report_opens_in_its_sandbox(mixer, chromium):
    page = chromium.new_page()
    errors = complaints(page)
    page.goto(mixer.ask("new URL(diffmst.work.reportAddress(), location).href"))
    page.locator(".play").click()
    page.wait_for_function("() => document.querySelector('.wave').ariaValueNow > 0")
    assert "reference" in page.locator(".verdict").inner_text()
    assert errors == []
    page.close()


def test_all_of_it_survives_a_reload(mixer, address, chromium):
    mixer.ask("diffmst.keeping.save()")
    kept = mixer.ask("diffmst.store.state")
    again = Mixer(chromium, address)
    assert again.ask("diffmst.store.state") == kept
    assert again.errors == []
    again.page.close()


def test_a_wrong_file_is_answered_with_one_line(mixer, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    # The browser itself logs refused requests as errors; these are the ones asked for here.
    known = list(mixer.errors)
    mixer.page.set_input_files("input[data-role=tracks]", str(tmp_path / "text.wav"))
    assert "text.wav: is no audio that can be read" in mixer.complaint()
    mixer.idle()
    assert all("400" in error for error in mixer.errors[len(known) :])
    mixer.errors[:] = known


def test_loudness_and_ceiling_are_set_heard_and_met(playing, tmp_path):
    gain = "JSON.parse(diffmst.listening.sentLevels).mix"
    with playing.taken_back():
        playing.ask("diffmst.store.edit((state) => { state.console.output.loudness_lufs = -8; })")
        ceiling = playing.page.locator(".master .knob-dial").nth(1)
        for _ in range(4):
            ceiling.press("PageDown")
        output = playing.ask("diffmst.store.state.console.output")
        assert output == {"loudness_lufs": -8, "ceiling_dbtp": -9.0}
        playing.until(
            "document.querySelectorAll('.master .knob-dial')[1].ariaValueText === '\u22129.0 dBTP'"
        )
        assert playing.peak_db() < -8.8
        heard = playing.ask(gain)
        playing.ask("diffmst.keeping.level({ whilePlaying: true })")
        playing.until("diffmst.keeping.isLevel")
        assert playing.ask(gain) == pytest.approx(heard, abs=0.05), "the rendering's gain"
        reached = playing.ask("diffmst.details.output.loudness_lufs")
        assert reached < -8.5, "peaks may be turned down so far and no further"
        reading = f"only \u2212{-reached:.1f}"
        playing.until(f"document.querySelector('.master .strip-level').innerText === '{reading}'")
        playing.download("Mix, WAV", tmp_path / "mix.wav")
        mix = read_audio(tmp_path / "mix.wav")
        assert decibels(true_peak(mix)) == pytest.approx(-9.0, abs=0.05)
        assert integrated_loudness(mix, sample_rate=SAMPLE_RATE) == pytest.approx(reached, abs=0.05)


def test_what_is_said_again_is_shown_once(mixer):
    mixer.ask("() => { for (const it of 'aba') diffmst.complain(new Error(it)); }")
    assert mixer.page.locator(".toast").all_inner_texts() == ["b", "a"]
    for _ in range(2):
        mixer.page.locator(".toast button").first.click()


def test_a_page_that_another_overtook_gives_nothing_else_than_it_plays(mixer, address, chromium):
    stale = Mixer(chromium, address)
    with mixer.taken_back():
        mixer.ask("diffmst.store.edit((state) => { state.console.tracks[0].pan = 0.3; })")
        mixer.ask("diffmst.keeping.save()")
        stale.page.click(".menu summary")
        stale.page.click(".menu-list .entry:has-text('console.json')")
        assert "was changed elsewhere; load the page again" in stale.complaint()
        stale.ask("diffmst.store.edit((state) => { state.console.tracks[1].pan = 0.7; })")
        assert "was changed elsewhere" in stale.complaint()
        stale.page.reload()
        stale.until("document.body.classList.contains('ready')")
        assert stale.ask("diffmst.store.state") == mixer.ask("diffmst.store.state")
    stale.page.close()

"""Files dropped on the page, long work on it, and sessions that come out, in Chromium."""

import shutil
import time
import zipfile

import numpy as np
import pytest
import soundfile

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.export import export_session
from diffmst_jax.page import orders
from tests.mixing.songs import SONG_S, bursts, tone
from tests.page.mixer import PATIENCE_S, Mixer

pytestmark = pytest.mark.slow

MIX, CANCEL, REFINE = "button.primary", ".work button", "label:has-text('Refine') input"
FEW_STEPS = 3

SLOW_READING = """() => {
  window.quickly = window.fetch;
  window.fetch = async (path, options) => {
    if (!options?.method && path.startsWith("/api/songs/")) {
      await new Promise((resolve) => { window.reading = resolve; });
    }
    return window.quickly(path, options);
  };
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A song as a folder with a folder in it, and what else lies in such folders."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("My band/Drums", "My band/Strings/Close", "My band/mixed", "Late"):
        (folder / name).mkdir(parents=True)
    pad = np.concatenate([tone(SONG_S, 440.0), tone(SONG_S, 443.0, 0.1)])
    mix = 0.4 * np.concatenate([bursts(2.5, 2.0, 3) + tone(2.5, 80.0), bursts(2.5, 4.0, 4)])
    for name, audio, rate in (
        ("My band/Drums/beat.wav", bursts(SONG_S, 4.0, 1), SAMPLE_RATE),
        ("My band/bass.flac", tone(SONG_S - 0.2, 110.0, 0.3), SAMPLE_RATE),
        ("My band/Strings/Close/pad.wav", pad, 48000),
        ("My band/mixed/mix.wav", mix, SAMPLE_RATE),
        ("Late/clap.wav", bursts(1.5, 3.0, 7), SAMPLE_RATE),
        ("liked.flac", mix, SAMPLE_RATE),
    ):
        soundfile.write(folder / name, audio.T, rate)
    for name in (
        "My band/notes.txt",
        "My band/.bass.flac.partial.flac",
        "My band/mixed/console.json",
        "words.txt",
    ):
        (folder / name).write_text("no audio")
    return folder


@pytest.fixture(scope="module")
def mixer(chromium, address, files):
    """The page with a song and a reference that were dropped on it, mixed."""
    mixer = Mixer(chromium, address)
    mixer.drop("header.top", files / "My band")
    mixer.idle("diffmst.store.state")
    mixer.drop(".zone.reference", files / "liked.flac")
    mixer.idle("diffmst.overview.reference")
    mixer.page.click(MIX)
    mixer.idle("diffmst.store.state.predicted")
    yield mixer
    assert mixer.errors == []
    mixer.page.close()


def names(mixer):
    return mixer.ask("diffmst.store.state.console.tracks.map((track) => track.file)")


GROUPED = ["bass.flac", "Drums/beat.wav", "Strings - Close/pad.wav"]


def test_a_dropped_folder_is_a_song_and_folders_in_it_are_groups(mixer):
    assert mixer.ask("diffmst.song") == "My band"
    assert names(mixer) == GROUPED
    assert mixer.page.locator(".zone.reference .zone-text").inner_text() == "liked.flac"


@pytest.mark.parametrize(
    ("given", "name"), [("Late/clap.wav", "clap.wav"), ("Late", "Late/clap.wav")]
)
def test_what_is_dropped_later_joins_the_tracks_and_leaves_again(mixer, files, given, name):
    before = names(mixer)
    mixer.drop(".zone.tracks", files / given)
    mixer.idle(f"diffmst.store.state.console.tracks.length === {len(before) + 1}")
    assert set(names(mixer)) == {*before, name}
    mixer.page.click(".zone.tracks summary")
    mixer.page.click(f"button[aria-label='Remove {name}']")
    mixer.idle(f"diffmst.store.state.console.tracks.length === {len(before)}")
    mixer.page.click(".zone.tracks summary")
    assert names(mixer) == before


def test_what_is_chosen_and_heard_alone_stays_so_where_tracks_come_and_go(mixer, files):
    mixer.page.click("[aria-label='Solo Drums/beat']")
    mixer.page.locator(".rack .strip-head").nth(2).click()
    mixer.drawn()
    state = """[...document.querySelectorAll('.rack .strip.chosen, .rack .strip:not(.silent)')]
        .map((strip) => strip.getAttribute('aria-label'))"""
    assert mixer.ask(state) == ["Drums/beat", "Strings - Close/pad"]
    mixer.drop(".zone.tracks", files / "Late/clap.wav")
    mixer.idle("diffmst.store.state.console.tracks.length === 4")
    mixer.drawn()
    assert names(mixer)[1] == "clap.wav"  # before both of them
    assert mixer.ask(state) == ["Drums/beat", "Strings - Close/pad"]
    assert mixer.page.locator(".channel h2").inner_text() == "Strings - Close/pad"
    mixer.page.click("[aria-label='Solo clap']")
    mixer.page.click(".zone.tracks summary")
    mixer.page.click("button[aria-label='Remove clap.wav']")
    mixer.idle("diffmst.store.state.console.tracks.length === 3")
    mixer.page.click(".zone.tracks summary")
    mixer.drawn()
    assert mixer.ask("[...diffmst.listening.solo]") == [1]
    mixer.page.click("[aria-label='Solo Drums/beat']")


def test_a_recording_in_a_folder_of_ones_own_is_not_deleted_without_being_asked(mixer):
    asked = []

    def refuse(dialog):
        asked.append(dialog.message)
        dialog.dismiss()

    mixer.ask("diffmst.details.is_made_here = false")
    mixer.page.click(".zone.tracks summary")
    for what in ("bass.flac", "this song"):
        mixer.page.once("dialog", refuse)
        mixer.page.click(f"button[aria-label='Remove {what}']")
    mixer.page.click(".zone.tracks summary")
    assert [text.split("?")[0] for text in asked] == [
        "Delete bass.flac from the folder My band itself",
        "Remove all that was made of My band",
    ]
    mixer.ask("diffmst.refresh()")
    assert names(mixer) == GROUPED
    assert mixer.ask("diffmst.details.is_made_here")


def test_a_chosen_folder_keeps_its_groups_too(mixer, files):
    with mixer.page.expect_file_chooser() as chooser:
        mixer.page.click(".zone.tracks .choose button:has-text('Folder')")
    mixer.ask("() => { diffmst.files.give = (role, found) => { window.given = [role, found]; }; }")
    chooser.value.set_files(files / "My band")
    mixer.until("window.given")
    found = mixer.ask(
        "window.given[1].map(({ file, folders }) => [...folders, file.name].join('/'))"
    )
    mixer.ask("() => { delete diffmst.files.give; }")
    expected = ["bass.flac", "Drums/beat.wav", "Strings/Close/pad.wav"]
    assert sorted(found) == sorted(f"My band/{name}" for name in expected)


def test_what_is_no_audio_is_refused_where_it_is_dropped(mixer, files):
    for place in (".zone.tracks", ".zone.reference", "header.top"):
        mixer.drop(place, files / "words.txt")
        assert "words.txt is no audio file; give .wav" in mixer.complaint()
    mixer.drop(".zone.reference", files / "My band")
    assert "3 audio files were given; the reference is one finished mix" in mixer.complaint()
    assert mixer.page.locator(".zone.reference .zone-text").inner_text() == "liked.flac"


def test_a_group_stands_small_above_the_name(mixer):
    heads = mixer.page.locator(".rack .strip-name")
    assert heads.nth(0).inner_text() == "bass"
    assert heads.nth(1).locator("small").inner_text() == "Drums"
    assert heads.nth(1).inner_text().split("\n") == ["Drums", "beat"]
    mixer.page.locator("[aria-label='Mute Drums/beat']").wait_for()


def test_a_new_song_begins_empty_and_is_named_by_its_folder(mixer, files):
    before = mixer.ask("diffmst.store.state")
    mixer.page.click("[aria-label='New song']")
    mixer.page.locator(".welcome").wait_for()
    assert mixer.page.locator(".songs option:checked").inner_text() == "New song"
    assert mixer.ask("diffmst.songs") == ["My band"], "nothing is made for nothing"
    mixer.drop(".zone.tracks", files / "Late")
    mixer.idle("diffmst.store.state && diffmst.song === 'Late'")
    assert names(mixer) == ["clap.wav"]
    mixer.page.once("dialog", lambda dialog: dialog.accept())
    mixer.page.click("[aria-label='Remove this song']")
    mixer.idle("diffmst.store.state && diffmst.song === 'My band'")
    assert mixer.ask("diffmst.songs") == ["My band"]
    assert mixer.ask("diffmst.store.state") == before


def unpacked(path):
    """What a file that arrived holds, by name; of a ZIP, its files."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("label", "arrives", "project"),
    [
        ("DAWproject", "My band.dawproject", "My band.dawproject"),
        ("REAPER project", "My band.zip", "My band.rpp"),
    ],
)
def test_a_session_arrives_as_diffmst_export_writes_it(
    mixer, files, tmp_path, label, arrives, project
):
    assert mixer.download(label, tmp_path / arrives) == arrives
    mixer.download("console.json", tmp_path / "console.json")
    song = tmp_path / "My band"
    for name in GROUPED:
        (song / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(files / "My band" / name.replace(" - ", "/"), song / name)
    (tmp_path / "expected").mkdir()
    written = tmp_path / "expected" / project
    exported = export_session(song, tmp_path / "console.json", written)
    toast = mixer.page.locator(".toast")
    assert toast.locator("li").all_inner_texts() == list(exported.notes)
    toast.locator("button").click()
    arrived = unpacked(tmp_path / arrives)
    if arrives == project:
        assert arrived == unpacked(written)
        return
    found = [path for path in written.parent.rglob("*") if path.is_file()]
    expected = {path.relative_to(written.parent).as_posix(): path.read_bytes() for path in found}
    assert project in arrived
    assert arrived == expected


@pytest.fixture
def refining(mixer):
    """The page with *Refine* ticked."""
    mixer.page.check(REFINE)
    yield mixer
    mixer.page.uncheck(REFINE)


def test_a_running_mix_is_cancelled_and_nothing_has_changed(refining, monkeypatch):
    def refine_on(*options):
        *_, tell = options
        while True:  # until it is cancelled
            tell("Refining", 0.5)
            time.sleep(0.01)

    monkeypatch.setattr("diffmst_jax.page.tasks.refine_around", refine_on)
    kept = "(async () => (await fetch('/api/songs/My%20band')).json())()"
    before = refining.ask("diffmst.store.state"), refining.ask(kept)
    refining.page.click(MIX)
    refining.page.locator(".work:has-text('Refining')").wait_for(timeout=1000 * PATIENCE_S)
    refining.page.click(CANCEL)
    refining.idle()
    assert (refining.ask("diffmst.store.state"), refining.ask(kept)) == before
    assert refining.page.locator(".work").is_hidden()
    assert refining.page.locator(".toast").count() == 0


def test_a_running_upload_is_cancelled_and_leaves_nothing_half_taken(mixer, files):
    before = mixer.ask("diffmst.store.state")
    with mixer.slow_sending(20_000):
        mixer.drop(".zone.tracks", files / "Late")
        mixer.page.locator(".work:has-text('Adding')").wait_for()
        mixer.page.click(CANCEL)
        mixer.idle()
    assert mixer.ask("diffmst.details.tracks.length") == len(GROUPED)
    assert mixer.ask("diffmst.store.state") == before
    assert mixer.page.locator(".toast").count() == 0


def test_the_desk_takes_no_changes_that_would_be_lost(mixer, files):
    """While another console is on its way to it, until it has arrived."""
    edit = "diffmst.store.edit((state) => { state.console.tracks[0].pan = 0.123; })"
    undo = mixer.page.locator("[aria-label^='Undo']")
    mixer.ask(edit)
    mixer.ask(SLOW_READING)
    mixer.page.click(MIX)
    mixer.until("diffmst.store.held")
    mixer.until("diffmst.desk.inert && diffmst.lower.inert")
    assert undo.is_disabled()
    for taken in ("edit((state) => { state.console.tracks[0].pan = 0.321; })", "undo()"):
        mixer.ask(f"diffmst.store.{taken}")
        assert mixer.track()["pan"] == 0.123
    assert mixer.ask("diffmst.work.busy")
    mixer.until("Boolean(window.reading)")
    assert mixer.ask("diffmst.store.held && diffmst.work.busy"), "not before it has arrived"
    mixer.ask("() => { window.fetch = window.quickly; window.reading(); }")
    mixer.idle("!diffmst.store.held && !diffmst.desk.inert")
    assert mixer.track()["pan"] != 0.123
    undo.click()
    assert mixer.track()["pan"] == 0.123
    undo.click()


def test_refining_from_the_page_says_how_much_closer_it_came(refining, monkeypatch):
    monkeypatch.setattr(orders, "ENOUGH_STEPS", FEW_STEPS)
    with refining.taken_back():
        steps = refining.ask("diffmst.store.past.length")
        refining.page.click(MIX)
        refining.idle(f"diffmst.store.past.length === {steps + 1}")
        made_with = refining.ask("diffmst.store.state.console.made_with")
        assert made_with["refinement"]["steps"] == FEW_STEPS
        assert "% closer to the reference" in refining.page.locator(".mix-why").inner_text()
        with refining.page.expect_popup() as report:
            refining.page.click(".mix-why a")
        assert "Refinement" in report.value.locator("body").inner_text()
        report.value.close()

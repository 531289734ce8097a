"""The server's addresses, with a real folder and small real files."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

import dsp
from diffmst_jax import api
from diffmst_jax.audio import read_audio
from diffmst_jax.export.effects_return import bus_response
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.report import content as report_content
from diffmst_jax.mixing.sources.tracks import load_tracks
from diffmst_jax.page.decoded import BLOCK
from diffmst_jax.page.jobs import KEEPING, CancelledError
from diffmst_jax.page.workspace import HIDDEN, Workspace
from tests.page.client import LIMITS, open_client


def test_the_page_and_its_modules_are_served_without_anything_from_elsewhere(client):
    index = client.http.get("/").text
    assert "http://" not in index
    assert "https://" not in index
    assert client.http.get("/static/app/main.js").status_code == 200
    static = Path(__file__).parents[2] / "diffmst_jax/page/static"
    for path in static.rglob("*"):
        if path.suffix in (".js", ".css"):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text, path
            assert "https://" not in text, path


def test_what_it_can_do_is_told_with_the_schema_of_the_console(client):
    about = client.http.get("/api").json()
    assert about["songs"] == []
    assert about["file_bytes"] == LIMITS.file_bytes
    assert "tracks" in about["schema"]["properties"]


def test_a_song_is_opened_played_block_by_block_and_kept(client, song, desk):
    assert client.job(song, "open")["state"] == "done"
    details = client.http.get(f"/api/songs/{song}").json()
    assert details["is_open"]
    assert [t["file"] for t in details["console"]["tracks"]] == ["kick.wav", "pad.wav"]
    assert details["overview"]["raw"]["loudness_lufs"] < 0
    audio = f"/api/songs/{song}/audio/song/{details['song_audio']['version']}"
    expected = load_tracks(client.root / song).audio
    count, rest = divmod(expected.shape[1], BLOCK)
    assert rest
    content = [client.http.get(f"{audio}/{number}").content for number in range(count + 1)]
    blocks = [np.frombuffer(block, np.float32).reshape(3, BLOCK) for block in content]
    padded = np.pad(expected, ((0, 0), (0, BLOCK - rest)))
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), padded)
    assert client.http.get(f"{audio}/{count + 1}").status_code == 404
    again, worker = open_client(client.root, desk)
    assert again.http.get(f"/api/songs/{song}").json() == details
    worker.close(5)


def test_an_edited_console_is_kept_and_rendered_as_diffmst_render_does(client, song, tmp_path):
    client.job(song, "open")
    session = client.session(song, locked=[["pad.wav", [1, 2]]])
    session["console"]["tracks"][0]["input_gain_db"] = -6.0
    answer = client.save(song, session)
    assert answer.status_code == 200
    kept = client.http.get(f"/api/songs/{song}").json()
    assert kept["console"] == session["console"]
    assert kept["locked"] == session["locked"]
    job = client.job(song, "render", format="flac", bits="16")
    assert (job["state"], job["result"]) == ("done", "result.flac")
    given = client.http.get(f"/api/songs/{song}/files/result.flac")
    assert "My%20song.flac" in given.headers["content-disposition"]
    (tmp_path / "given.flac").write_bytes(given.content)
    text = client.http.get(f"/api/songs/{song}/files/console.json").text
    (tmp_path / "console.json").write_text(text)
    expected = api.render(client.root / song, tmp_path / "console.json").audio
    assert np.max(np.abs(read_audio(tmp_path / "given.flac") - expected)) < 3 * 2.0**-15


def test_what_another_page_made_of_a_song_is_not_overwritten(client, song):
    client.job(song, "open")
    revision = client.http.get(f"/api/songs/{song}").json()["revision"]
    here, there = client.session(song, revision=revision), client.session(song, revision=revision)
    here["console"]["tracks"][0]["pan"] = 0.1
    there["console"]["tracks"][1]["pan"] = 0.9
    first = client.save(song, there)
    late = client.save(song, here)
    assert (first.status_code, late.status_code) == (200, 409)
    assert "My song was changed elsewhere; load the page again" in late.json()["error"]
    assert client.session(song)["console"] == there["console"]
    assert client.save(song, {**here, **first.json()}).status_code == 200, "goes on from it"


def test_what_is_saved_as_it_was_is_no_other_revision(client, song):
    """A browser writes 1.0 as 1: a mix that was cancelled had other pages load the song again."""
    client.job(song, "open")
    details = client.http.get(f"/api/songs/{song}").json()
    session = client.session(song)
    assert details["console"]["output"]["loudness_lufs"] == -14.0
    session["console"]["output"]["loudness_lufs"] = -14
    assert client.save(song, session).json()["revision"] == details["revision"]
    session["console"]["output"]["loudness_lufs"] = -13
    assert client.save(song, session).json()["revision"] != details["revision"]


def test_a_prediction_that_undo_brought_back_is_scaled_and_kept(client, song):
    client.job(song, "open")
    session = client.session(song)
    first, second = (json.loads(json.dumps(session["console"])) for _ in range(2))
    first["tracks"][0]["pan"], second["tracks"][0]["pan"] = 0.2, 0.9
    for predicted in (first, second):
        kept = {**session, "predicted": predicted, "base": predicted}
        assert client.save(song, kept).status_code == 200
        assert client.session(song) == kept
    half = {**session["amounts"], "pan": 0.5}
    for predicted, pan in ((first, 0.35), (second, 0.7)):
        scaled = client.scaled(song, predicted, half)
        assert scaled["tracks"][0]["pan"] == pytest.approx(pan)
        assert scaled["made_with"]["amount"] == "pan=0.5"
    body = {"predicted": {"format": "?"}, "amounts": half}
    answer = client.http.post(f"/api/songs/{song}/amounts", json=body)
    assert answer.status_code == 400
    assert "is not a console file" in answer.json()["error"]
    wrong = {**session, "predicted": {"format": "?"}, "base": first}
    answer = client.save(song, wrong)
    assert (answer.status_code, client.session(song)) == (400, kept)


@pytest.mark.parametrize(
    ("place", "value", "status", "text"),
    [
        (("console", "tracks", 0, "pan"), 7, 400, "tracks[0].pan is 7; set it from 0 to 1"),
        (("console", "tracks", 0, "pan"), "x", 400, "tracks[0].pan"),
        (("console",), None, 400, "console"),
        (("console", "tracks", 0, "file"), 5, 400, "tracks[0].file"),
        (("console", "tracks", 0, "file"), "../x.wav", 400, "has no track ../x.wav"),
        (("base",), {"format": "?"}, 400, "predicted and base are not given together"),
        (("amounts", "eq"), 2, 400, "amounts: are not all from 0 to 1"),
        (("amounts",), {}, 400, "amounts: are not complete"),
        (("locked",), [1], 400, "locked is no list of tracks"),
    ],
)
def test_a_wrong_console_is_refused_and_changes_nothing(client, song, place, value, status, text):
    client.job(song, "open")
    before = client.http.get(f"/api/songs/{song}").json()
    session = client.session(song)
    inner = session
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    answer = client.save(song, session)
    assert answer.status_code == status
    assert text in answer.json()["error"]
    assert client.http.get(f"/api/songs/{song}").json() == before


def test_the_response_of_the_effects_bus_is_sent(client, song):
    client.job(song, "open")
    console = client.session(song)["console"]
    console["console"]["reverb"] = True
    for track in console["tracks"]:
        track["send_db"] = -12.0
    reverb = {"band_gain": [0.5] * 12, "band_decay": [0.3] * 12, "mix": 0.4}
    console["fx_bus"] = {"reverb": reverb}
    answer = client.http.post(f"/api/songs/{song}/reverb", json=console)
    sent = np.frombuffer(answer.content, np.float32).reshape(2, -1)
    decoded = {name: np.array(value) for name, value in reverb.items()}
    np.testing.assert_allclose(sent, bus_response(dsp.ReverbParams(**decoded)), atol=1e-7)
    for number in ("NaN", "-Infinity"):
        text = json.dumps(console).replace('"mix": 0.4', f'"mix": {number}')
        wrong = client.http.post(f"/api/songs/{song}/reverb", content=text)
        assert (wrong.status_code, "not valid JSON" in wrong.json()["error"]) == (400, True)
    console["fx_bus"]["reverb"]["mix"] = 2
    wrong = client.http.post(f"/api/songs/{song}/reverb", json=console)
    assert "fx_bus.reverb.mix is 2; set it from 0 to 1" in wrong.json()["error"]


def test_consoles_are_checked_side_by_side(client, song):
    client.job(song, "open")
    console = client.session(song)["console"]
    places = [(index, pan) for index in range(2) for pan in (7, 8)] * 4

    def refusal(place):
        index, pan = place
        wrong = json.loads(json.dumps(console))
        wrong["tracks"][index]["pan"] = pan
        return client.http.post(f"/api/songs/{song}/reverb", json=wrong).json()["error"]

    with ThreadPoolExecutor(8) as pool:
        for (index, pan), error in zip(places, pool.map(refusal, places), strict=True):
            assert f"tracks[{index}].pan is {pan}; set it from 0 to 1" in error


IMPOSSIBLE = [
    {"kind": "?"},
    {"kind": "render", "format": "exe"},
    {"kind": "render", "bits": 1},
    {"kind": "mix", "loudness_lufs": 99},
    {"kind": "mix", "ceiling_dbtp": "x"},
]


def test_tracks_come_and_go_and_the_console_follows(client, song, audio):
    client.job(song, "open")
    session = client.session(song)
    session["console"]["tracks"][1]["pan"] = 0.25
    client.save(song, session)
    assert (
        client.http.delete(f"/api/songs/{song}/tracks", params={"name": "../x"}).status_code == 404
    )
    client.http.delete(f"/api/songs/{song}/tracks", params={"name": "kick.wav"})
    client.upload(song, "tracks", "late.wav", audio["kick.wav"])
    details = client.http.get(f"/api/songs/{song}").json()
    assert not details["is_open"], "other files: to be opened again"
    assert client.job(song, "open")["state"] == "done"
    tracks = client.http.get(f"/api/songs/{song}").json()["console"]["tracks"]
    assert [t["file"] for t in tracks] == ["late.wav", "pad.wav"]
    assert tracks[1]["pan"] == 0.25


@pytest.mark.parametrize("stage", ["Preparing to play", "Reading the reference"])
def test_opening_again_that_is_cancelled_changes_nothing(client, song, audio, desk, stage):
    client.upload(song, "reference", "mix.wav", audio["mix.wav"])
    client.job(song, "open")
    kept = client.session(song)
    hidden = client.root / song / HIDDEN
    before = {name: (hidden / name).read_bytes() for name in ("song.f32", "console.json")}
    client.upload(song, "tracks", "a.wav", audio["kick.wav"])
    told = []

    def tell(now, fraction):
        if stage in told:  # cancelled during it
            raise CancelledError
        told.append(now)

    folder = Workspace.open(client.root, LIMITS).song(song)
    with pytest.raises(CancelledError):
        desk.open(folder, tell)
    assert {name: (hidden / name).read_bytes() for name in before} == before
    assert client.save(song, kept).status_code == 200
    told.clear()
    desk.open(folder, lambda now, fraction: told.append(now))
    assert told[-1] == KEEPING
    assert client.http.get(f"/api/songs/{song}").json()["is_open"]


def test_a_console_of_other_strips_than_are_played_is_refused(client, song, audio):
    client.job(song, "open")
    session = client.session(song)
    client.upload(song, "tracks", "a.wav", audio["kick.wav"])
    client.job(song, "open")
    before = client.http.get(f"/api/songs/{song}").json()
    answer = client.save(song, session)
    assert answer.status_code == 409
    assert "tracks of My song have changed; load the page again" in answer.json()["error"]
    assert client.http.get(f"/api/songs/{song}").json() == before


def test_a_song_whose_console_is_not_that_of_its_audio_is_opened_again(client, song, audio):
    path = client.root / song / HIDDEN / "console.json"
    client.job(song, "open")
    of_two = path.read_bytes()
    client.upload(song, "tracks", "a.wav", audio["kick.wav"])
    client.job(song, "open")
    path.write_bytes(of_two)
    details = client.http.get(f"/api/songs/{song}").json()
    assert (details["is_open"], details["console"]) == (False, None)
    client.job(song, "open")
    assert len(client.session(song)["console"]["tracks"]) == 3
    path.unlink()
    assert not client.http.get(f"/api/songs/{song}").json()["is_open"]


def test_a_song_that_the_page_made_is_removed_whole_and_another_only_forgotten(client, song, audio):
    own = client.root / "own"
    own.mkdir()
    (own / "kick.wav").write_bytes(audio["kick.wav"])
    written = client.root / "mixed"
    written.mkdir()
    (written / "mix.wav").write_bytes(audio["mix.wav"])
    (written / "console.json").touch()
    assert client.http.get("/api").json()["songs"] == ["My song", "own"], "results are no songs"
    assert client.job("own", "open")["state"] == "done"
    for name in (song, "own"):
        assert client.http.get(f"/api/songs/{name}").json()["is_made_here"] == (name == song)
        assert client.http.delete(f"/api/songs/{name}").status_code == 200
    assert not (client.root / song).exists()
    assert [p.name for p in own.iterdir()] == ["kick.wav"]


def test_work_that_is_impossible_is_refused_in_one_line(client, song):
    assert "has no reference yet" in client.job(song, "mix")["error"]
    for options in IMPOSSIBLE:
        answer = client.http.post(f"/api/songs/{song}/jobs", json=options)
        assert answer.status_code == 400, options
    assert client.http.post(f"/api/songs/{song}/amounts", json={}).status_code == 400
    assert client.http.post("/api/songs", content=b"{").status_code == 400
    assert client.http.post("/api/songs", content=b"[" * 90_000).status_code == 400
    client.http.post("/api/songs", json={"name": "empty"})
    assert "has no tracks yet" in client.job("empty", "open")["error"]


@pytest.mark.slow
def test_a_mix_is_made_scaled_and_reported_and_locked_tracks_stay(
    client, song, audio, desk, monkeypatch
):
    client.upload(song, "reference", "mix.wav", audio["mix.wav"])
    client.job(song, "open")
    job = client.job(song, "mix", loudness_lufs=-20.0)
    assert job["state"] == "done", job["error"]
    details = client.http.get(f"/api/songs/{song}").json()
    assert details["predicted"] == details["base"]
    assert details["console"] == details["base"]
    assert details["console"]["output"]["loudness_lufs"] == -20.0
    assert details["output"]["of"] == details["console"]
    assert set(details["closeness"]) == {"Plain sum", "Equal loudness", "Mix"}
    none = dict.fromkeys(details["amounts"], 0.0)
    neutral = client.scaled(song, details["predicted"], none)
    assert {track["pan"] for track in neutral["tracks"]} == {0.5}
    report = client.http.get(f"/api/songs/{song}/files/report.html")
    assert "sandbox" in report.headers["content-security-policy"]
    assert "My song" in report.text

    session = client.session(song, locked=[["kick.wav", [1]]])
    session["console"]["tracks"][0]["pan"] = 0.123
    assert client.save(song, session).status_code == 200
    counted = Mock(wraps=render)
    monkeypatch.setattr(api, "render_multitrack", counted)
    assert client.job(song, "mix")["state"] == "done"
    assert counted.call_count == 1, "with what is locked in its place"
    again = client.http.get(f"/api/songs/{song}").json()
    kick, pad = again["console"]["tracks"]
    assert kick["pan"] == 0.123
    assert pad == details["console"]["tracks"][1]
    whole = client.scaled(song, again["predicted"], again["amounts"])
    assert again["base"] == whole, "what is locked is a change by hand, or amounts move it"
    assert client.job(song, "report")["result"] == "report.html"
    for file_format, name in (("dawproject", "result.dawproject"), ("reaper", "result.zip")):
        given = client.job(song, "export", format=file_format)["result"]
        assert given["name"] == name
        content = client.http.get(f"/api/songs/{song}/files/{name}").content
        inside = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert any("kick" in entry for entry in inside)
        assert any(entry in ("project.xml", "My song.rpp") for entry in inside)
    client.upload(song, "reference", "other.wav", audio["kick.wav"])
    details = client.http.get(f"/api/songs/{song}").json()
    assert (details["closeness"], details["has_report"]) == ({}, False), "of the one before"
    client.job(song, "report")
    report = client.http.get(f"/api/songs/{song}/files/report.html").text
    assert "in the style of mix.wav, compared with other.wav" in report
    told: list[tuple[str, float]] = []
    folder = Workspace.open(client.root, LIMITS).song(song)
    desk.report(folder, lambda stage, done: told.append((stage, done)))
    assert [stage for stage, _ in told[-2:]] == ["Reporting", KEEPING]
    assert [done for _, done in told] == sorted(done for _, done in told)


@pytest.mark.slow
def test_a_mix_that_is_still_far_advises_to_refine_as_the_page_does(
    client, song, audio, monkeypatch
):
    monkeypatch.setattr(report_content, "PARTS_OF_ONE_SONG", 0.0)
    client.upload(song, "reference", "mix.wav", audio["mix.wav"])
    assert client.job(song, "mix")["state"] == "done"
    notes = client.http.get(f"/api/songs/{song}").json()["notes"]
    report = client.http.get(f"/api/songs/{song}/files/report.html").text
    assert any("tick Refine and mix again" in note for note in notes)
    assert "tick Refine and mix again" in report
    assert "--refine" not in report + "".join(notes)


def test_names_that_are_no_utf_8_are_shown_as_in_web_addresses(client, audio, raw_name):
    group = client.root / "Song" / raw_name(b"gro\xdf")
    group.mkdir(parents=True)
    (group / raw_name(b"t\xfcr.wav")).write_bytes(audio["kick.wav"])
    assert client.job("Song", "open")["state"] == "done"
    details = client.http.get("/api/songs/Song").json()
    assert details["is_open"]
    assert [track["file"] for track in details["tracks"]] == ["gro%DF/t%FCr.wav"]


def test_a_damaged_session_is_named(client, song):
    client.job(song, "open")
    path = client.root / song / HIDDEN / "session.json"
    path.write_text(json.dumps({"version": 99}))
    answer = client.http.get(f"/api/songs/{song}")
    assert answer.status_code == 400
    assert "session.json: is damaged; delete it" in answer.json()["error"]


def test_audio_that_was_changed_elsewhere_is_not_played_as_what_it_was(client, song, audio):
    """Regression: rows of other tracks, of another number, came as those that a page knew."""
    client.job(song, "open")
    before = client.http.get(f"/api/songs/{song}").json()["song_audio"]["version"]
    client.upload(song, "tracks", "second.wav", audio["kick.wav"])
    client.job(song, "open")
    after = client.http.get(f"/api/songs/{song}").json()["song_audio"]["version"]
    assert client.http.get(f"/api/songs/{song}/audio/song/{after}/0").status_code == 200
    refused = client.http.get(f"/api/songs/{song}/audio/song/{before}/0")
    assert refused.status_code == 409
    assert refused.json()["error"] == f"{song} was changed elsewhere; load the page again"

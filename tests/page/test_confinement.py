"""What comes in from outside: limits, names, links; nothing leads out of the folder of songs."""

import errno
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.page.workspace import HIDDEN, Workspace
from tests.page.client import LIMITS


def outside(root):
    """Every file below the parent of the workspace that is not in it."""
    return sorted(p for p in root.parent.rglob("*") if not p.is_relative_to(root))


def test_too_much_is_refused_with_a_remedy(client, song, audio):
    large = bytes(LIMITS.file_bytes + 1)
    answer = client.upload(song, "tracks", "large.wav", large)
    assert answer.status_code == 413
    assert "large.wav is larger than 0.3 MB" in answer.json()["error"]
    assert "--max-upload-mb" in answer.json()["error"]

    def unannounced():
        for _ in range(40):
            yield bytes(10_000)

    answer = client.upload(song, "reference", "large.wav", unannounced())
    assert answer.status_code == 413
    assert client.upload(song, "tracks", "third.wav", audio["kick.wav"]).status_code == 201
    answer = client.upload(song, "tracks", "fourth.wav", audio["kick.wav"])
    assert answer.status_code == 413
    assert "3 tracks already" in answer.json()["error"]
    for name in ("fourth.wav", "fifth.wav"):  # put there by hand: more are opened than are taken
        (client.root / song / name).write_bytes(audio["kick.wav"])
    answer = client.upload(song, "tracks", "sixth.wav", audio["kick.wav"])
    assert "has 5 tracks already, and 3 are the most" in answer.json()["error"]
    assert not list((client.root / song / HIDDEN / "incoming").iterdir())
    deep = client.http.post("/api/songs", content=bytes(LIMITS.json_bytes + 1))
    assert deep.status_code == 413
    for _ in range(LIMITS.songs - 1):
        assert client.http.post("/api/songs", json={"name": "more"}).status_code == 201
    assert client.http.post("/api/songs", json={"name": "more"}).status_code == 409


@pytest.mark.parametrize(
    "content", [b"", b"no audio at all", b"RIFF\x00\x00\x00\x00WAVE", bytes(5000)]
)
def test_what_is_no_audio_is_refused_by_its_own_name_and_leaves_nothing(client, song, content):
    answer = client.upload(song, "tracks", "../text.wav", content)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("text.wav: ")
    assert "Traceback" not in answer.text
    assert not (client.root / song / "text.wav").exists()
    assert not list((client.root / song / HIDDEN / "incoming").iterdir())


def test_the_same_name_twice_gives_two_tracks_and_a_new_reference_takes_the_old_ones_place(
    client, song, audio
):
    assert client.upload(song, "tracks", "KICK.WAV", audio["kick.wav"]).json() == {
        "name": "KICK (2).WAV"
    }
    for name in ("first.wav", "second.wav"):
        assert client.upload(song, "reference", name, audio["mix.wav"]).status_code == 201
    assert client.http.get(f"/api/songs/{song}").json()["reference"] == "second.wav"


HOSTILE = [
    "../evil.wav",
    "/tmp/evil.wav",
    "..\\evil.wav",
    "%2e%2e%2fevil.wav",
    "a/../../evil.wav",
    "evil\x00.wav",
    ".diffmst/evil.wav",
    "x" * 5000 + ".wav",
    "\u2215..\u2215evil.wav",
]


ELSEWHERE = ["%2e%2e", "%2e%2e%2fsongs", "My song%2f%2e%2e", "%2e", "%2f", "a%5cb", HIDDEN, "%00"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_an_upload_leads_out_of_the_songs_folder(client, song, audio, name):
    before = outside(client.root)
    hidden = sorted((client.root / song / HIDDEN).iterdir())
    answer = client.upload(song, "tracks", name, audio["kick.wav"])
    assert answer.status_code in (201, 400)
    assert outside(client.root) == before
    if answer.status_code == 201:
        assert (client.root / song / answer.json()["name"]).is_file()
    made = [p.name for p in sorted((client.root / song / HIDDEN).iterdir()) if p not in hidden]
    assert made in ([], ["incoming"])


@pytest.mark.parametrize("name", [*HOSTILE, "..", ".", "/", "\x00", "....//"])
def test_no_name_of_a_group_leads_out_of_the_songs_folder(client, song, audio, name):
    before = outside(client.root)
    hidden = sorted((client.root / song / HIDDEN).iterdir())
    answer = client.upload(song, "tracks", "kick.wav", audio["kick.wav"], group=name)
    assert answer.status_code in (201, 400)
    assert outside(client.root) == before
    if answer.status_code == 201:
        group, file = answer.json()["name"].split("/")
        assert file == "kick.wav"
        assert (client.root / song / group / file).is_file()
    made = [p.name for p in sorted((client.root / song / HIDDEN).iterdir()) if p not in hidden]
    assert made in ([], ["incoming"])


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_name_of_a_song_leads_elsewhere(client, song, name):
    assert client.http.get(f"/api/songs/{name}").status_code in (404, 405)
    assert client.http.delete(f"/api/songs/{name}").status_code in (404, 405)
    made = client.http.post("/api/songs", json={"name": unquote(name)})
    if made.status_code == 201:
        assert (client.root / made.json()["name"]).resolve().parent == client.root.resolve()
    assert (client.root / song / "kick.wav").exists()


@pytest.mark.parametrize(
    "name",
    ["session.json", "../kick.wav", "..%2Fkick.wav", "result./../../kick.wav", "result.%2e%2e",
     "song.f32", "..\\kick.wav", "result.wav"],
)  # fmt: skip
def test_only_results_can_be_fetched(client, song, name):
    assert client.http.get(f"/api/songs/{song}/files/{name}").status_code == 404


@pytest.mark.parametrize("path", ["../app.py", "..%2Fapp.py", "%2e%2e/app.py", "/etc/passwd"])
def test_static_files_are_those_of_the_page_alone(client, path):
    assert client.http.get(f"/static/{path}").status_code in (404, 405)


def test_a_group_is_a_folder_of_the_song_as_long_as_it_has_tracks(client, song, audio, tmp_path):
    folder = client.root / song
    (folder / "kick.wav").unlink()
    for group, name in (("Drums", "Drums/kick.wav"), ("drums", "Drums/kick (2).wav")):
        answer = client.upload(song, "tracks", "kick.wav", audio["kick.wav"], group=group)
        assert answer.json() == {"name": name}
    client.job(song, "open")
    files = [track["file"] for track in client.session(song)["console"]["tracks"]]
    assert files == ["pad.wav", "Drums/kick (2).wav", "Drums/kick.wav"]
    for file in files[1:]:
        assert (folder / "Drums").is_dir()
        client.http.delete(f"/api/songs/{song}/tracks", params={"name": file})
    assert not (folder / "Drums").exists()
    (folder / "mixed").mkdir()
    (folder / "mixed" / "console.json").touch()
    (folder / "link").symlink_to(tmp_path)
    for taken in ("mixed", "link", "pad.wav"):
        answer = client.upload(song, "tracks", "kick.wav", audio["kick.wav"], group=taken)
        assert answer.status_code == 400
        assert f"{taken}: is no folder of tracks; give the group" in answer.json()["error"]


def test_links_are_neither_read_nor_written(client, song, audio, tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(audio["kick.wav"])
    folder = client.root / song
    (folder / "link.wav").symlink_to(secret)
    assert "is a link" in client.http.get(f"/api/songs/{song}").json()["error"]
    assert "link.wav" in client.job(song, "open")["error"]
    (folder / "link.wav").unlink()
    client.job(song, "open")
    target = tmp_path / "target"
    for name in ("result.wav", "console.json", "report.html", "session.json"):
        path = folder / HIDDEN / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    assert "is a link" in client.job(song, "render")["error"]
    for name in ("result.wav", "console.json", "report.html"):
        answer = client.http.get(f"/api/songs/{song}/files/{name}")
        assert answer.status_code == 400
        assert "is a link" in answer.json()["error"]
    assert not target.exists()
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert client.http.get(f"/api/songs/{song}").status_code == 404


def test_a_folder_that_is_a_song_itself_is_refused(tmp_path, audio):
    (tmp_path / "kick.wav").write_bytes(audio["kick.wav"])
    with pytest.raises(InputError, match="give the folder above it"):
        Workspace.open(tmp_path, LIMITS)


@pytest.mark.parametrize("change", ["unlink", "rename"])
def test_a_folder_that_may_not_be_changed_is_no_fault(client, song, audio, monkeypatch, change):
    def refuse(path, target=None, **_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path), None, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, change, refuse)
        if change == "unlink":
            answer = client.http.delete(f"/api/songs/{song}/tracks", params={"name": "kick.wav"})
        else:
            answer = client.upload(song, "tracks", "late.wav", audio["kick.wav"])
    assert answer.status_code == 507
    name = "kick.wav" if change == "unlink" else "late.wav"
    assert f"{name}: cannot be read or changed (Permission denied)" in answer.json()["error"]
    tracks = client.http.get(f"/api/songs/{song}").json()["tracks"]
    assert [track["file"] for track in tracks] == ["kick.wav", "pad.wav"]

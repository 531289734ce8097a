"""The commands as a user gives them."""

import errno
import json
import pickle

import pytest
import yaml

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.cli import main
from diffmst_jax.data.index import EnergyIndex
from diffmst_jax.data.synthesis import corpus
from diffmst_jax.errors import InputError
from tests.data import trees
from tests.data.conftest import noise, noise_song

ALONE = ["--processes", "1"]


@pytest.fixture
def songs(tmp_path):
    trees.musdb18(tmp_path / "musdb")
    return tmp_path / "musdb"


def test_check_prints_a_table_and_says_by_its_status_what_it_found(tmp_path, capsys):
    trees.folders(tmp_path)
    assert main(["data", "check", str(tmp_path), *ALONE]) == 1
    shown = capsys.readouterr().out
    assert "b/silent.wav: silence: peak -200 dBFS" in shown
    assert "Žluťoučký kůň/2 \N{EN DASH} Gitarre (L+R).wav: rate: 48000 Hz" in shown
    assert shown.splitlines()[-1] == "2 songs, 3 findings"


def test_check_prints_json_for_machines(tmp_path, capsys):
    trees.folders(tmp_path)
    assert main(["data", "check", str(tmp_path), "--json", *ALONE]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [song["song"] for song in document["songs"]] == ["b", "Žluťoučký kůň"]
    assert {f["kind"] for f in document["findings"]} == {"silence", "rate", "tracks"}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_check_prints_names_as_they_are(tmp_path, capsys, more):
    """Neither codes of pictures nor marks of styles are replaced, not in the table either."""
    trees.Tree(tmp_path).audio("[red] :a:/take:a:1.wav", rate=48000)
    trees.Tree(tmp_path).audio("[red] :a:/other.wav")
    assert main(["data", "check", str(tmp_path), *more, *ALONE]) == 1
    shown = capsys.readouterr().out
    assert shown.count("[red] :a:") == 2
    assert "take:a:1.wav" in shown


def test_names_that_are_no_utf8_are_checked_indexed_and_split(tmp_path, capsys, raw_name):
    root = tmp_path / "corpus"
    for seed, song in enumerate((b"S\xe4ng", b"b")):
        for track in (b"gro\xdf.wav", b"bass.wav"):
            audio = noise(2 * seed + len(track), 2.0)
            write_audio(root / raw_name(song) / raw_name(track), audio, sample_rate=SAMPLE_RATE)
    out = tmp_path / "split.yaml"
    assert main(["data", "split", str(root), "--out", str(out), "--shares", "1", "0", "1"]) == 0
    songs = [
        song for part in yaml.safe_load(out.read_text(encoding="utf-8")).values() for song in part
    ]
    assert sorted(songs) == ["S\udce4ng", "b"]
    (root / raw_name(b"S\xe4ng/k\xefck.wav")).write_bytes(b"RIFF")
    capsys.readouterr()
    assert main(["data", "check", str(root), *ALONE]) == 1
    assert "S%E4ng/k%EFck.wav: unreadable" in capsys.readouterr().out
    assert main(["data", "check", str(root), "--json", *ALONE]) == 1
    assert "k%EFck.wav" in str(json.loads(capsys.readouterr().out))
    assert main(["data", "index", str(root), "--decoded", str(tmp_path / "decoded"), *ALONE]) == 1
    assert "k%EFck.wav" in capsys.readouterr().out


def test_check_of_good_songs_ends_in_zero(songs, capsys):
    assert main(["data", "check", str(songs), *ALONE]) == 0
    assert capsys.readouterr().out == "2 songs, 1 mix without tracks, 0 findings\n"


def test_check_names_a_faulty_mix_alone_by_its_path(tmp_path, capsys):
    for name in ("a.wav", "b.wav"):
        write_audio(tmp_path / name, noise(1, 2.0), sample_rate=SAMPLE_RATE)
    assert main(["data", "check", str(tmp_path), *ALONE]) == 1
    *_, fault, counts = capsys.readouterr().out.splitlines()
    assert fault == "b.wav: duplicate: same audio as a.wav"
    assert counts == "0 songs, 2 mixes without tracks, 1 finding"


def test_index_measures_songs_and_mixes_and_keeps_decoded_audio(songs, tmp_path, capsys):
    decoded = tmp_path / "decoded"
    command = ["data", "index", str(songs), "--decoded", str(decoded), *ALONE]
    assert main(command) == 0
    assert capsys.readouterr().out == "9 files, 0 unreadable\n"
    info = EnergyIndex(songs).info(songs / "test/Zeno - Signs/mixture.wav")
    assert info is not None
    assert (info.sample_rate, info.channels) == (SAMPLE_RATE, 2)
    assert len(list(decoded.rglob("*.npy"))) == 9
    next(decoded.rglob("*.npy")).unlink()
    assert main(command) == 0
    assert len(list(decoded.rglob("*.npy"))) == 9
    (songs / "test/Zeno - Signs/mixture.wav").write_bytes(b"broken")
    assert main(command) == 1
    assert "Zeno - Signs/mixture.wav: is no audio" in capsys.readouterr().out


def test_a_place_for_decoded_audio_that_takes_none_ends_index_at_once(
    songs, tmp_path, capsys, monkeypatch
):
    command = ["data", "index", str(songs), *ALONE, "--decoded"]
    (tmp_path / "file").touch()
    assert main([*command, str(tmp_path / "file")]) == 2
    said = f"diffmst: {tmp_path / 'file'}: is a file, not a folder; "
    assert capsys.readouterr().err.startswith(said)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numpy.save", full)
    assert main([*command, str(tmp_path / "decoded")]) == 2
    said = f"diffmst: {tmp_path / 'decoded'}: cannot be written (No space left on device); "
    assert capsys.readouterr().err.startswith(said)


def test_a_file_in_the_place_of_a_corpus_is_said_before_songs_are_made(
    tmp_path, capsys, monkeypatch
):
    def make(*_, **__):
        pytest.fail("a song is made")

    monkeypatch.setattr("diffmst_jax.data.synthesis.corpus._make_song", make)
    (tmp_path / "file").touch()
    assert main(["data", "synthesize", str(tmp_path / "file"), "--songs", "1", *ALONE]) == 2
    said = f"diffmst: {tmp_path / 'file'}: is a file, not a folder; "
    assert capsys.readouterr().err.startswith(said)


def test_what_goes_wrong_in_another_process_is_said_in_this_one():
    error = InputError("decoded", "cannot be written", "make room")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_split_is_written_by_artist(songs, tmp_path, capsys):
    out = tmp_path / "split.yaml"
    assert main(["data", "split", str(songs), "--out", str(out), "--shares", "1", "0", "1"]) == 0
    split = yaml.safe_load(out.read_text())
    assert set(split) == {"train", "test"}
    (folder,) = split["train"]
    assert folder.startswith(("train/", "test/"))
    assert "1 train, 1 test" in capsys.readouterr().out


def test_songs_have_the_size_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(corpus, "synthesize_song", noise_song)
    out = tmp_path / "made"
    command = ["data", "synthesize", str(out), "--songs", "2", "--seconds", "4", *ALONE]
    assert main([*command, "--tracks", "3", "5"]) == 0
    assert len(list((out / "songs/song_00001").iterdir())) == 3
    assert capsys.readouterr().out == f"{out}  2 songs\n"
    for sizes, said in ((["--tracks", "4", "3"], "4 to 3 tracks"), (["--seconds", "0"], "of 0 s")):
        assert main([*command, *sizes]) == 2
        assert said in capsys.readouterr().err


def test_missing_root_and_unknown_layout_end_in_one_line(tmp_path, capsys):
    for command in ("check", "index"):
        assert main(["data", command, str(tmp_path / "nowhere")]) == 2
        assert "nowhere: is not a folder; check the path" in capsys.readouterr().err
        assert main(["data", command, str(tmp_path), "--layout", "medly"]) == 2
        assert "medly: is no known layout" in capsys.readouterr().err
    assert main(["data", "index", str(tmp_path)]) == 2
    assert "holds no audio" in capsys.readouterr().err

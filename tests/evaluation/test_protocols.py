import json
import shutil
import threading

import pytest

from diffmst_jax.audio import SAMPLE_RATE, read_audio, write_audio
from diffmst_jax.data.corpora import find_corpora
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation import loading
from diffmst_jax.evaluation.config import Levels
from diffmst_jax.evaluation.loading import Loaded, Unreadable, batches, load_example
from diffmst_jax.evaluation.manifest import Drawn, load_manifest, save_manifest
from diffmst_jax.evaluation.protocols import draw_examples
from tests.evaluation.conftest import composed


@pytest.fixture
def draw(overrides):
    def examples(*more: str, seed: int = 0):
        config = composed(*overrides, *more)
        return draw_examples(*find_corpora(config.data), config.protocol, seed)

    return examples


def test_examples_are_drawn_by_seed_and_survive_their_file(draw, tmp_path):
    examples = draw("protocol=tracks", "protocol.track_counts=[1,2]")
    assert examples == draw("protocol=tracks", "protocol.track_counts=[1,2]")
    assert examples != draw("protocol=tracks", "protocol.track_counts=[1,2]", seed=1)
    drawn = Drawn("table1", examples)
    save_manifest(tmp_path / "manifest.json", drawn, Levels(-16.0, -16.0))
    assert load_manifest(tmp_path / "manifest.json") == drawn


def test_file_that_is_no_manifest_is_named(tmp_path):
    (tmp_path / "x.json").write_text('{"version": 2, "examples": [{"song": 1}]}')
    with pytest.raises(InputError, match="no manifest"):
        load_manifest(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("duration_s", "6", "examples[0].duration_s: is '6'"),
        ("duration_s", 0, "examples[0].duration_s: is 0.0"),
        ("song", None, "examples[0].song: is None"),
        ("files", "kick.wav", "examples[0].files: is 'kick.wav'"),
        ("heard", None, "examples[0].heard: is None"),
    ],
)
def test_manifest_edited_by_hand_is_named_with_the_place(draw, tmp_path, key, value, place):
    path = tmp_path / "manifest.json"
    save_manifest(path, Drawn("table1", draw()), Levels(-16.0, -16.0))
    stored = json.loads(path.read_text())
    stored["examples"][0][key] = value
    path.write_text(json.dumps(stored))
    with pytest.raises(InputError) as caught:
        load_manifest(path)
    assert str(caught.value).startswith(f"{path}: cannot be used ({place}")


def test_listed_songs_have_their_listed_references(draw):
    examples = draw(
        "protocol=table2", "protocol.songs=[two,one]", "protocol.references=['mix 0','mix 1']"
    )
    pairs = [(e.song, e.reference_name) for e in examples]
    assert pairs == [("two", "mix 0"), ("one", "mix 1")]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("protocol.songs=[one,three]", "no song 'three'"),
        ("protocol.references=[x]", "no reference 'x'"),
        ("protocol.duration_s=5", "no song with sections"),
    ],
)
def test_what_is_missing_is_named(draw, override, problem):
    with pytest.raises(InputError, match=problem):
        draw("protocol=transfer", override)


@pytest.fixture
def partly_silent(material, tmp_path):
    """References of which one is silent and one lasts for one section of 2 s alone."""
    shutil.copy(material / "references" / "mix 0.wav", tmp_path / "loud.wav")
    audio = read_audio(tmp_path / "loud.wav")
    write_audio(tmp_path / "brief.wav", audio[:, : 3 * SAMPLE_RATE], sample_rate=SAMPLE_RATE)
    write_audio(tmp_path / "silent.wav", 0 * audio, sample_rate=SAMPLE_RATE)
    return f"data.references={tmp_path}"


@pytest.mark.parametrize("kind", ["table1", "table2", "sections", "transfer", "tracks"])
def test_references_without_sound_are_left_out(draw, partly_silent, kind):
    for seed in range(4):
        examples = draw(f"protocol={kind}", "protocol.track_counts=[1]", partly_silent, seed=seed)
        assert {e.reference_name for e in examples} <= {"loud", "brief"}


@pytest.mark.parametrize("listed", ["[silent]", "[loud,silent]"])
def test_listed_reference_without_sound_is_named(draw, partly_silent, listed):
    with pytest.raises(InputError, match="'silent' without sound") as caught:
        draw("protocol=table2", partly_silent, f"protocol.references={listed}")
    assert caught.value.path == "protocol.references"


def test_references_of_silence_alone_are_refused_unless_the_console_makes_them(
    draw, partly_silent, tmp_path
):
    for name in ("loud", "brief"):
        (tmp_path / f"{name}.wav").unlink()
    with pytest.raises(InputError, match="no reference with sound") as caught:
        draw("protocol=table1", partly_silent)
    assert caught.value.path == "data.references"
    assert draw("protocol=method1", partly_silent, "protocol.examples=1")


def test_transfer_of_listed_pairs_asks_for_two_sections_of_their_references(draw, partly_silent):
    pairs = ("protocol=transfer", partly_silent, "protocol.songs=[one,two]")
    examples = draw(*pairs, "protocol.references=[brief,loud]", "protocol.examples=3")
    assert [(e.song, e.reference_name) for e in examples] == [("two", "loud")] * 3
    with pytest.raises(InputError, match="longer songs and references"):
        draw(*pairs, "protocol.references=[brief,brief]")


@pytest.fixture
def divided(material, tmp_path):
    """A corpus whose songs hold their own mix beside their tracks, all mixes named alike."""
    for name in ("one", "two"):
        folder = tmp_path / "train" / f"artist - {name}"
        shutil.copytree(material / "songs" / name, folder)
        shutil.copy(material / "references" / "mix 0.wav", folder / "mixture.wav")
    return tmp_path


def test_layout_says_what_the_tracks_are_and_several_corpora_are_one(draw, divided, material):
    data = (f"data.songs=[{divided},{material}]", f"data.references={divided}")
    examples = draw(*data, "protocol=table2")
    assert [e.song for e in examples] == ["artist - one", "artist - two", "one", "two"]
    assert {e.files for e in examples} == {("bass.wav", "kick.wav", "pad.wav")}
    assert {e.reference_name for e in examples} <= {"artist - one", "artist - two"}
    one = draw(
        *data, "protocol=table2", "protocol.songs=[one]", "protocol.references=[artist - two]"
    )
    assert [(e.song, e.reference_name) for e in one] == [("one", "artist - two")]
    plain = draw(f"data.songs={divided}/train", "data.songs_layout=folders", "protocol=table2")
    assert "mixture.wav" in plain[0].files
    shutil.copytree(material / "songs" / "one", divided / "other" / "one")
    with pytest.raises(InputError, match="has 2 songs 'one'"):
        draw(f"data.songs=[{material},{divided}/other]", "protocol=table2", "protocol.songs=[one]")


def test_every_section_meets_every_section_of_the_reference(draw):
    examples = draw("protocol=sections", "protocol.examples=1", "protocol.sections=2")
    starts = {(e.judged.start_s, e.judged.reference_start_s) for e in examples}
    assert len(examples) == len(starts) == 4
    assert {e.group for e in examples} == {0}


def test_sections_of_a_pair_are_counted_once(draw):
    examples = draw(
        "protocol=sections",
        "protocol.examples=4",
        "protocol.sections=2",
        "protocol.songs=[one]",
        "protocol.references=['mix 0']",
    )
    drawn = [(e.judged.start_s, e.judged.reference_start_s) for e in examples]
    assert len(set(drawn)) == len(drawn) > 0


def test_transfer_judges_what_was_not_heard(draw):
    for example in draw("protocol=transfer", "protocol.examples=5"):
        assert abs(example.judged.start_s - example.heard.start_s) >= 2
        assert abs(example.judged.reference_start_s - example.heard.reference_start_s) >= 2
    loaded = load_example(0, example)
    assert loaded.tracks.strips == loaded.heard.strips
    assert loaded.tracks.audio.shape == loaded.heard.audio.shape
    assert (loaded.tracks.audio != loaded.heard.audio).any()
    assert (loaded.reference != loaded.heard_reference).any()


def test_nothing_is_evaluated_twice(draw):
    pairs = ("protocol.songs=[one,two]", "protocol.references=['mix 0','mix 1']")
    for kind in ("table1", "transfer", "tracks"):
        examples = draw(f"protocol={kind}", "protocol.examples=60", *pairs)
        told = [(e.song, e.reference, e.files, e.judged, e.heard) for e in examples]
        assert len(told) == len(set(told))
    many = draw("protocol=transfer", "protocol.examples=60", *pairs)
    few = draw("protocol=transfer", "protocol.examples=2", *pairs)
    assert many[:2] == few
    # the console mixes a section in another way each time
    assert len(draw("protocol=method1", "protocol.examples=60")) == 60


def test_fewer_tracks_are_part_of_the_more(draw):
    one, two = draw("protocol=tracks", "protocol.track_counts=[1,2,9]", "protocol.examples=1")
    assert set(one.files) < set(two.files)
    assert len(load_example(0, one).tracks.strips) == 1


def test_examples_come_in_batches_with_the_unreadable_ones_named(draw):
    good, bad = draw("protocol.examples=2")
    bad = type(bad)(**{**bad.__dict__, "folder": "/nowhere"})
    groups = list(batches(enumerate([good, bad, good]), 2))
    assert [len(group) for group in groups] == [2, 1]
    assert isinstance(groups[0][0], Loaded)
    unreadable = groups[0][1]
    assert isinstance(unreadable, Unreadable)
    assert "/nowhere" in unreadable.reason
    assert list(batches([], 2)) == []


def test_next_batch_and_no_more_is_read_while_the_last_is_worked_on(draw, monkeypatch):
    read: list[int] = []
    one_read = threading.Semaphore(0)

    def load(number, example):
        read.append(number)
        one_read.release()
        raise InputError("x", "is none", "none")

    monkeypatch.setattr(loading, "load_example", load)
    following = batches(enumerate(draw("protocol.examples=1") * 6), 2)
    assert [item.number for item in next(following)] == [0, 1]
    assert all(one_read.acquire(timeout=10) for _ in range(4))
    assert not one_read.acquire(timeout=0.05)
    assert read == [0, 1, 2, 3]
    assert [item.number for group in following for item in group] == [2, 3, 4, 5]

import copy
import dataclasses
import json
import unicodedata
from contextlib import suppress
from importlib import resources

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.json_file import explain
from diffmst_jax.mixing.console.file import console_document, console_text, load_console
from diffmst_jax.mixing.console.schema import console_schema
from diffmst_jax.mixing.console.settings import RefinementNote


@pytest.fixture(scope="module")
def document(mixed):
    return console_document(mixed.console)


@pytest.fixture
def load(tmp_path):
    def write_and_load(document):
        path = tmp_path / "console.json"
        if not isinstance(document, bytes):
            text = document if isinstance(document, str) else json.dumps(document)
            document = text.encode()
        path.write_bytes(document)
        return load_console(path)

    return write_and_load


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_are_read_in_the_encodings_that_windows_saves_text_in(mixed, load, encoding):
    text = console_text(mixed.console)
    assert console_text(load(text.encode(encoding))) == text


def test_settings_come_back_exactly(mixed, load):
    loaded = load(console_text(mixed.console))
    original = mixed.console
    for name in ("strips", "config", "target", "provenance", "left_out"):
        assert getattr(loaded, name) == getattr(original, name)
    np.testing.assert_array_equal(loaded.source_gain_db, original.source_gain_db)
    np.testing.assert_array_equal(loaded.muted, original.muted)
    off = original.params._replace(
        tracks=original.params.tracks._replace(send_db=loaded.params.tracks.send_db),
        fx_bus=loaded.params.fx_bus,
    )
    jax.tree.map(np.testing.assert_array_equal, loaded.params, off)


def test_what_was_asked_for_comes_back_and_nothing_is_said_of_what_was_not(mixed, load, document):
    assert set(document["made_with"]) == {"model", "reference", "amount", "centred"}
    assert document["made_with"]["centred"] == ["1 kick.wav", "2 bass.flac"]
    note = RefinementNote(60, 0.1, 0.06)
    asked = mixed.console.provenance._replace(
        refinement=note, locked=("Vox*", "*kick*"), centred=("*",)
    )
    console = dataclasses.replace(mixed.console, provenance=asked)
    assert console_document(console)["made_with"]["locked"] == ["Vox*", "*kick*"]
    assert load(console_text(console)).provenance == asked


def test_a_console_with_reverb_keeps_its_bus(mixed, load, document):
    edited = copy.deepcopy(document)
    assert "fx_bus" not in edited
    edited["console"]["reverb"] = True
    bands = [0.25] * 12
    edited["fx_bus"] = {"reverb": {"band_gain": bands, "band_decay": bands, "mix": 0.5}}
    for track in edited["tracks"]:
        track["send_db"] = -20.0
    loaded = load(edited)
    np.testing.assert_array_equal(loaded.params.tracks.send_db, -20.0)
    np.testing.assert_array_equal(loaded.params.fx_bus.reverb.band_gain, bands)
    again = console_document(loaded)
    assert again["fx_bus"] == edited["fx_bus"]


def test_there_is_one_entry_per_file_with_units_in_names(document):
    assert [track["file"] for track in document["tracks"]] == [
        "1 kick.wav",
        "2 bass.flac",
        "10 pad.flac",
        "11 hat.mp3",
    ]
    assert [track["channels"] for track in document["tracks"]] == [[1], [1], [1, 2], [1]]
    assert set(document["tracks"][0]["equalizer"][0]) == {
        "kind",
        "gain_db",
        "frequency_hz",
        "q_factor",
    }
    assert document["left_out"] == [{"file": "silent.wav", "reason": "it is silent"}]


def test_the_schema_in_the_package_is_the_one_the_console_has_now():
    path = resources.files("diffmst_jax").joinpath("schema", "console.schema.json")
    assert json.loads(path.read_text()) == console_schema()


def described(schema, path=()):
    """Every number of a settings schema by its path, and the description that it stands under."""
    if schema.get("type") == "number":
        return [(path, schema.get("description"))]
    entries = [*schema.get("properties", {}).items(), *enumerate(schema.get("prefixItems", []))]
    found = [item for name, entry in entries for item in described(entry, (*path, name))]
    return [(place, text or schema.get("description")) for place, text in found]


def test_every_setting_is_explained_where_an_editor_shows_it():
    properties = console_schema()["properties"]
    for entry in (properties["tracks"]["items"], properties["fx_bus"], properties["master_bus"]):
        numbers = described(entry)
        assert numbers
        assert [place for place, text in numbers if not text] == []
    reverb = properties["fx_bus"]["properties"]["reverb"]["properties"]
    assert "exp(-(1 + 10 band_decay[b]) n / 65535)" in reverb["band_gain"]["description"]
    assert "above 18000 Hz" in reverb["band_decay"]["description"]


def test_a_file_names_its_schema_and_may_name_another(document, load):
    assert document["$schema"] == console_schema()["$id"] == "urn:diffmst-console:1"
    assert next(iter(document)) == "$schema"
    for value in (..., "../schema/console.schema.json"):
        assert load(change(document, ("$schema",), value)).strips
    with pytest.raises(InputError, match=r"\$schema is 3; give a value of type string"):
        load(change(document, ("$schema",), 3))


def test_the_schema_holds_the_ranges_of_dsp():
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    track = console_schema()["properties"]["tracks"]["items"]["properties"]
    for name, limits in ranges.tracks.compressor._asdict().items():
        entry = track["compressor"]["properties"][name]
        assert (entry["minimum"], entry["maximum"]) == (limits.low, limits.high)
    band = track["equalizer"]["prefixItems"][2]["properties"]["frequency_hz"]
    limits = ranges.tracks.equalizer.frequency_hz
    assert (band["minimum"], band["maximum"]) == (limits.low[2], limits.high[2])


def change(document, path, value):
    """Set (or with `...` remove) what a path of keys leads to."""
    edited = copy.deepcopy(document)
    *way, last = path
    place = edited
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return edited


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            ("tracks", 1, "equalizer", 2, "gain_db"),
            40,
            "tracks[1].equalizer[2].gain_db is 40; set it from -12 to 12",
        ),
        (("tracks", 0, "pan"), -0.1, "tracks[0].pan is -0.1; set it from 0 to 1"),
        (("tracks", 0, "pan"), "left", 'tracks[0].pan is "left"; give a value of type number'),
        (("tracks", 0, "pan"), True, "tracks[0].pan is true; give a value of type number"),
        (("tracks", 0, "pan"), None, "tracks[0].pan is null; give a value of type number"),
        (("tracks", 0, "pan"), ..., "tracks[0] has no entry 'pan'; add it"),
        (("tracks", 0, "muted"), "yes", 'tracks[0].muted is "yes"; use true or false'),
        (("tracks", 0, "pann"), 0.5, "tracks[0] has an unknown entry 'pann'"),
        (("tracks", 0, "equalizer", 0, "kind"), "peaking", 'use "low_shelf"'),
        (("tracks", 0, "channels"), [0], "tracks[0].channels[0] is 0; set it from 1 to"),
        (("tracks", 2, "channels"), [1, 1], "tracks[2].channels is [1, 1]"),
        (("tracks",), [], "tracks has 0 entries; give 1 or more"),
        (("console", "pan_law"), "loud", 'console.pan_law is "loud"; use'),
        (("output", "loudness_lufs"), 3, "output.loudness_lufs is 3; set it from -60 to -5"),
        (("master_bus", "compressor", "ratio"), 0, "master_bus.compressor.ratio is 0"),
        (("master_bus", "equalizer"), [], "master_bus.equalizer has 0 entries; give 6"),
        (("tracks", 1, "file"), "1 kick.wav", "uses channel 1 of '1 kick.wav' a second time"),
        (("version",), 7, "has version 7, this program reads 1"),
        (("format",), "other", "is not a console file"),
    ],
)
def test_a_wrong_edit_is_answered_with_its_place_value_and_range(load, document, path, value, said):
    with pytest.raises(InputError) as caught:
        load(change(document, path, value))
    assert said in str(caught.value)
    assert "console.json: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_edit_of_a_track_is_answered_with_its_file(load, document):
    """Places count from 0: who counts tracks from 1 would look at the one before."""
    file = document["tracks"][1]["file"]
    for entry, said in (("pan", ".pan is 7"), ("pann", " has an unknown entry 'pann'")):
        with pytest.raises(InputError) as caught:
            load(change(document, ("tracks", 1, entry), 7))
        assert f"console.json: {file}, tracks[1]{said}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not valid JSON (line 1, column 1"),
        ('{"format": ', "not valid JSON (line 1"),
        ("[1, 2]", "is not a console file"),
        ("null", "is not a console file"),
        ('{"format": NaN}', "NaN is no number"),
        ("[" * 100_000, "not valid JSON"),
        (b"fLaC\xa9", "console.json: is no text; give a console.json"),
    ],
)
def test_what_is_no_console_file_is_refused(load, text, said):
    with pytest.raises(InputError) as caught:
        load(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"steps": -1}, "made_with.refinement.steps is -1; set it to 0 or more"),
        ({"steps": 0, "seen_before": -0.5}, "seen_before is -0.5; set it to 0 or more"),
        ({"steps": 0, "seen_before": "x"}, 'is "x"; give a value of type number or null'),
    ],
)
def test_a_wrong_entry_that_has_one_end_only_is_answered_with_it(load, document, entries, said):
    with pytest.raises(InputError) as caught:
        load(change(document, ("made_with", "refinement"), entries))
    assert said in str(caught.value)


@pytest.mark.parametrize("count", [1, 5, 7])
def test_a_band_too_few_or_too_many_is_answered_with_how_many_there_are(load, document, count):
    """All bands were written out, and behind them, far to the right, that it is too short."""
    bands = document["tracks"][1]["equalizer"]
    with pytest.raises(InputError) as caught:
        load(change(document, ("tracks", 1, "equalizer"), (2 * bands)[:count]))
    entries = "1 entry" if count == 1 else f"{count} entries"
    assert str(caught.value).endswith(f"tracks[1].equalizer has {entries}; give 6")
    with pytest.raises(InputError, match=r"channels has 3 entries; give from 1 to 2$"):
        load(change(document, ("tracks", 1, "channels"), [1, 2, 3]))


def test_what_may_be_small_is_answered_with_its_upper_end():
    (error,) = Draft202012Validator({"maximum": 2}).iter_errors(3)
    assert explain(error) == ("the file is 3", "set it to 2 or less")


def test_a_file_may_begin_with_the_mark_of_some_editors(document, load):
    text = json.dumps(document)
    assert console_text(load("\ufeff" + text)) == console_text(load(text))


def test_a_file_of_another_system_names_the_same_recordings(document, load):
    """A letter and its accent as two characters, as macOS may hand them out, are one name."""
    wanted, spelt = (unicodedata.normalize(form, "Gesäng.wav") for form in ("NFC", "NFD"))
    assert load(change(document, ("tracks", 0, "file"), spelt)).strips[0].file == wanted


def test_an_entry_that_is_there_twice_is_refused(document, load):
    """The last would count: an edit above it would do nothing, and nothing would say so."""
    text = json.dumps(document).replace('"muted": false', '"muted": true, "muted": false', 1)
    with pytest.raises(
        InputError, match=r"console\.json: tracks\[0\] has two entries 'muted'; remove one"
    ):
        load(text)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_console(tmp_path / "console.json")
    with pytest.raises(InputError, match="is a folder"):
        load_console(tmp_path)


def leaves(document, path=()):
    """Every path to a number, text or flag in a document."""
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        return [leaf for key, value in items for leaf in leaves(value, (*path, key))]
    return [path]


JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 10**6), value=JSON_VALUES)
def test_any_edit_gives_settings_in_range_or_an_input_error(load, document, place, value):
    paths = leaves(document)
    with suppress(InputError):
        loaded = load(change(document, paths[place % len(paths)], value))
        assert is_in_range(loaded.params.tracks)


def is_in_range(tracks):
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    inside = jax.tree.map(
        lambda limits, leaf: bool(np.all((leaf >= limits.low) & (leaf <= limits.high))),
        ranges.tracks,
        tracks,
        is_leaf=lambda node: isinstance(node, dsp.Range),
    )
    return all(jax.tree.leaves(inside))


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=200))
def test_random_bytes_are_refused(tmp_path, content):
    path = tmp_path / "console.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_console(path)

import dataclasses
import json
import math
import re

import jax
import numpy as np
import pytest

from diffmst_jax.api import mix
from diffmst_jax.audio import MINIMUM_DURATION_S, SAMPLE_RATE, read_audio, write_audio
from diffmst_jax.errors import InputError
from diffmst_jax.losses import style_features
from diffmst_jax.mixing.comparing.compare import compare
from diffmst_jax.mixing.report.content import report_content
from diffmst_jax.mixing.signals.measure import factor, integrated_loudness
from diffmst_jax.mixing.sources import style_file
from diffmst_jax.mixing.sources.inputs import audio_from_array, gather_references, gather_tracks
from diffmst_jax.mixing.sources.reference import (
    ReferenceName,
    Section,
    blended,
    named,
    parse_reference,
    parse_section,
    read_reference,
    section_name,
    usable_reference,
)
from diffmst_jax.mixing.sources.style import MATCHED_LUFS
from diffmst_jax.mixing.sources.style_file import (
    STYLE_KIND,
    load_style,
    style_text,
)
from tests.mixing.songs import bursts, tone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.mp3", ReferenceName("a.mp3")),
        ("a.mp3=0.3", ReferenceName("a.mp3", None, 0.3)),
        ("a.mp3@0:30-1:10", ReferenceName("a.mp3", Section(30, 70))),
        ("x/a.mp3@90-=2", ReferenceName("x/a.mp3", Section(90, None), 2.0)),
        ("me@home.mp3", None),
    ],
)
def test_references_are_read_with_section_and_weight(text, expected):
    if expected is None:
        with pytest.raises(InputError, match="stretch of time"):
            parse_reference(text)
        return
    found = parse_reference(text)
    assert str(found.path) == str(expected.path)
    assert found[1:] == expected[1:]


def test_a_file_that_is_called_so_wins_over_its_parts(tmp_path):
    path = tmp_path / "mix@home=2.wav"
    path.touch()
    assert parse_reference(str(path)) == ReferenceName(path)
    assert parse_reference(f"{path}=0.5") == ReferenceName(path, None, 0.5)


def test_a_sign_of_a_weight_in_a_name_does_not_keep_from_a_section(tmp_path):
    path = tmp_path / "my=mix.wav"
    path.touch()
    assert parse_reference(f"{path}@0:01-0:03") == ReferenceName(path, Section(1, 3))
    assert parse_reference(f"{path}@0:01-0:03=2") == ReferenceName(path, Section(1, 3), 2.0)


@pytest.mark.parametrize("text", ["a.wav=0", "a.wav=-1", "a.wav=much", "a.wav=inf", "a.wav="])
def test_wrong_weights_are_refused(text):
    with pytest.raises(InputError, match="weight"):
        parse_reference(text)


@pytest.mark.parametrize("weight", [0, -0.5, math.nan, math.inf, "2", None])
def test_wrong_weights_from_python_are_refused_by_the_name_of_their_reference(reference, weight):
    for references in ({reference: weight}, ReferenceName(reference, weight=weight)):
        with pytest.raises(ValueError, match=f"{reference.name}: has the weight {weight!r}"):
            gather_references(references, section=None, sample_rate=SAMPLE_RATE)
    (read,) = gather_references(reference, section=None, sample_rate=SAMPLE_RATE)
    with pytest.raises(ValueError, match=f"{reference.name}: has the weight {weight!r}"):
        gather_references(
            dataclasses.replace(read, weight=weight), section=None, sample_rate=SAMPLE_RATE
        )


def test_a_reference_that_counts_for_nothing_beside_the_others_is_refused(reference, tmp_path):
    other = tmp_path / "other.wav"
    write_audio(other, 0.3 * bursts(3.0, 2.0, 9), sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match=r"other.wav: counts for less than 1e-06"):
        gather_references({reference: 1.0, other: 1e-7}, section=None, sample_rate=SAMPLE_RATE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:30-1:10", (30, 70)),
        ("30-70.5", (30, 70.5)),
        ("1:00:00-", (3600, None)),
        ("-1:10", (0, 70)),
    ],
)
def test_sections_are_read(text, expected):
    assert parse_section(text) == expected


@pytest.mark.parametrize("text", ["", "30", "a-b", "1:10-0:30", "0:30-0:30.5", "1::2-3", "3--1"])
def test_wrong_sections_are_refused(text):
    with pytest.raises(InputError, match="section"):
        parse_section(text)


def test_a_section_that_ends_before_it_starts_is_not_called_short():
    with pytest.raises(InputError, match="ends before it starts: '1:10-0:30'"):
        parse_section("1:10-0:30")


def test_a_section_is_that_part_of_the_file(reference):
    whole = read_audio(reference)
    part = read_reference(reference, Section(1.0, 3.0))
    np.testing.assert_array_equal(part, whole[:, SAMPLE_RATE : 3 * SAMPLE_RATE])
    with pytest.raises(InputError, match="nothing at"):
        read_reference(reference, Section(60.0, None))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (Section(1.0, 5.5), "lasts 5.00 s, and the section goes on to 5.50 s; end it sooner"),
        (Section(4.8, None), "lasts 5.00 s, and from 4.80 s on too little of it is left"),
        (Section(5.0, None), "lasts 5.00 s and has nothing at 5.00 s"),
        (Section(60.0, 70.0), "lasts 5.00 s and has nothing at 60.00 s"),
    ],
)
def test_a_section_that_a_mix_does_not_hold_is_refused_with_its_length(reference, section, said):
    with pytest.raises(InputError, match=re.escape(f"finished.wav: {said}")):
        read_reference(reference, section)
    audio = read_audio(reference)
    with pytest.raises(InputError, match=re.escape(f"reference: {said}")):
        gather_references(audio, section=section, sample_rate=SAMPLE_RATE)


def test_a_reference_that_is_read_has_no_sections(reference):
    found = gather_references(reference, section="1-3", sample_rate=SAMPLE_RATE)
    with pytest.raises(InputError, match=r"finished\.wav 0:01-0:03: is read already"):
        gather_references(found, section="1-2", sample_rate=SAMPLE_RATE)


@pytest.mark.parametrize(
    ("text", "name"),
    [("30-70", " 0:30-1:10"), ("59.99-", " 0:59.99-"), ("0:10.97-3599.9999", " 0:10.97-60:00")],
)
def test_a_section_is_named_as_exactly_as_it_was_given(text, name):
    assert section_name(parse_section(text)) == name


def test_a_section_may_go_to_the_last_sample(reference):
    whole = read_audio(reference)
    for section in (Section(3.0, 5.0), Section(3.0, None)):
        part = read_reference(reference, section)
        np.testing.assert_array_equal(part, whole[:, 3 * SAMPLE_RATE :])
        (found,) = gather_references(whole, section=section, sample_rate=SAMPLE_RATE)
        np.testing.assert_array_equal(found.audio, part)


def test_what_is_too_short_is_not_called_silent():
    with pytest.raises(InputError, match=r"mix: is too short \(0.2000 s"):
        usable_reference(tone(0.2, 200.0), "mix")


def test_weights_are_shares_and_the_heaviest_comes_first(reference, tmp_path):
    other = tmp_path / "other.wav"
    write_audio(other, 0.3 * bursts(3.0, 2.0, 9), sample_rate=SAMPLE_RATE)
    found = gather_references([str(reference), f"{other}=3"], section=None, sample_rate=SAMPLE_RATE)
    assert [item.weight for item in found] == [0.75, 0.25]
    assert named(found) == "other.wav (75 %), finished.wav (25 %)"
    mean = blended(found)
    expected = 0.75 * found[0].features.stereo_width + 0.25 * found[1].features.stereo_width
    assert mean.stereo_width == pytest.approx(expected)


def test_a_reference_is_measured_as_a_whole(reference):
    """Peaks are those of all of it, as a song is measured."""
    (found,) = gather_references([str(reference)], section=None, sample_rate=SAMPLE_RATE)
    level = integrated_loudness(found.audio, sample_rate=SAMPLE_RATE)
    loud = (found.audio * factor(MATCHED_LUFS - level)).astype(np.float32)
    expected = style_features(loud, sample_rate=SAMPLE_RATE)
    for value, wanted in zip(found.features, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-5)


def test_tracks_given_in_the_place_of_the_reference_are_refused(tmp_path):
    with pytest.raises(
        InputError, match="is a folder; give a finished mix as the reference, after"
    ):
        gather_references(tmp_path, section=None, sample_rate=SAMPLE_RATE)


def test_two_equal_references_are_as_good_as_one(song, reference, model, mixed, tmp_path):
    twin = tmp_path / "twin.wav"
    write_audio(twin, read_audio(reference), sample_rate=SAMPLE_RATE, subtype="FLOAT")
    again = mix(song, {reference: 0.3, twin: 0.7}, model=model)
    np.testing.assert_allclose(again.audio, mixed.audio, rtol=0, atol=2e-3)
    distances = again.report.distances["Mix"]["total"]
    assert distances == pytest.approx(mixed.report.distances["Mix"]["total"], rel=1e-3)


def test_a_mix_after_two_references_is_near_their_mean(song, reference, model, mixed, tmp_path):
    """The mean of the answers is not, where one has left what the other has right."""
    audio = read_audio(reference)
    sides = {tmp_path / "left.wav": [1.0, 0.3], tmp_path / "right.wav": [0.3, 1.0]}
    for path, gains in sides.items():
        leaning = audio * np.array(gains, np.float32)[:, None]
        write_audio(path, leaning, sample_rate=SAMPLE_RATE, subtype="FLOAT")
    alone = [mix(song, path, model=model) for path in sides]
    nearest = max(result.report.distances["Mix"]["total"] for result in alone)
    both = mix(song, list(sides), model=model)
    assert both.report.distances["Mix"]["total"] < max(nearest, 0.02)


def test_a_saved_style_stands_for_its_reference(song, model, mixed, tmp_path):
    path = tmp_path / "style.json"
    mixed.save_preset(path)
    again = mix(song, path, model=model)
    error = np.sqrt(np.mean(np.square(again.audio - mixed.audio)))
    assert error < 2e-3 * np.sqrt(np.mean(np.square(mixed.audio)))  # the excerpt has 24 bits
    assert again.console.provenance.reference == "finished.wav"
    loudness, peak = (texts for _, texts in report_content(again.report.facts).numbers[:2])
    assert loudness[-1] == peak[-1] == "not in a saved style"  # which levels its excerpt
    assert "not in a saved style" not in mixed.report.html
    (found,) = load_style(path)
    for kept, measured in zip(found.features, mixed.references[0].features, strict=True):
        np.testing.assert_allclose(kept, measured, atol=1e-5)


def test_mixes_are_compared_with_the_features_that_a_saved_style_holds(mixed):
    """They are of all of the mix that it was, its audio is of passages alone."""
    (whole,) = mixed.references
    saved = dataclasses.replace(whole, audio=whole.audio[:, : SAMPLE_RATE // 2], is_saved=True)
    (target,) = compare([], [saved])
    jax.tree.map(np.testing.assert_array_equal, target.features, whole.features)


@pytest.mark.parametrize("sample_rate", [8000, 22050, SAMPLE_RATE, 48000, 96000])
def test_the_style_of_the_shortest_reference_can_be_saved_and_loaded(tmp_path, sample_rate):
    path = tmp_path / "short.wav"
    audio = tone(MINIMUM_DURATION_S, 200.0, sample_rate=sample_rate)
    write_audio(path, audio, sample_rate=sample_rate)
    found = gather_references(path, section=None, sample_rate=SAMPLE_RATE)
    (tmp_path / "style.json").write_text(style_text(found))
    (loaded,) = load_style(tmp_path / "style.json")
    assert loaded.audio.shape == found[0].audio.shape


def test_the_style_of_a_mix_that_is_nearly_all_dc_offset_can_be_saved_and_loaded(tmp_path):
    sound = np.concatenate([bursts(3.0, 2.0, 9), bursts(3.0, 3.0, 8)])
    offset = np.hanning(sound.shape[1])  # that comes and goes without a thump
    audio = (0.9 * offset + 2e-3 * sound).astype(np.float32)
    found = gather_references(audio, section=None, sample_rate=SAMPLE_RATE)
    assert np.min(found[0].features.rms) > 10.0
    (tmp_path / "style.json").write_text(style_text(found))
    (loaded,) = load_style(tmp_path / "style.json")
    np.testing.assert_array_equal(loaded.features.rms, 10.0)


def test_more_references_than_a_style_may_hold_are_not_saved(mixed, monkeypatch):
    monkeypatch.setattr(style_file, "STYLE_KIND", STYLE_KIND._replace(largest_bytes=1000))
    with pytest.raises(InputError, match=r"finished.wav: are too many references \(1\)"):
        style_text(mixed.references)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(version=9), "has version 9"),
        (lambda d: d.update(format="other"), "is not a style file"),
        (lambda d: d["references"][0].update(weight=-1), "references[0].weight is -1; set it from"),
        (lambda d: d["references"][0].pop("name"), "references[0] has no entry 'name'"),
        (lambda d: d["references"][0].update(excerpt_flac="AAAA"), "cannot be decoded"),
        (lambda d: d["references"][0].update(excerpt_flac="no!"), "cannot be decoded"),
        (
            lambda d: d["references"][0]["features"].update(rms=[1]),
            "features.rms has 1 entry; give 2",
        ),
        (lambda d: d.update(references=[]), "references has 0 entries; give 1 or more"),
    ],
)
def test_a_wrong_style_is_answered_with_its_place(mixed, tmp_path, change, said):
    document = json.loads(style_text(mixed.references))
    change(document)
    path = tmp_path / "style.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        load_style(path)
    assert said in str(caught.value)


def test_arrays_mix_as_their_files_do(song, reference, model, mixed, multitrack):
    arrays = {path.name: read_audio(path) for path in song.iterdir()}
    ordered = {strip.file: arrays[strip.file] for strip in multitrack.strips}
    ordered["silent.wav"] = arrays["silent.wav"]
    again = mix(ordered, read_audio(reference), model=model)
    np.testing.assert_allclose(again.audio, mixed.audio, rtol=0, atol=1e-6)
    assert again.console.strips == mixed.console.strips
    assert again.console.left_out == mixed.console.left_out


@pytest.mark.parametrize(
    ("audio", "problem"),
    [
        (np.zeros((2, 3, 44100), np.float32), "shape"),
        (np.zeros(44100, np.int16), "int16"),
        (np.full(44100, np.nan, np.float32), "no numbers"),
        (np.zeros((44100, 2), np.float32), "less than 0.4 s"),
    ],
)
def test_unusable_arrays_are_refused(audio, problem):
    with pytest.raises(InputError, match=problem):
        audio_from_array(audio, "kick", 44100)


def test_arrays_of_another_rate_are_resampled():
    slow = audio_from_array(tone(1.0, 200.0, sample_rate=22050)[0], "x", 22050)
    assert slow.shape == (1, SAMPLE_RATE)


def test_silent_arrays_and_no_reference_are_refused():
    with pytest.raises(InputError, match="tracks: holds no track with sound"):
        gather_tracks(
            {"a": np.zeros(44100, np.float32)}, references=[], exclude=[], sample_rate=44100
        )
    with pytest.raises(InputError, match="none was given"):
        gather_references([], section=None, sample_rate=44100)

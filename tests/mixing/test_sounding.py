"""Silence before and after a song, or a reference, changes nothing of what is made of it."""

import jax
import numpy as np
import pytest

from diffmst_jax.api import mix
from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.mixing.comparing.compare import compare
from diffmst_jax.mixing.sources.reference import read_reference
from diffmst_jax.mixing.sources.sounding import sounding, sounding_part
from diffmst_jax.mixing.sources.style import song_style
from diffmst_jax.mixing.sources.tracks import load_tracks
from tests.mixing.songs import bursts, tone

BEFORE_S, AFTER_S = 20.0, 9.0


def surrounded(audio: np.ndarray, before_s: float = BEFORE_S, after_s: float = AFTER_S):
    ends = (round(before_s * SAMPLE_RATE), round(after_s * SAMPLE_RATE))
    return np.pad(audio, ((0, 0), ends))


@pytest.mark.parametrize(
    ("before_s", "after_s", "expected_s"),
    [
        (3.0, 2.0, (3.0, 5.0)),
        (3.0, 0.9, (3.0, 5.9)),
        (0.9, 3.0, (0.0, 2.9)),
        (0.0, 0.0, (0.0, 2.0)),
        (1.23, 0.0, (1.2, 3.23)),
    ],
)
def test_silence_of_a_second_or_more_is_found_at_each_end(before_s, after_s, expected_s):
    found = sounding(surrounded(tone(2.0, 440.0), before_s, after_s))
    expected = [round(seconds * SAMPLE_RATE) for seconds in expected_s]
    assert [found.start, found.stop] == expected


def test_a_quiet_beginning_is_part_of_the_song_and_hiss_far_below_it_is_not():
    loud = tone(2.0, 440.0)
    for level, start_s in ((10 ** (-50 / 20), 0.0), (10 ** (-70 / 20), 2.0)):
        found = sounding(np.concatenate([level * loud, loud], axis=1))
        assert found.start == round(start_s * SAMPLE_RATE)


def test_one_channel_that_sounds_is_enough():
    audio = np.concatenate([surrounded(tone(2.0, 440.0)), tone(2.0 + BEFORE_S + AFTER_S, 80.0)])
    assert sounding(audio) == slice(0, audio.shape[1])


def test_what_hardly_sounds_at_all_is_left_whole():
    for audio in (np.zeros((2, 90000), np.float32), surrounded(tone(0.4, 440.0))):
        assert sounding(audio) == slice(0, audio.shape[1])


def test_silence_around_a_reference_is_no_part_of_its_style(reference, tmp_path):
    plain = read_reference(reference)
    path = tmp_path / "surrounded.wav"
    write_audio(path, surrounded(plain), sample_rate=SAMPLE_RATE, subtype="FLOAT")
    found = read_reference(path)
    np.testing.assert_array_equal(found, plain)
    features = song_style(found)
    jax.tree.map(np.testing.assert_array_equal, features, song_style(plain))


def test_mixes_are_measured_where_they_sound(mixed):
    audio = mixed.audio
    views = compare([("Mix", "mix", audio), ("Late", "mix", surrounded(audio))], mixed.references)
    plain, late = views[:2]
    assert late.distance is not None
    assert plain.distance is not None
    assert late.distance.total == pytest.approx(plain.distance.total, abs=1e-3)
    before, after = (view.spectrum_db - view.gain_db for view in (plain, late))
    np.testing.assert_allclose(after, before, atol=0.05)
    assert late.audio.shape == surrounded(audio).shape


@pytest.mark.parametrize("centre", [None, ()])
def test_tracks_that_begin_late_together_are_mixed_as_if_they_began_at_once(
    model, reference, centre
):
    tracks = {"hit": bursts(4.0, 2.0, 1), "pad": tone(4.0, 440.0), "bass": tone(4.0, 55.0)}
    how = {"model": model, "refine": 1, "centre": centre}
    plain = mix(tracks, reference, **how)
    late = mix({name: surrounded(audio) for name, audio in tracks.items()}, reference, **how)
    # Blocks of loudness that are partly silence move levels by some tenths of a dB.
    before, after = (result.console.params.tracks for result in (plain, late))
    np.testing.assert_allclose(after.pan, before.pan, atol=0.02)
    np.testing.assert_allclose(after.input_gain_db, before.input_gain_db, atol=0.5)
    if centre is not None:  # beside a price one band moves by 0.67 dB, which nothing else shows
        np.testing.assert_allclose(after.equalizer.gain_db, before.equalizer.gain_db, atol=0.5)
    assert late.audio.shape == surrounded(plain.audio).shape
    distances = [result.report.distances["Mix"]["total"] for result in (plain, late)]
    assert distances[1] == pytest.approx(distances[0], rel=0.05)


def test_the_sounding_part_of_a_song_has_all_else_of_it(song):
    whole = load_tracks(song)
    part = sounding_part(whole)
    assert part.audio.shape == whole.audio.shape
    assert part.strips == whole.strips

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import fftconvolve

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from diffmst_jax.data.corpora import find_corpora
from diffmst_jax.errors import InputError
from diffmst_jax.evaluation import batch
from diffmst_jax.evaluation.batch import RAISED, Mixed, console_mixes, raised, weighted_mixes
from diffmst_jax.evaluation.finished import (
    CLEAR_PEAK,
    FinishedMixes,
    aligned,
    cut,
    find_lag,
    plain_name,
    shift_text,
)
from diffmst_jax.evaluation.judging import Judged, judge_batch
from diffmst_jax.evaluation.known import random_settings, settings_controls
from diffmst_jax.evaluation.loading import load_example
from diffmst_jax.evaluation.metrics import strip_audibility
from diffmst_jax.evaluation.protocols import draw_examples
from diffmst_jax.evaluation.systems import (
    ConsoleSystem,
    make_systems,
    neutral_console,
    random_console,
    refined_settings,
)
from diffmst_jax.evaluation.tone import (
    SpectralMatch,
    corpus_target,
    matching_filter,
    sloping_target,
)
from diffmst_jax.mixing.comparing.baselines import (
    equal_loudness_mix,
    equal_loudness_weights,
    plain_sum,
)
from diffmst_jax.mixing.comparing.compare import SPECTRUM_HZ, spectrum_and_width
from diffmst_jax.mixing.refining.passages import PIECE, PIECES
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.sources.tracks import load_tracks
from tests.evaluation.conftest import composed
from tests.mixing.songs import tone


def examples_of(overrides, *more):
    config = composed(*overrides, *more)
    return draw_examples(*find_corpora(config.data), config.protocol, 0)


@pytest.fixture(scope="module")
def loaded(overrides):
    examples = examples_of(overrides, "protocol=table2")
    return [load_example(number, example) for number, example in enumerate(examples)]


def test_batched_console_gives_the_mixes_of_the_mixing_tool(loaded):
    songs = [(song.tracks, random_settings(song.tracks, seed=i)) for i, song in enumerate(loaded)]
    mixes = console_mixes(songs, size=2)
    for mixed, (tracks, settings) in zip(mixes, songs, strict=True):
        whole = render(settings, tracks).mix
        np.testing.assert_allclose(mixed.mix, whole, rtol=0, atol=1e-4 * np.abs(whole).max())
        assert mixed.heard is not None
        assert mixed.heard.shape == (3,)
        assert np.all((mixed.heard > 0) & (mixed.heard <= 1))


def test_weighted_mixes_are_the_baselines(loaded):
    songs = [(song.tracks, equal_loudness_weights(song.tracks)) for song in loaded]
    for mixed, song in zip(weighted_mixes(songs, size=2), loaded, strict=True):
        np.testing.assert_allclose(mixed.mix, equal_loudness_mix(song.tracks), rtol=0, atol=1e-5)


def test_device_holds_one_batch_however_many_songs_there_are(loaded, monkeypatch):
    shapes: list[tuple[tuple[int, ...], int]] = []

    def console(tracks, mask, strips, side, params, config):
        assert np.array_equal(side[0, :4], multitrack.side_of_track)
        shapes.append((tracks.shape[:2], len(params.tracks.pan)))
        return np.full((len(tracks), 2, tracks.shape[2]), 1e-5), np.zeros(mask.shape)

    monkeypatch.setattr(batch, "_console", console)
    multitrack = loaded[0].tracks
    song = (multitrack, neutral_console(loaded[0]))
    mixes = console_mixes([song] * 5, size=2)
    assert [mixed.mix.shape for mixed in mixes] == [loaded[0].reference.shape] * 5
    assert shapes == [((2, 8), 2)] * 3
    assert {mixed.note for mixed in mixes} == {RAISED}


def test_faint_mixes_are_judged_like_any_other():
    mix = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2 * SAMPLE_RATE)).astype(np.float32)
    loud, faint = Mixed(mix), raised(Mixed(1e-5 * mix))
    assert (loud.note, faint.note) == ("", RAISED)
    assert raised(loud) is loud
    judged = judge_batch([loud.mix, faint.mix], -16.0, size=2)
    for a, b in zip(judged[0].features, judged[1].features, strict=True):
        assert a == pytest.approx(b, rel=1e-3, abs=1e-5)
    assert np.abs(raised(Mixed(0 * mix)).mix).max() == 0.0


def test_failing_song_leaves_the_others_of_its_batch(loaded):
    def settings(song):
        if song.number == 0:
            raise ValueError("no idea")
        return random_console(song)

    first, second = ConsoleSystem(settings, size=2)(loaded)
    assert isinstance(first, ValueError)
    assert isinstance(second, Mixed)
    assert second.mix.shape == loaded[1].reference.shape


def test_known_truth_is_matched_by_the_settings_that_made_it(overrides):
    example = examples_of(overrides, "protocol=method1", "protocol.examples=1")[0]
    song = load_example(0, example)
    settings = random_settings(song.tracks, seed=example.seed)
    (mixed,) = console_mixes([(song.tracks, settings)], size=2)
    (measured,) = judge_batch([song.reference], -16.0, size=2)
    ((values, _),) = Judged.scores([Judged(song, measured, mixed)], -16.0, size=2)
    assert values["mrstft"] == pytest.approx(0.0, abs=1e-3)
    assert values["controls_rmse"] == pytest.approx(0.0, abs=1e-4)
    assert values["audio_features"] == pytest.approx(0.0, abs=1e-5)
    other = settings_controls(random_console(song))
    assert song.truth is not None
    assert np.abs(other.track - song.truth.track).mean() > 0.2


def as_long_as_a_medley(song):
    """Refined by the program that the tests of refining compile."""
    twice = np.tile(song.heard.audio, 2)[:, : PIECES * PIECE]
    return dataclasses.replace(song, heard=dataclasses.replace(song.heard, audio=twice))


@pytest.mark.slow
def test_optimising_the_console_comes_closer(loaded, monkeypatch):
    # Medleys take turns; where it does not matter that they do, one is a third of the work.
    monkeypatch.setattr("diffmst_jax.mixing.refining.passages.MEDLEYS", 1)
    start = neutral_console(loaded[0])
    better = refined_settings(neutral_console, 8, as_long_as_a_medley(loaded[0]))
    mixes = console_mixes([(loaded[0].tracks, s) for s in (start, better)], size=2)
    (reference,) = judge_batch([loaded[0].reference], -16.0, size=2)
    items = [Judged(loaded[0], reference, mixed) for mixed in mixes]
    scores = [v["audio_features"] for v, _ in Judged.scores(items, -16.0, size=2)]
    assert scores[1] < 0.7 * scores[0]


def test_spectral_match_has_the_targets_spectrum(loaded, material):
    target = corpus_target(material)
    plain = plain_sum(loaded[0].tracks)
    (mixed, _) = SpectralMatch(target, size=2)(loaded)
    middle = (SPECTRUM_HZ > 300) & (SPECTRUM_HZ < 3000)

    def distance(audio):
        apart = (spectrum_and_width(audio)[0] - target)[middle]
        return np.std(apart)

    assert distance(mixed.mix) < 0.8 * distance(plain)
    assert sloping_target()[-1] < sloping_target()[0]


def test_spectral_match_is_heard_through_its_filter(loaded):
    target = np.where(SPECTRUM_HZ < 300, 0.0, -24.0)
    (mixed, _) = SpectralMatch(target, size=2)(loaded)
    tracks, weights = loaded[0].tracks, equal_loudness_weights(loaded[0].tracks)
    taps = matching_filter(spectrum_and_width(weights @ tracks.audio)[0], target)
    filtered = np.stack([fftconvolve(row, taps, "same") for row in tracks.audio])
    filtered = filtered.astype(np.float32)
    parts = weights.T[:, :, None] * filtered[:, None]
    strips = len(tracks.strips)
    heard = strip_audibility(parts, filtered, tracks.strip_of_track, strips)
    np.testing.assert_allclose(mixed.heard, heard, atol=1e-4)
    np.testing.assert_allclose(mixed.mix, weights @ filtered, atol=1e-5)
    (equal,) = weighted_mixes([(tracks, weights)], size=1)
    assert np.max(np.abs(heard - np.asarray(equal.heard))) > 0.02


def finished_folder(material, tmp_path, *, delay=0.0, speed=1.0):
    """The plain sums of both songs as somebody's finished mixes, quieter, late or too fast."""
    for name, file in (("one", "One.wav"), ("two", "two__mix 0.wav")):
        mix = plain_sum(load_tracks(material / "songs" / name))
        mix = np.pad(mix, ((0, 0), (round(delay * SAMPLE_RATE), 0)))
        rate = round(speed * SAMPLE_RATE)
        write_audio(tmp_path / file, 0.3 * mix, sample_rate=rate)
    return tmp_path


def test_finished_mixes_are_found_by_name_and_moved_into_place(loaded, material, tmp_path):
    system = FinishedMixes(finished_folder(material, tmp_path, delay=0.25))
    assert system.find("two", "mix 0").name == "two__mix 0.wav"
    first, second = system(loaded)
    assert isinstance(first, Mixed)
    assert "-0.250 s" in first.note
    expected = 0.3 * plain_sum(loaded[0].tracks)
    np.testing.assert_allclose(first.mix, expected, rtol=0, atol=1e-3)
    if loaded[1].example.reference_name == "mix 0":
        assert isinstance(second, Mixed)
        assert second.mix.shape == expected.shape
    else:
        assert "no mix of the song 'two'" in str(second)


def test_of_several_mixes_that_fit_a_song_none_is_taken_but_the_one_named_like_it(tmp_path):
    for name in ("one/rough.wav", "one/final.wav", "two.wav", "two/mix.wav", "two/ref.wav"):
        write_audio(tmp_path / name, tone(0.1, 440.0), sample_rate=SAMPLE_RATE)
    system = FinishedMixes(tmp_path)
    with pytest.raises(InputError, match=r"one/final\.wav and one/rough\.wav"):
        system.find("one", "ref")
    assert system.find("one", "rough").name == "rough.wav"
    assert system.find("two", "another") == tmp_path / "two.wav"
    assert system.find("two", "ref") == tmp_path / "two" / "ref.wav"


def test_finished_mixes_that_do_not_fit_are_named(loaded, material, tmp_path):
    fast = FinishedMixes(finished_folder(material, tmp_path / "fast", speed=48000 / 44100))
    assert "line up" in str(fast(loaded)[0]) or "another speed" in str(fast(loaded)[0])
    noise = 0.1 * np.random.default_rng(99).standard_normal((2, 6 * SAMPLE_RATE))
    write_audio(tmp_path / "noise" / "one.wav", noise, sample_rate=SAMPLE_RATE)
    assert "does not line up" in str(FinishedMixes(tmp_path / "noise")(loaded)[0])
    short = plain_sum(loaded[0].tracks)[:, : SAMPLE_RATE // 2]
    write_audio(tmp_path / "short" / "one.wav", short, sample_rate=SAMPLE_RATE)
    for start_s in (20.0, 5.4):
        judged = dataclasses.replace(loaded[0].example.judged, start_s=start_s)
        late = dataclasses.replace(loaded[0].example, judged=judged)
        (answer,) = FinishedMixes(tmp_path / "short")(
            [dataclasses.replace(loaded[0], example=late)]
        )
        assert isinstance(answer, InputError)
        assert "does not cover" in answer.problem


def test_lag_is_found_to_the_sample_and_noise_is_not_clear():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal(SAMPLE_RATE)
    found = find_lag(signal[5000:25000], signal)
    assert found.samples == 5000
    assert found.clearness > 5 * CLEAR_PEAK
    assert find_lag(rng.standard_normal(20000), signal).clearness < CLEAR_PEAK


@pytest.mark.parametrize("bar_s", [0.5, 1.0])
def test_loop_that_lies_right_is_not_taken_for_another_speed(bar_s):
    """Its ends repeat, and only the voice in its middle tells where they belong."""
    rng = np.random.default_rng(1)
    place, samples = 5 * SAMPLE_RATE, 10 * SAMPLE_RATE
    loop = np.tile(rng.standard_normal((1, round(bar_s * SAMPLE_RATE))), (2, round(20 / bar_s)))
    voice = np.zeros_like(loop)
    middle = slice(place + samples * 4 // 10, place + samples * 6 // 10)
    voice[:, middle] = 3 * rng.standard_normal(voice[:, middle].shape)
    tracks = (loop + voice)[:, place : place + samples]
    mix = loop + voice + 0.3 * rng.standard_normal(loop.shape)
    assert aligned(tracks, mix, path=Path("loop.wav")).samples == place


def test_mix_whose_end_comes_late_runs_at_another_speed():
    rng = np.random.default_rng(2)
    place, samples, late = 5 * SAMPLE_RATE, 10 * SAMPLE_RATE, 441
    mix = rng.standard_normal((2, 20 * SAMPLE_RATE))
    cut_at = place + samples * 6 // 10
    tracks = mix[:, place : place + samples]
    later = np.concatenate([mix[:, :cut_at], mix[:, cut_at - late : -late]], axis=1)
    with pytest.raises(InputError, match=r"another speed.*\+0\.15%"):
        aligned(tracks, later, path=Path("late.wav"))


def test_cut_fills_a_little_and_refuses_much():
    audio = np.ones((2, 10000), np.float32)
    filled = cut(audio, -100, 5000)
    assert filled is not None
    assert filled[:, :100].max() == 0.0
    assert filled.shape == (2, 5000)
    assert cut(audio, 7500, 5000) is None
    assert [shift_text(x) for x in (-0.25, 1 / SAMPLE_RATE)] == ["-0.250 s", "+0.02 ms"]
    assert plain_name("My_Song  (Final)__Ref-1") == "my song final__ref 1"


def test_names_in_any_script_tell_songs_apart():
    assert plain_name("Песня") != plain_name("Вальс")
    assert plain_name("हिन्दी") != plain_name("हन्दी")
    assert plain_name("ПЕСНЯ (1)__Ref") == "песня 1__ref"
    composed_name, decomposed_name = "Caf\u00e9", "CAFE\u0301"
    assert plain_name(composed_name) == plain_name(decomposed_name) == "caf\u00e9"


@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        (["finished=['MST=A','MST=B']"], "finished"),
        (["finished=['plain_sum=A']"], "finished"),
        (["finished=['reference=A']"], "finished"),
        (["finished=['compact=A']", "model=compact"], "model"),
        (["finished=['compact refined=A']", "model=compact", "refine=1"], "model"),
        (["model=reference"], "model"),
        (["model=[compact,compact]"], "model"),
        (["systems=[plain_sum,plain_sum]"], "systems"),
    ],
)
def test_systems_of_one_name_are_refused(overrides, place):
    with pytest.raises(InputError, match="system") as caught:
        make_systems(composed(*overrides))
    assert caught.value.path == place


def test_models_whose_folders_are_named_alike_have_their_paths_for_names(model_folder, tmp_path):
    paths = [str(shutil.copytree(model_folder, tmp_path / p / "reference")) for p in "ab"]
    config = composed("systems=[]", f"model=[{model_folder},{','.join(paths)}]")
    assert list(make_systems(config)) == [model_folder.name, *paths]

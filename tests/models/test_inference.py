"""`Model.controls`: any input that makes sense, and a ValueError that names what does not."""

import functools
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.losses import NARROWEST, audio_feature_loss, style_distance
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models import Model, inference, normalize_tracks
from diffmst_jax.models.compact.listening import CHOICE
from diffmst_jax.models.compact.style_spectrum import measured_style
from diffmst_jax.models.compact.windows import choose_windows, covering_windows, excerpt
from diffmst_jax.models.given import check_reference, padded_count, pair_gains_db, whole_pairs
from dsp.loudness import integrated_loudness
from tests.compiling import quick_jit, quickly
from tests.models.small import SMALL, TIME, model, predict, song

RATE = 44100
WHOLE = 4 * TIME  # the longest that is heard whole, and as much as is heard of anything longer
level = quick_jit(functools.partial(normalize_tracks, sample_rate=RATE))
loudness = quick_jit(functools.partial(integrated_loudness, sample_rate=RATE))
# Compact sorts its tracks; sums of the paper's model round as the order is.
ORDER_TOLERANCE = {"compact": 0.0, "cnn14": 1e-4}


@functools.cache
def ready(name: str = "compact") -> Model:
    with quickly():
        return Model(SMALL[name], model(name), dsp.ConsoleConfig())


@pytest.mark.parametrize("name", ["compact", "cnn14"])
def test_levels_of_tracks_and_reference_do_not_matter(name):
    tracks, reference = song(3, time=WHOLE)
    plain = ready(name).controls(tracks, reference)
    scaled = ready(name).controls(tracks * np.array([[5], [0.5], [20]]), 0.3 * reference)
    for a, b in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("name", ["compact", "cnn14"])
def test_order_of_tracks_means_nothing_to_the_answer(name):
    """All the way: levels, windows, what the model says and, of compact, what it hears."""
    tracks, reference = song(3, time=WHOLE)
    order = np.array([2, 0, 1])
    plain = ready(name).controls(tracks, reference)
    shuffled = ready(name).controls(tracks[order], reference)
    assert np.ptp(plain.track, axis=0).max() > 0.01
    for a, b in zip(shuffled, plain._replace(track=plain.track[order]), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=ORDER_TOLERANCE[name])


def test_order_of_strips_means_nothing_and_pairs_stay_together():
    tracks, reference = song(5, time=WHOLE)
    tracks *= np.array([3.0, 1.0, 0.2, 0.5, 2.0], np.float32)[:, None]  # channels apart in level
    side, order = np.array([-1, 1, 0, -1, 1]), np.array([3, 4, 2, 0, 1])
    plain = ready().controls(tracks, reference, side=side)
    shuffled = ready().controls(tracks[order], reference, side=side[order])
    for a, b in zip(shuffled, plain._replace(track=plain.track[order]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compact", "cnn14"])
def test_64_tracks_have_an_answer_in_which_their_order_means_nothing(name, monkeypatch):
    """Of compact, in as few rounds as there may be: each does with all tracks what others do."""
    monkeypatch.setattr(inference, "rounds_for", lambda *_, **__: CHOICE + 1)
    tracks, reference = song(64)
    plain = ready(name).controls(tracks, reference)
    assert plain.track.shape == (64, 27)
    assert all(np.all((group >= 0) & (group <= 1)) for group in plain)
    backwards = ready(name).controls(tracks[::-1], reference)
    for a, b in zip(backwards, plain._replace(track=plain.track[::-1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=ORDER_TOLERANCE[name])


def test_tracks_are_heard_at_their_level():
    leveled = level(jnp.asarray(song(3)[0] * 7))
    for track in leveled.audio:
        np.testing.assert_allclose(loudness(track[None]), -48.0, atol=0.01)


def at_its_level(tracks, reference):
    gain_db = -16 - loudness(jnp.asarray(reference))
    return level(jnp.asarray(tracks)).audio, jnp.asarray(reference * 10 ** (gain_db / 20))


def test_the_paper_s_model_is_the_module_on_leveled_audio():
    tracks, reference = song(3)
    direct = predict("cnn14", *at_its_level(tracks, reference))
    for a, b in zip(ready("cnn14").controls(tracks, reference), direct, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.slow
def test_the_compact_model_listens_to_its_mix():
    """The answer is at least as near as the module's own, measured by a mix of what it heard."""
    tracks, reference = at_its_level(*song(3, time=WHOLE))

    @quick_jit
    def distance(track, fx_bus, master):
        params = dsp.console_params(track, fx_bus, master, sample_rate=44100)
        mix = dsp.mix_console(tracks, params, dsp.ConsoleConfig(), sample_rate=44100).mix
        at_level = normalize_loudness(mix, -16.0, sample_rate=44100)
        return audio_feature_loss(at_level, reference, sample_rate=44100).total

    before = distance(*predict("compact", tracks, reference))
    assert distance(*ready().controls(tracks, reference)) < 0.7 * before


def test_what_remains_of_a_pair_is_mono():
    side = np.array([-1, 1, 0, -1, 1, -1, 1])
    audible = np.array([True, True, True, True, False, False, True])
    np.testing.assert_array_equal(whole_pairs(side, audible), [-1, 1, 0, 0, 0])


def test_channels_of_a_pair_are_heard_at_one_level():
    gains = pair_gains_db(np.array([0.0, 12.0, 6.0, 5.0]), np.array([0, -1, 1, 0]))
    energy = 0.5 * (10**-1.2 + 10**-0.6)
    np.testing.assert_allclose(gains, [0.0, -10 * np.log10(energy), -10 * np.log10(energy), 5.0])


def test_a_recording_that_leans_is_heard_leaning():
    tracks, reference = song(4, time=WHOLE)
    side = np.array([-1, 1, -1, 1])
    even = ready("compact").controls(tracks, reference, side=side).track
    leaning = tracks * np.array([1.0, 0.1, 1.0, 0.1], np.float32)[:, None]
    answer = ready("compact").controls(leaning, reference, side=side).track
    pan = dsp.TRACK_CONTROLS - 2
    assert np.abs(answer[:, pan] - even[:, pan]).max() > 0.05


def test_a_short_song_is_heard_as_it_is_and_most_is_told_of_a_long_one():
    noise = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    for length, heard in ((1000, 1000), (400, 1000), (600, 975)):
        np.testing.assert_array_equal(excerpt(noise, length=length), noise[:, :heard])
    np.testing.assert_array_equal(excerpt(noise, length=1500)[:, 1000:], noise[:, :500])
    song_ = np.zeros((2, 10_000), np.float32)
    song_[0, 3000:3100] = 1.0
    song_[1, 8000:8200] = np.arange(1, 201)
    most = excerpt(song_, length=500)
    assert most.shape == (2, 2000)
    np.testing.assert_array_equal(most.sum(axis=1), song_.sum(axis=1))
    np.testing.assert_array_equal(most[1][most[1] > 0], np.arange(1, 201))


def test_of_a_long_song_is_heard_what_stands_for_all_of_it():
    """Not its loudest moments, which a repeated song has several times over."""
    window, level = 500, np.full((3, 40), 0.1)
    level[0, 30:] = 1.0  # loud in a quarter of the song
    level[1, ::2] = 0.0  # in every other window
    level[2, :37] = 0.0  # in three windows of forty
    noise = np.random.default_rng(0).standard_normal((3, 40, window))
    song_ = (level[..., None] * noise).reshape(3, -1).astype(np.float32)
    heard = excerpt(song_, length=window)
    whole, part = (np.mean(np.square(audio), axis=1) for audio in (song_, heard))
    np.testing.assert_allclose(part[:2], whole[:2], rtol=0.35)
    assert part[2] > 0.0


def test_all_of_the_time_counts_once_in_windows_of_one_length():
    audio = np.arange(23)[None]
    windows, lengths = covering_windows(audio, 10)
    assert [window[0].tolist() for window in windows] == [
        list(range(start, start + 10)) for start in (0, 10, 13)
    ]
    assert lengths == [10, 10, 3]
    assert covering_windows(audio[:, :20], 10)[1] == [10, 10]


def test_a_song_that_is_repeated_has_the_style_that_it_has():
    rng = np.random.default_rng(0)
    level = np.repeat([0.02, 0.1, 0.3, 0.05], TIME)
    reference = (level * rng.standard_normal((2, WHOLE))).astype(np.float32)
    reference[1, TIME : 2 * TIME] = 0.0
    once, often = (ready()._style(np.tile(reference, (1, count))) for count in (1, 5))
    for a, b in zip(once, often, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    whole = measured_style(jnp.asarray(reference), sample_rate=RATE)
    assert style_distance(once, whole).total < 1e-2
    assert ready()._style(reference[:, : WHOLE - 1]) is None


def test_what_is_heard_comes_in_any_order_followed_by_silent_rows():
    noise = np.random.default_rng(0).standard_normal((3, 1000)).astype(np.float32)
    order = np.array([2, 0, 1])
    heard = excerpt(noise, length=400, order=order, rows=5)
    np.testing.assert_array_equal(heard[:3], noise[order])
    assert not heard[3:].any()


def test_silent_tracks_are_left_out_and_neutral_as_loud_as_the_others():
    tracks, reference = song(3, time=WHOLE)
    plain = ready().controls(tracks, reference)
    silent = np.zeros((1, WHOLE), np.float32)
    answer = ready().controls(np.concatenate([tracks[:1], silent, tracks[1:]]), reference)
    np.testing.assert_allclose(answer.track[np.array([0, 2, 3])], plain.track, atol=1e-5)
    np.testing.assert_allclose(answer.master, plain.master, atol=1e-5)
    neutral = dsp.neutral_console(1, sample_rate=RATE)
    gains_db = dsp.console_params(*plain, sample_rate=RATE).tracks.input_gain_db
    neutral = neutral._replace(
        tracks=neutral.tracks._replace(input_gain_db=jnp.mean(gains_db)[None])
    )
    expected = dsp.console_controls(neutral, sample_rate=RATE)[0]
    np.testing.assert_allclose(answer.track[1], expected[0], atol=1e-5)


def test_a_mono_reference_counts_as_both_channels(caplog):
    tracks, reference = song(2, time=WHOLE)
    with caplog.at_level(logging.WARNING):
        mono = ready().controls(tracks, reference[:1])
    assert "mono" in caplog.text
    for a, b in zip(mono, ready().controls(tracks, reference[[0, 0]]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("width", [0.0, 1e-4])
def test_a_mono_reference_is_aimed_at_as_what_a_mix_can_come_near_to(width):
    _, reference = song(2, time=WHOLE)
    mid, side = reference[0] + reference[1], reference[0] - reference[1]
    side *= np.sqrt(width * np.sum(mid**2) / np.sum(side**2))
    style = ready()._style(np.stack([mid + side, mid - side]))
    assert style is not None
    gap = style.bark_spectrum[:, 0] - style.bark_spectrum[:, 1]
    np.testing.assert_allclose(style.stereo_width, NARROWEST, rtol=1e-5)
    np.testing.assert_allclose(gap, -0.5 * np.log(NARROWEST), atol=0.5)


def test_a_window_that_is_mono_is_aimed_at_so_too():
    """In training there is nothing else to tell the style by."""
    tracks, reference = song(2)
    batch = (tracks[None], reference[None, [0, 0]], np.ones((1, len(tracks)), bool))
    style = quick_jit(model("compact").measure)(*batch).reference
    np.testing.assert_allclose(style.stereo_width, NARROWEST, rtol=1e-5)
    gap = style.bark_spectrum[..., 0] - style.bark_spectrum[..., 1]
    np.testing.assert_allclose(gap, -0.5 * np.log(NARROWEST), atol=0.5)


def test_long_songs_are_heard_in_windows():
    tracks, reference = song(2, time=5 * TIME)
    tracks[0, TIME:] = 0.0
    tracks[1, : 4 * TIME] = 0.0
    windows = choose_windows(tracks, reference, length=TIME)
    starts = sorted(start for start, _ in windows.starts)
    assert starts == [0, 4 * TIME]
    np.testing.assert_allclose(windows.weights.sum(axis=0), 1.0)
    np.testing.assert_allclose(windows.weights.max(axis=0), 1.0)
    for name in ("compact", "cnn14"):
        answer = ready(name).controls(tracks, reference)
        assert all(np.isfinite(group).all() for group in answer)


def test_short_tracks_are_padded_and_short_songs_are_one_window():
    tracks, reference = song(2)
    answer = ready("cnn14").controls(tracks[:, :5000], reference)
    assert answer.track.shape == (2, 27)
    assert choose_windows(tracks, reference, length=TIME).starts == [(0, 0)]


def test_tracks_of_unequal_length_are_padded_to_the_longest():
    tracks, reference = song(2)
    padded = tracks * (np.arange(TIME) < [[TIME], [15000]])
    answer = ready("cnn14").controls([tracks[0], tracks[1, :15000]], reference)
    for a, b in zip(answer, ready("cnn14").controls(padded, reference), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_loudest_samples_that_are_taken_do_not_overflow():
    tracks, reference = song(2)
    plain = ready("cnn14").controls(tracks, reference)
    scaled = ready("cnn14").controls(*(0.9e10 * x / np.abs(x).max() for x in (tracks, reference)))
    for a, b in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_samples_of_half_precision_are_heard_as_they_are():
    half = [x.astype(np.float16) for x in song(2, time=WHOLE)]
    single = [x.astype(np.float32) for x in half]
    for a, b in zip(ready().controls(*half), ready().controls(*single), strict=True):
        np.testing.assert_array_equal(a, b)


def test_settings_that_are_not_finite_are_refused(monkeypatch):
    broken = jax.tree.map(lambda leaf: leaf * np.nan, ready("cnn14")._weights)
    monkeypatch.setattr(ready("cnn14"), "_weights", broken)
    with pytest.raises(ValueError, match="model: settings that are not finite"):
        ready("cnn14").controls(*song(2))


@pytest.mark.parametrize(
    ("tracks", "reference", "options", "message"),
    [
        (np.full((1, TIME), np.nan), None, {}, "track 0: NaN"),
        (None, np.full((2, TIME), np.inf), {}, "reference channel 0: NaN or infinite"),
        (
            np.full((2, TIME), 1e300),
            None,
            {},
            r"track 0: samples up to 1e\+300, expected full scale",
        ),
        (None, np.full((2, TIME), -1e11), {}, r"reference channel 0: samples up to 1e\+11"),
        ([np.ones(TIME), np.ones((2, TIME))], None, {}, r"track 1: shape \(2, 20000\)"),
        ([], None, {}, r"expected \(tracks, time\)"),
        (None, np.zeros((2, TIME)), {}, "reference: silent"),
        (None, np.ones((2, 1000)), {}, "reference: 1000 samples, expected at least 17640"),
        (np.zeros((2, TIME)), None, {}, "tracks: all silent"),
        (np.zeros((0, TIME)), None, {}, r"expected \(tracks, time\)"),
        (np.zeros(TIME), None, {}, r"expected \(tracks, time\)"),
        (np.ones((40, 2)), None, {}, r"shape \(40, 2\), expected \(tracks, time\)"),
        (iter(np.zeros((2, TIME))), None, {}, r"tracks: of .*iter.*, expected \(tracks, time\)"),
        (np.ones((2, TIME), int), None, {}, "int64 samples"),
        (None, np.ones((3, TIME)), {}, r"reference: shape \(3, 20000\)"),
        (None, np.ones(TIME), {}, r"reference: shape \(20000,\)"),
        (None, None, {"sample_rate": 48000}, "48000 Hz: this model works at 44100 Hz"),
        (None, None, {"side": np.zeros(3)}, r"side: shape \(3,\), expected \(2,\)"),
        (None, None, {"side": np.array([1, -1])}, r"side: \[1, -1\], expected -1 and 1 for"),
        (None, None, {"side": np.array([-2, 3])}, r"side: \[-2, 3\], expected -1 and 1 for"),
        (None, None, {"style": 3}, "style: of int, expected what `style` answers"),
        (
            None,
            None,
            {"loudness_lufs": np.array([-20.0, np.nan])},
            r"loudness_lufs: \[-20.0, nan\], expected numbers, or -inf for silence",
        ),
        (
            None,
            None,
            {"centring": np.array([0.1, -1])},
            r"centring: \[0.1, -1.0\], expected prices",
        ),
        (None, None, {"centring": np.ones(3)}, r"centring: shape \(3,\), expected \(2,\)"),
        (None, None, {"loudness_lufs": np.zeros(3)}, r"loudness_lufs: shape \(3,\), expected"),
    ],
)
def test_what_cannot_be_mixed_is_named(tracks, reference, options, message):
    usual = song(2)
    with pytest.raises(ValueError, match=message):
        ready().controls(
            usual[0] if tracks is None else tracks,
            usual[1] if reference is None else reference,
            **options,
        )


def test_a_reference_in_bfloat16_is_one_in_float32():
    reference = song(2)[1].astype(jnp.bfloat16)
    np.testing.assert_array_equal(check_reference(reference), reference.astype(np.float32))


def test_a_model_that_hears_its_reference_aims_at_no_style():
    tracks, reference = song(2)
    style = ready().style(reference)
    with pytest.raises(ValueError, match="style: this model hears a reference"):
        ready("cnn14").controls(tracks, reference, style=style)


@pytest.mark.parametrize("time", [TIME, 6 * TIME])
def test_the_style_of_a_reference_is_what_is_aimed_at_beside_it(time):
    tracks, reference = song(3, time=time)
    style = ready().style(reference)
    for a, b in zip(
        ready().controls(tracks, reference),
        ready().controls(tracks, reference, style=style),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize(
    ("tracks", "count"), [(1, 8), (8, 8), (9, 16), (33, 48), (64, 64), (65, 80)]
)
def test_tracks_are_padded_to_few_counts(tracks, count):
    assert padded_count(tracks) == count

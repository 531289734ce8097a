import dataclasses

import jax
import numpy as np
import pytest

import dsp
from diffmst_jax.audio import REVERB_SEED, SAMPLE_RATE
from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.comparing.baselines import (
    equal_loudness_mix,
    mono_equal_loudness_weights,
    plain_sum,
)
from diffmst_jax.mixing.finishing.output import OutputTarget, finish
from diffmst_jax.mixing.rendering import console_stream
from diffmst_jax.mixing.rendering import render as render_module
from diffmst_jax.mixing.rendering.console_stream import latency_samples
from diffmst_jax.mixing.rendering.reduction import (
    gain_reduction_db,
    limiting_db,
    master_reduction_db,
)
from diffmst_jax.mixing.rendering.render import expanded, render, source_gains
from diffmst_jax.mixing.signals.measure import integrated_loudness
from tests.export.consoles import random_console


def repeated(multitrack, *strips):
    """The song with these of its strips, in this order."""
    rows = [np.flatnonzero(multitrack.strip_of_track == strip) for strip in strips]
    return dataclasses.replace(
        multitrack,
        strips=tuple(multitrack.strips[strip] for strip in strips),
        audio=multitrack.audio[np.concatenate(rows)],
        loudness_lufs=multitrack.loudness_lufs[list(strips)],
    )


def test_pieces_equal_the_console_run_over_the_song_at_once(multitrack, monkeypatch):
    """The pair, strip 2, comes eighth and ninth, where a group of eight would part it."""
    multitrack = repeated(multitrack, 0, 1, 3, 0, 1, 3, 0, 2)
    late = dsp.ConsoleConfig(reverb=True, track_lookahead_ms=5.0, master_lookahead_ms=3.0)
    settings = random_console(multitrack, 4, late)
    tracks = multitrack.audio * source_gains(settings)
    delay, side = latency_samples(late), multitrack.side_of_track
    assert side[7] == -1

    @jax.jit
    def at_once(tracks, params):
        key = jax.random.key(REVERB_SEED)
        return dsp.mix_console(tracks, params, late, sample_rate=SAMPLE_RATE, side=side, key=key)

    length, chunk = tracks.shape[1], 50_000
    # Strips are heard to the end of the last block, where filters still ring.
    silence = delay + -(length + delay) % chunk
    whole = at_once(np.pad(tracks, ((0, 0), (0, silence))), expanded(settings))
    mix, heard = np.asarray(whole.mix)[:, delay : delay + length], np.asarray(whole.tracks)
    monkeypatch.setattr(render_module, "CHUNK", chunk)
    monkeypatch.setattr(console_stream, "CHUNK", chunk)
    pieces = render(settings, multitrack)
    assert np.max(np.abs(mix)) > 1e-3
    np.testing.assert_allclose(pieces.mix, mix, rtol=0, atol=1e-6 * np.max(np.abs(mix)))
    powers = np.zeros(len(settings.strips))
    np.add.at(powers, multitrack.strip_of_track, np.sum(np.square(heard), axis=(1, 2)))
    np.testing.assert_allclose(pieces.strip_powers, powers / mix.shape[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("side", "wanted"),
    [
        ([0] * 17, [8, 8, 1]),
        ([-1, 1] * 8, [8, 8]),
        ([0, *[-1, 1] * 8], [7, 8, 2]),
        ([*[-1, 1] * 3, 0, -1, 1, 0], [7, 3]),
    ],
)
def test_groups_of_tracks_part_no_pair(side, wanted):
    groups = console_stream._groups(np.array(side))
    assert [len(side[rows]) for rows in groups] == wanted
    assert [row for rows in groups for row in range(len(side))[rows]] == list(range(len(side)))
    assert all(sum(side[rows]) == 0 for rows in groups)


def test_a_pair_is_turned_down_as_one_and_the_report_shows_by_how_much(multitrack):
    """A pair alone, in the centre: what comes out over what went in is the compressor's gain."""
    alone = repeated(multitrack, 2)
    neutral = neutral_settings(alone, target=OutputTarget())
    compressor = dsp.CompressorParams(*np.array([[-60.0], [6.0], [5.0], [60.0], [3.0], [0.0]]))
    tracks = neutral.params.tracks._replace(compressor=compressor)
    settings = dataclasses.replace(
        neutral,
        params=neutral.params._replace(tracks=tracks),
        config=dsp.ConsoleConfig(master_bus=False, detector="max"),
    )
    before = alone.audio * source_gains(settings)
    loud = np.min(np.abs(before), axis=0) > 1e-4
    gain_db = 20 * np.log10(np.abs(render(settings, alone).mix[:, loud] / before[:, loud]))
    np.testing.assert_allclose(gain_db[0], gain_db[1], atol=1e-3)
    assert np.ptp(gain_db) > 3.0
    shown = gain_reduction_db(settings, alone)
    assert shown.shape == (1, 128)
    part = np.flatnonzero(loud) * 128 // (1 << 18)
    measured = np.array([np.min(gain_db[0, part == i], initial=0.0) for i in range(128)])
    assert np.all(shown[0] < measured + 1e-3)
    assert np.min(shown) == pytest.approx(np.min(measured), abs=0.05)


def test_neutral_settings_are_the_equal_loudness_mix(multitrack):
    settings = neutral_settings(multitrack, target=OutputTarget())
    mix = render(settings, multitrack).mix
    expected = equal_loudness_mix(multitrack)
    gain = np.sum(mix * expected) / np.sum(expected * expected)
    np.testing.assert_allclose(mix, gain * expected, rtol=0, atol=1e-5)


def test_the_papers_anchor_is_mono_at_one_loudness(multitrack):
    mix = mono_equal_loudness_weights(multitrack) @ multitrack.audio
    np.testing.assert_array_equal(mix[0], mix[1])
    loudness = [integrated_loudness(t[None], sample_rate=SAMPLE_RATE) for t in multitrack.audio]
    heard = multitrack.audio @ mix[0]
    alone = np.sum(multitrack.audio**2, axis=1)
    # Each track's share of the mix, by projection, stands in inverse order of its loudness.
    order = np.argsort(heard / alone)
    np.testing.assert_array_equal(order, np.argsort(loudness)[::-1])


def test_a_muted_strip_is_not_heard_and_the_others_stay(mixed, multitrack):
    settings = dataclasses.replace(mixed.console, muted=np.array([False, True, True, True]))
    rendered = render(settings, multitrack)
    np.testing.assert_array_equal(rendered.strip_powers[1:] == 0, True)
    everything = render(mixed.console, multitrack)
    assert rendered.strip_powers[0] == pytest.approx(everything.strip_powers[0])
    assert np.any(rendered.mix != 0)


def test_the_delay_of_lookahead_is_taken_out(multitrack):
    settings = neutral_settings(multitrack, target=OutputTarget())
    late = dsp.ConsoleConfig(track_lookahead_ms=20.0, master_lookahead_ms=10.0)
    ahead = dataclasses.replace(settings, config=late)
    expected = render(settings, multitrack).mix
    np.testing.assert_allclose(render(ahead, multitrack).mix, expected, rtol=0, atol=1e-6)


def test_neutral_compressors_reduce_nothing(multitrack):
    settings = neutral_settings(multitrack, target=OutputTarget())
    np.testing.assert_allclose(gain_reduction_db(settings, multitrack), 0.0, atol=1e-4)


def test_gain_reduction_is_that_of_the_static_curve_for_a_steady_tone(multitrack):
    settings = neutral_settings(multitrack, target=OutputTarget())
    tracks = settings.params.tracks
    compressor = tracks.compressor._replace(threshold_db=-60.0 + 0 * tracks.compressor.ratio)
    compressor = compressor._replace(ratio=4.0 + 0 * compressor.ratio)
    params = settings.params._replace(tracks=tracks._replace(compressor=compressor))
    loud = dataclasses.replace(settings, params=params, source_gain_db=np.zeros(4))
    reduction = gain_reduction_db(loud, multitrack)
    assert reduction.shape[0] == 4
    bass = reduction[1, :30]  # its peaks stand 51 dB over the threshold; its gain is smoothed
    assert np.all((bass > -0.75 * 52) & (bass < -0.75 * 44))
    assert np.min(reduction[2]) < -20.0


def test_gain_reduction_is_of_the_loudest_seconds_of_each_track(multitrack):
    """A voice that comes in after the loudest seconds of the song was said not to be compressed."""
    rest = np.zeros((len(multitrack.audio), 8 * SAMPLE_RATE), np.float32)
    late = np.concatenate([multitrack.audio, rest], axis=1)
    late[1] = np.roll(late[1], rest.shape[1])
    song = dataclasses.replace(multitrack, audio=late)
    settings = neutral_settings(song, target=OutputTarget())
    tracks = settings.params.tracks
    compressor = tracks.compressor._replace(threshold_db=np.full(4, -60.0), ratio=np.full(4, 4.0))
    params = settings.params._replace(tracks=tracks._replace(compressor=compressor))
    reduction = gain_reduction_db(dataclasses.replace(settings, params=params), song)
    assert np.all(np.min(reduction, axis=1) < -3.0)


def test_the_masters_reduction_is_that_of_the_static_curve_for_a_steady_tone(multitrack):
    steady = dataclasses.replace(multitrack, audio=np.repeat(multitrack.audio[1:2], 5, axis=0))
    settings = neutral_settings(multitrack, target=OutputTarget())
    alone = dataclasses.replace(settings, muted=np.arange(4) != 0, source_gain_db=np.zeros(4))
    np.testing.assert_allclose(master_reduction_db(alone, steady, 0), 0.0, atol=1e-4)
    master = settings.params.master_bus
    compressor = master.compressor._replace(
        threshold_db=np.asarray(-40.0), ratio=np.asarray(4.0), attack_ms=np.asarray(5.0)
    )
    params = settings.params._replace(master_bus=master._replace(compressor=compressor))
    reduction = master_reduction_db(dataclasses.replace(alone, params=params), steady, 0)
    assert reduction.shape == (128,)
    # The tone peaks at 0.38, 3 dB less in each channel: 28.6 dB over the threshold.
    middle = reduction[20:70]
    assert np.all((middle > -0.75 * 28.7) & (middle < -0.75 * 22))
    np.testing.assert_allclose(reduction[100:], 0.0, atol=0.5)  # after the tone's end


def test_what_the_limiter_did_is_found_in_its_audio():
    rng = np.random.default_rng(0)
    mix = 0.1 * rng.standard_normal((2, 1 << 17)).astype(np.float32)
    mix[:, 60_000:60_050] *= 8.0
    finished = finish(mix, OutputTarget(-16.0, -3.0))
    found = limiting_db(mix, finished.audio, finished.level.gain_db, 0)
    assert found.shape == (128,)
    assert np.argmin(found) == 60_000 * 128 // (1 << 18)
    assert -np.min(found) == pytest.approx(finished.level.limiting_db, abs=0.2)
    assert finished.level.limiting_db > 2
    np.testing.assert_allclose(found[:20], 0.0, atol=1e-3)


def test_progress_ends_at_one(mixed, multitrack):
    told: list[float] = []
    render(mixed.console, multitrack, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    ("pan", "left", "right"), [(0.5, 0.0, 1.0), (0.25, 0.0, 0.5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]
)
def test_a_pair_keeps_the_image_that_fits(pan, left, right):
    assert dsp.pair_positions(pan) == (left, right)


def test_the_plain_sum_keeps_stereo_files_as_they_are_and_centres_mono(multitrack):
    stereo = multitrack.audio[2:4]
    mono = np.sqrt(0.5) * (multitrack.audio[0] + multitrack.audio[1] + multitrack.audio[4])
    np.testing.assert_allclose(plain_sum(multitrack), stereo + mono, rtol=0, atol=1e-6)

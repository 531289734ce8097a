"""How well each track is heard, for the report."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.losses import audibility, band_excitation
from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.comparing.heard import BURIED, estimated_audibility
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.rendering.console_stream import CHUNK
from diffmst_jax.mixing.rendering.render import render, stem_pieces

excitation_of = jax.jit(partial(band_excitation, sample_rate=SAMPLE_RATE))


def test_a_track_that_is_turned_off_is_not_heard_and_a_muted_one_is_not_missed(mixed, multitrack):
    settings = mixed.console
    powers = render(settings, multitrack).strip_powers
    before = estimated_audibility(settings, multitrack, powers)
    powers[1] *= 1e-9
    heard = estimated_audibility(settings, multitrack, powers)
    assert heard[1] < BURIED < before[1]
    muted = np.arange(len(powers)) == 1
    powers[1] = 0.0
    assert estimated_audibility(replace(settings, muted=muted), multitrack, powers)[1] == 1.0


def test_what_an_equalizer_takes_is_not_heard_by_what_it_had_excited_in_other_bands(multitrack):
    """A kick without lows, all above boosted, was said to be heard by what the lows had excited."""
    length = multitrack.audio.shape[1]
    hz = np.fft.rfftfreq(length, 1.0 / SAMPLE_RATE)
    noise = np.random.default_rng(0).standard_normal(multitrack.audio.shape).astype(np.float32)
    noise[0] = 20.0 * np.fft.irfft(np.fft.rfft(noise[0]) * np.exp(-((hz / 120.0) ** 2)), length)
    level = np.full_like(multitrack.loudness_lufs, -20.0)
    song = replace(multitrack, audio=0.03 * noise, loudness_lufs=level)
    flat = neutral_settings(song, target=OutputTarget())
    equalizer = flat.params.tracks.equalizer
    gain_db = np.array(equalizer.gain_db)
    gain_db[0] = -11.0, 11.0, 11.0, 0.0, 0.0, 0.0
    tracks = flat.params.tracks._replace(
        input_gain_db=np.zeros(4), equalizer=equalizer._replace(gain_db=gain_db)
    )
    settings = replace(flat, params=flat.params._replace(tracks=tracks))
    said = estimated_audibility(settings, song, render(settings, song).strip_powers)
    blocks = np.array_split(song.audio, range(CHUNK, length, CHUNK), axis=1)
    strips = np.concatenate(list(stem_pieces(settings, blocks)), axis=-1)[:4]
    heard = audibility(np.sum(excitation_of(strips), axis=1))  # by both ears
    np.testing.assert_allclose(said, heard, atol=0.02)


def test_what_plays_for_a_moment_of_a_long_song_is_heard_by_all_of_it(multitrack):
    """Of a song over 48 s, passages were listened to: a stab between two was said to be buried,
    by the hum that its track had in them, or to be heard in full, where there was none."""
    rng, second = np.random.default_rng(0), np.arange(SAMPLE_RATE) / SAMPLE_RATE
    audio = rng.standard_normal((2, 100 * SAMPLE_RATE), dtype=np.float32)
    audio *= np.float32([[0.1], [5e-5]])
    start = round(4.2 * SAMPLE_RATE)
    audio[1, start : start + SAMPLE_RATE] += np.sin(880 * np.pi * second) * np.exp(-3 * second)
    song = replace(
        multitrack,
        strips=multitrack.strips[:2],
        audio=audio,
        loudness_lufs=np.array([-20.0, -20.0]),
    )
    settings = neutral_settings(song, target=OutputTarget())
    pieces = np.split(audio, 10, axis=1)
    excited = np.concatenate([excitation_of(piece) for piece in pieces], axis=-1)
    plays = np.array([True, True])
    for fader in (1.0, 1e-3):
        power = np.array([1.0, fader**2])
        heard = audibility(excited * power[:, np.newaxis, np.newaxis], plays)
        said = estimated_audibility(settings, song, power * np.mean(np.square(audio), axis=1))
        np.testing.assert_allclose(said, heard, atol=0.02)
        assert (said[1] > BURIED) == (fader == 1.0)

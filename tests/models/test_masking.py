"""How well strips are said to be heard in the picture, against partial loudness of their audio."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.losses import audibility, band_excitation
from diffmst_jax.models.compact.masking import SLOTS, energy_over_time, heard_shares
from diffmst_jax.models.compact.picture import Heard, Mix, boosts_db, paired
from diffmst_jax.models.compact.starting_point import FREQUENCY_HZ
from tests.compiling import quick_jit
from tests.models.heard_song import ALL, PAIR, RATE, TIME, audio, hear

over_time = quick_jit(lambda x, side: energy_over_time(x, side, sample_rate=RATE))
share = quick_jit(lambda tracks, mix: heard_shares(tracks, mix, boosts_db(tracks, mix, RATE)))
pair_up = quick_jit(paired)


@quick_jit
def heard_of_audio(x, mix):
    """Partial loudness of the pair and of the other two tracks in the audio of their strips."""
    equalized = jax.vmap(lambda t, e: dsp.parametric_eq(t, e, sample_rate=RATE))
    wet = equalized(x[:, None], mix.equalizer)[:, 0] * 10.0 ** (mix.gain_db[:, None] / 20.0)
    left, right, third, fourth = band_excitation(wet, sample_rate=RATE)
    return audibility(jnp.stack([left + right, third, fourth]))


def known(x, side=PAIR) -> Heard:
    return hear(x, side)._replace(over_time=over_time(x, side))


def mix_of(seed: int, spread_db: float = 12.0) -> Mix:
    rng = np.random.default_rng(seed)
    flat = dsp.neutral_console(4, sample_rate=RATE)
    equalizer = flat.tracks.equalizer._replace(
        gain_db=rng.uniform(-6.0, 6.0, (4, 6)), frequency_hz=np.tile(FREQUENCY_HZ, (4, 1))
    )
    mix = Mix(
        rng.uniform(-spread_db, spread_db, 4), np.full(4, 0.5), equalizer, flat.master_bus.equalizer
    )
    return pair_up(jax.tree.map(np.float32, mix), PAIR)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_partial_loudness_of_audio(seed):
    tracks = audio()[0]
    mix = mix_of(seed)
    shares = np.asarray(share(known(tracks), mix))
    np.testing.assert_allclose(shares[[0, 2, 3]], heard_of_audio(tracks, mix), atol=0.02)
    assert shares[1] == 1.0  # the right channel counts with the left one


def test_what_an_equalizer_takes_from_a_band_is_gone_from_those_it_spread_to():
    """A kick without lows, all above boosted, was said to be heard by what the lows had excited."""
    tracks = audio()[0]
    spectrum = jnp.fft.rfft(tracks[2])
    hz = jnp.fft.rfftfreq(TIME, 1.0 / RATE)
    kick = jnp.fft.irfft(spectrum * jnp.exp(-((hz / 120.0) ** 2)), TIME)
    tracks = tracks.at[2].set(5.0 * kick)
    mix = mix_of(0, spread_db=0.0)
    gain_db = mix.equalizer.gain_db.at[2].set(jnp.array([-11.0, 11.0, 11.0, 0.0, 0.0, 0.0]))
    mix = mix._replace(equalizer=mix.equalizer._replace(gain_db=gain_db))
    shares = share(known(tracks), mix)[jnp.array([0, 2, 3])]
    np.testing.assert_allclose(shares, heard_of_audio(tracks, mix), atol=0.02)


def test_tracks_that_take_turns_do_not_hide_each_other():
    tracks, half = audio()[0], TIME // 2
    mono = jnp.zeros(4, jnp.int32)
    first, second = tracks.at[:, half:].set(0.0)[:2], tracks.at[:, :half].set(0.0)[2:]
    flat = mix_of(0, spread_db=0.0)
    together = share(known(tracks, mono), flat)
    apart = share(known(jnp.concatenate([first, second]), mono), flat)
    assert (apart[jnp.array([0, 2])] > 5.0 * together[jnp.array([0, 2])]).all()


def test_energy_is_in_at_most_so_many_slots_and_that_of_a_pair_at_its_left():
    long = jnp.tile(audio()[0], 4)
    energy = over_time(long, PAIR)
    assert energy.shape == (4, 24, SLOTS)
    assert over_time(long[:, :30000], PAIR).shape[2] < SLOTS
    assert (energy[1] == 0.0).all()
    alone = over_time(long, jnp.zeros(4, jnp.int32))
    np.testing.assert_allclose(energy[0], alone[0] + alone[1], rtol=1e-5)
    np.testing.assert_array_equal(energy[2:], alone[2:])


def test_gradients_are_finite_at_silence_and_where_a_track_is_buried():
    tracks = known(audio()[0].at[3].set(0.0))
    tracks = tracks._replace(mask=ALL.at[3].set(False))
    mix = mix_of(0)._replace(gain_db=jnp.array([0.0, 0.0, -90.0, 0.0]))

    @quick_jit
    def slope(mix):
        return jax.grad(lambda m: jnp.sum(heard_shares(tracks, m, boosts_db(tracks, m, RATE))))(mix)

    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope(mix)))
    silent = tracks._replace(over_time=jnp.zeros_like(tracks.over_time))
    assert (share(silent, mix) == 1.0).all()
    assert (share(tracks._replace(over_time=None), mix) == 1.0).all()


def test_slopes_are_those_of_finite_differences():
    tracks, mix, step = known(audio()[0]), mix_of(1), 0.05

    def heard(gain_db):
        moved = mix._replace(gain_db=gain_db)
        return heard_shares(tracks, moved, boosts_db(tracks, moved, RATE))[2]

    slope = quick_jit(jax.grad(heard))(mix.gain_db)
    value = quick_jit(heard)
    for track in (0, 2, 3):
        up, down = (value(mix.gain_db.at[track].add(s)) for s in (step, -step))
        np.testing.assert_allclose(slope[track], (up - down) / (2 * step), rtol=0.02, atol=1e-4)

import jax
import numpy as np
import pytest

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.amount import (
    Amounts,
    apply_amounts,
    free_settings,
    locked_strips,
    parse_amount,
    recorded_level_db,
    scale_compressor,
)
from diffmst_jax.mixing.baselines import plain_sum
from diffmst_jax.mixing.render import render

NONE = parse_amount("0")


def test_amounts_are_read_from_a_number_or_by_name():
    assert parse_amount("0.5") == Amounts(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    assert parse_amount("eq=0.7, pan=0") == Amounts(eq=0.7, pan=0.0)


@pytest.mark.parametrize("text", ["", "much", "1.5", "-0.1", "nan", "eq=2", "tone=1", "eq="])
def test_wrong_amounts_are_refused(text):
    with pytest.raises(InputError, match="--amount"):
        parse_amount(text)


def test_all_of_it_changes_nothing(mixed):
    assert apply_amounts(mixed.console, Amounts()) is mixed.console


def test_none_of_it_is_the_plain_sum(mixed, multitrack):
    mix = render(apply_amounts(mixed.console, NONE), multitrack).mix
    expected = plain_sum(multitrack)
    gain = np.sum(mix * expected) / np.sum(expected * expected)
    error = np.max(np.abs(mix - gain * expected)) / np.max(np.abs(gain * expected))
    assert error < 1e-4  # settings are rounded to 4 decimals


@pytest.mark.parametrize("amount", [0.0, 0.3, 1.0])
def test_settings_stay_in_their_ranges(mixed, amount):
    moved = apply_amounts(
        mixed.console, Amounts(amount, amount, amount, amount, amount, 0.5)
    ).params
    ranges = dsp.console_ranges(sample_rate=SAMPLE_RATE)
    inside = jax.tree.map(
        lambda limits, leaf: bool(np.all((leaf >= limits.low) & (leaf <= limits.high))),
        ranges,
        moved,
        is_leaf=lambda node: isinstance(node, dsp.Range),
    )
    assert all(jax.tree.leaves(inside))


def test_parts_move_alone(mixed):
    before = mixed.console.params.tracks
    after = apply_amounts(mixed.console, Amounts(eq=0.5)).params.tracks
    np.testing.assert_allclose(after.equalizer.gain_db, 0.5 * before.equalizer.gain_db, atol=1e-4)
    np.testing.assert_array_equal(after.pan, before.pan)
    np.testing.assert_allclose(after.input_gain_db, before.input_gain_db, atol=1e-4)
    after = apply_amounts(mixed.console, Amounts(pan=0.0)).params.tracks
    np.testing.assert_array_equal(after.pan, 0.5)
    np.testing.assert_array_equal(after.equalizer.gain_db, before.equalizer.gain_db)


def test_half_a_compressor_reduces_half_the_decibels():
    full = dsp.CompressorParams(*np.array([-20.0, 4.0, 10.0, 100.0, 6.0, 3.0]))
    half = scale_compressor(full, 0.5)
    assert 1 - 1 / half.ratio == pytest.approx((1 - 1 / 4.0) / 2)
    assert half.makeup_gain_db == pytest.approx(1.5)
    assert scale_compressor(full, 0.0).ratio == 1.0


def test_locked_tracks_stay_as_recorded_and_the_others_move(mixed):
    locked = locked_strips(mixed.console, ["*kick*"])
    np.testing.assert_array_equal(locked, [True, False, False, False])
    np.testing.assert_array_equal(locked_strips(mixed.console, "*kick*"), locked)
    before = mixed.console.params.tracks
    after = apply_amounts(mixed.console, Amounts(), locked).params.tracks
    assert after.pan[0] == 0.5
    assert after.compressor.ratio[0] == 1.0
    np.testing.assert_array_equal(after.equalizer.gain_db[0], 0.0)
    np.testing.assert_allclose(after.input_gain_db[1:], before.input_gain_db[1:], atol=1e-4)
    np.testing.assert_allclose(after.pan[1:], before.pan[1:], atol=1e-4)


def test_a_lock_that_fits_nothing_is_refused(mixed):
    with pytest.raises(InputError, match=r"--lock 'Vox\*': matches no track"):
        locked_strips(mixed.console, ["Vox*"])


def test_with_every_track_locked_only_the_master_bus_does_something(mixed, multitrack):
    locked = locked_strips(mixed.console, ["*"])
    alone = apply_amounts(mixed.console, Amounts(), locked)
    jax.tree.map(
        np.testing.assert_array_equal, alone.params.master_bus, mixed.console.params.master_bus
    )
    idle = apply_amounts(alone, Amounts(master=0.0), locked)
    mix = render(idle, multitrack).mix
    expected = plain_sum(multitrack)
    gain = np.sum(mix * expected) / np.sum(expected * expected)
    assert np.max(np.abs(mix - gain * expected)) < 1e-4 * np.max(np.abs(gain * expected))
    assert np.max(np.abs(render(alone, multitrack).mix - mix)) > 1e-2


def test_locking_twice_is_locking_once(mixed):
    locked = locked_strips(mixed.console, ["*kick*"])
    level = recorded_level_db(mixed.console)
    once = apply_amounts(mixed.console, Amounts(), locked, level)
    twice = apply_amounts(once, Amounts(), locked, level)
    jax.tree.map(np.testing.assert_array_equal, twice.params, once.params)


def test_what_is_not_wanted_is_not_free(mixed):
    locked = np.array([True, False, False, False])
    free = free_settings(mixed.console, Amounts(eq=0.0, level=0.3, master=0.0), locked)
    assert free.tracks.input_gain_db.tolist() == [False, True, True, True]
    assert not np.any(free.tracks.equalizer.gain_db)
    assert free.tracks.equalizer.gain_db.shape == (4, 6)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(free.master_bus))
    assert all(np.all(leaf) for leaf in jax.tree.leaves(free.fx_bus))

import dataclasses

import jax
import numpy as np
import pytest

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.errors import InputError
from diffmst_jax.mixing.analyse import neutral_settings
from diffmst_jax.mixing.comparing.baselines import plain_sum
from diffmst_jax.mixing.console.amount import (
    Amounts,
    amount_text,
    apply_amounts,
    free_settings,
    parse_amount,
    recorded_level_db,
    scale_compressor,
    with_room,
)
from diffmst_jax.mixing.finishing.output import OutputTarget
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.sources.strips import strips_named
from diffmst_jax.mixing.sources.tracks import assemble, split_channels

NONE = parse_amount("0")


def locked_strips(settings, patterns):
    return strips_named(settings.strips, patterns, option="--lock")


@pytest.fixture(scope="module")
def uneven():
    """Six quiet recordings and a loud one, so that faders at the level of all would not reach."""
    rng = np.random.default_rng(0)
    levels_db = [*[-45.0] * 6, -14.0]
    channels = []
    for index, level_db in enumerate(levels_db):
        noise = rng.standard_normal((1, SAMPLE_RATE)) * 10 ** (level_db / 20)
        channels += split_channels(f"{index}.wav", noise.astype(np.float32))[0]
    return assemble(channels)


@pytest.fixture(scope="module")
def predicted(uneven):
    """A console for them: as loud as mixes are, and compressed, the loud track least of all."""
    settings = neutral_settings(uneven, target=OutputTarget())
    tracks, master = settings.params.tracks, settings.params.master_bus
    compressor = tracks.compressor._replace(
        ratio=np.full(7, 3.0), threshold_db=np.array([*np.linspace(-36.0, -30.0, 6), -12.0])
    )
    tracks = tracks._replace(input_gain_db=np.full(7, 24.0), compressor=compressor)
    compressor = master.compressor._replace(ratio=np.asarray(2.0), threshold_db=np.asarray(-20.0))
    params = settings.params._replace(
        tracks=tracks, master_bus=master._replace(compressor=compressor)
    )
    return dataclasses.replace(settings, params=params)


def total_gain_db(settings):
    return settings.source_gain_db + settings.params.tracks.input_gain_db


def residue(mix, expected):
    """What a mix has besides the expected one at another level, as a fraction of that."""
    gain = np.sum(mix * expected) / np.sum(expected * expected)
    return np.max(np.abs(mix - gain * expected)) / np.max(np.abs(gain * expected))


def test_amounts_are_read_from_a_number_or_by_name():
    assert parse_amount("0.5") == Amounts(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    assert parse_amount("eq=0.7, pan=0") == Amounts(eq=0.7, pan=0.0)
    for text in ("1", "eq=0.7,pan=0"):
        assert amount_text(parse_amount(text)) == text


@pytest.mark.parametrize(
    "text", ["", "much", "1.5", "-0.1", "nan", "eq=2", "tone=1", "eq=", "eq=1,eq=0"]
)
def test_wrong_amounts_are_refused(text):
    with pytest.raises(InputError, match="--amount"):
        parse_amount(text)


def test_all_of_it_changes_nothing(mixed):
    assert apply_amounts(mixed.console, Amounts()) is mixed.console


def test_none_of_it_is_the_plain_sum(mixed, multitrack):
    mix = render(apply_amounts(mixed.console, NONE), multitrack).mix
    assert residue(mix, plain_sum(multitrack)) < 1e-4  # settings are rounded to 4 decimals


def test_none_of_it_is_the_plain_sum_however_unlike_the_levels(uneven, predicted):
    none = apply_amounts(predicted, NONE)
    np.testing.assert_allclose(total_gain_db(none), total_gain_db(none)[0], atol=2e-4)
    assert residue(render(none, uneven).mix, plain_sum(uneven)) < 1e-4
    alone = apply_amounts(predicted, Amounts(master=0.0), locked_strips(predicted, "*"))
    assert residue(render(alone, uneven).mix, plain_sum(uneven)) < 1e-4


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_all_levels_make_room_for_those_of_some(uneven, predicted, level):
    """Where one would leave its range all move, so that compressors see what they would have."""
    moved = apply_amounts(predicted, Amounts(level=level))
    before, after = predicted.params, moved.params
    recorded_db = recorded_level_db(predicted)
    wanted_db = recorded_db + level * (total_gain_db(predicted) - recorded_db)
    shift_db = total_gain_db(moved) - wanted_db
    np.testing.assert_allclose(shift_db, shift_db[0], atol=2e-4)
    assert shift_db[0] < -1.0
    gains_db = after.tracks.input_gain_db - before.tracks.input_gain_db
    thresholds_db = (
        after.tracks.compressor.threshold_db - before.tracks.compressor.threshold_db,
        after.master_bus.compressor.threshold_db - before.master_bus.compressor.threshold_db,
    )
    np.testing.assert_allclose(thresholds_db[0], gains_db, atol=2e-4)
    np.testing.assert_allclose(thresholds_db[1], shift_db[0], atol=2e-4)


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
    assert residue(mix, plain_sum(multitrack)) < 1e-4
    assert np.max(np.abs(render(alone, multitrack).mix - mix)) > 1e-2


def test_locking_twice_is_locking_once(mixed):
    locked = locked_strips(mixed.console, ["*kick*"])
    level = recorded_level_db(mixed.console)
    once = apply_amounts(mixed.console, Amounts(), locked, level)
    twice = apply_amounts(once, Amounts(), locked, level)
    jax.tree.map(np.testing.assert_array_equal, twice.params, once.params)


def test_locking_again_after_all_levels_moved_changes_nothing(predicted):
    locked = locked_strips(predicted, ["0.wav", "6.wav"])
    roomy = with_room(predicted, Amounts(), locked)
    level = recorded_level_db(roomy)
    assert level < recorded_level_db(predicted) - 1.0
    once = apply_amounts(roomy, Amounts(), locked, level)
    twice = apply_amounts(once, Amounts(), locked, level)
    jax.tree.map(np.testing.assert_array_equal, twice.params, once.params)
    expected = apply_amounts(predicted, Amounts(), locked)
    jax.tree.map(np.testing.assert_allclose, once.params, expected.params)


def test_levels_that_no_range_holds_stop_at_its_ends(predicted):
    source_gain_db = np.array([60.0, *predicted.source_gain_db[1:-1], -100.0])
    wide = dataclasses.replace(predicted, source_gain_db=source_gain_db)
    gains_db = apply_amounts(wide, NONE).params.tracks.input_gain_db
    assert (gains_db[0], gains_db[-1]) == (-48.0, 48.0)


def test_what_is_not_wanted_is_not_free(mixed):
    locked = np.array([True, False, False, False])
    free = free_settings(mixed.console, Amounts(eq=0.0, level=0.3, master=0.0), locked)
    assert free.tracks.input_gain_db.tolist() == [False, True, True, True]
    assert not np.any(free.tracks.equalizer.gain_db)
    assert free.tracks.equalizer.gain_db.shape == (4, 6)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(free.master_bus))
    assert all(np.all(leaf) for leaf in jax.tree.leaves(free.fx_bus))


def test_of_what_is_centred_all_but_its_position_is_free(mixed):
    locked, centred = np.zeros(4, bool), np.array([False, True, False, False])
    all_free = free_settings(mixed.console, Amounts(), locked)
    free = free_settings(mixed.console, Amounts(), locked, centred)
    np.testing.assert_array_equal(free.tracks.pan, ~centred)
    pan = all_free.tracks.pan
    jax.tree.map(
        np.testing.assert_array_equal, free._replace(tracks=free.tracks._replace(pan=pan)), all_free
    )

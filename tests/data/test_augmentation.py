import numpy as np
import pytest

from diffmst_jax.data.augmentation import (
    AugmentationConfig,
    ChangeGain,
    DropTracks,
    FlipPolarity,
    SwapChannels,
    transforms,
    units,
)
from diffmst_jax.data.examples import Example

# Row by row: a mono track, a linked pair, a hole, another mono track.
SIDE = np.asarray([0, -1, 1, 0, 0], np.int8)
MASK = np.asarray([True, True, True, False, True])


@pytest.fixture
def example() -> Example:
    rng = np.random.default_rng(0)
    tracks = rng.standard_normal((5, 100), np.float32) * MASK[:, None]
    return Example(tracks, MASK, SIDE, rng.standard_normal((2, 100), np.float32))


def changed(transform, example, seed=0) -> Example:
    before = [part.copy() for part in example]
    result: Example = transform.random_map(example, np.random.default_rng(seed))
    assert all(np.array_equal(a, b) for a, b in zip(before, example, strict=True))
    assert not np.any(result.tracks[~result.mask])
    return result


def test_units_are_single_rows_and_pairs(example):
    assert list(units(example)) == [slice(0, 1), slice(1, 3), slice(4, 5)]


def test_gain_is_one_for_a_pair_and_within_its_bound(example):
    result = changed(ChangeGain(6.0), example)
    gains = 20 * np.log10(result.tracks[MASK, 0] / example.tracks[MASK, 0])
    assert gains[1] == pytest.approx(gains[2], abs=1e-4)
    assert len(set(np.round(gains, 3))) == 3
    assert np.all(np.abs(gains) <= 6.0)
    np.testing.assert_allclose(
        result.tracks[0] * example.tracks[0, 0], example.tracks[0] * result.tracks[0, 0], rtol=1e-5
    )


def test_polarity_turns_whole_tracks(example):
    seen = set()
    for seed in range(60):
        result = changed(FlipPolarity(0.5), example, seed)
        signs = np.sign(result.tracks[MASK, 0] * example.tracks[MASK, 0])
        np.testing.assert_array_equal(
            result.tracks[MASK], signs[:, None].astype(np.float32) * example.tracks[MASK]
        )
        assert signs[1] == signs[2]
        seen.add(tuple(signs))
    assert len(seen) == 8


def test_dropped_tracks_go_whole_and_two_stay(example):
    seen = set()
    for seed in range(60):
        result = changed(DropTracks(0.7), example, seed)
        assert len(list(units(result))) >= 2
        assert result.mask[1] == result.mask[2]
        assert not np.any(result.side[~result.mask])
        seen.add(tuple(result.mask))
    assert len(seen) == 4
    assert np.array_equal(changed(DropTracks(0.0), example).mask, MASK)


def test_channels_change_places_in_pairs_and_reference_alone(example):
    result = changed(SwapChannels(1.0), example)
    np.testing.assert_array_equal(result.tracks[1:3], example.tracks[2:0:-1])
    np.testing.assert_array_equal(result.tracks[[0, 4]], example.tracks[[0, 4]])
    np.testing.assert_array_equal(result.reference, example.reference[::-1])
    np.testing.assert_array_equal(result.side, SIDE)


def test_only_what_is_asked_for_is_applied():
    assert transforms(AugmentationConfig(0.0, 0.0, 0.0, 0.0)) == []
    wanted = AugmentationConfig(gain_db=3.0, flip=0.5, drop=0.0, swap=0.1)
    assert transforms(wanted) == [ChangeGain(3.0), FlipPolarity(0.5), SwapChannels(0.1)]


@pytest.mark.parametrize("wrong", [{"gain_db": -1.0}, {"flip": 1.5}, {"drop": -0.1}, {"swap": 2}])
def test_impossible_amounts_are_refused(wrong):
    amounts = {"gain_db": 0.0, "flip": 0.0, "drop": 0.0, "swap": 0.0, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AugmentationConfig(**amounts)

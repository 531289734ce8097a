import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmst_jax.data.examples import Example
from diffmst_jax.mixing.settings import track_pan
from diffmst_jax.training.curriculum import all_active
from diffmst_jax.training.objective import (
    PAN,
    at_loudness,
    linked,
    make_task,
    mix_batch,
    random_controls,
)
from tests.data.conftest import noise


def keys(seed: int):
    return jax.random.split(jax.random.key(seed), 2)


@pytest.fixture
def batch():
    tracks = np.stack([noise(i, 1.0, channels=3, level=0.005) for i in range(2)])
    mask = np.array([[True, True, True], [True, True, False]])
    reference = np.stack([noise(9 + i, 1.0, channels=2) for i in range(2)])
    side = np.array([[0, -1, 1], [0, 0, 0]], np.int8)
    return Example(tracks * mask[..., None], mask, side, reference)


def test_unpaired_task_is_the_batch_itself(tiny, batch):
    task = make_task(batch, tiny, keys(0), all_active(2))
    np.testing.assert_array_equal(task.tracks, batch.tracks)
    np.testing.assert_array_equal(task.target, batch.reference)
    np.testing.assert_array_equal(task.reference, batch.reference)


def test_random_mix_task_has_one_setting_for_both_halves(tiny, batch):
    data = dataclasses.replace(tiny.data, reference="random_mix")
    config = dataclasses.replace(tiny, data=data)
    unpaired = batch._replace(reference=np.zeros((2, 2, 0), np.float32))
    task = jax.jit(lambda b, k: make_task(b, config, k, all_active(2)))(unpaired, keys(3))
    half = batch.tracks.shape[-1] // 2
    np.testing.assert_array_equal(task.tracks, batch.tracks[..., :half])
    assert task.target.shape == task.reference.shape == (2, 2, half)
    controls_keys, noise_keys = jax.vmap(jax.random.split)(keys(3)).T
    controls = linked(random_controls(controls_keys, 3), batch.side)
    second = jnp.asarray(batch.tracks[..., half:])
    again = jax.jit(
        lambda x: at_loudness(
            mix_batch(x, controls, task.mask, config.console, noise_keys, all_active(2))
        )
    )(second)
    np.testing.assert_allclose(again, task.reference, atol=1e-5)
    assert not np.allclose(task.target, task.reference, atol=1e-2)


def test_random_mixes_differ_between_steps_and_songs(tiny, batch):
    first, second = (random_controls(keys(i), 3) for i in (0, 1))
    assert not np.allclose(first.track, second.track)
    assert not np.allclose(first.track[0], first.track[1])


def test_pairs_share_settings_and_lie_around_where_they_lean(batch):
    controls = random_controls(keys(0), 3)
    leaning = controls._replace(track=controls.track.at[0, 1:, PAN].set(jnp.array([0.5, 0.9])))
    result = linked(leaning, jnp.asarray(batch.side))
    others = np.arange(result.track.shape[-1]) != PAN
    pair = np.asarray(result.track[0, 1:])
    np.testing.assert_array_equal(pair[0, others], pair[1, others])
    mean = np.asarray(controls.track[0, 1:]).mean(axis=0)
    np.testing.assert_allclose(pair[0, others], mean[others], rtol=1e-6)
    expected = track_pan(np.array([0.7, 0.7]), np.array([-1, 1]))
    np.testing.assert_allclose(pair[:, PAN], expected, rtol=1e-6)
    np.testing.assert_array_equal(result.track[0, 0], controls.track[0, 0])
    np.testing.assert_array_equal(result.track[1], controls.track[1])


def test_masked_tracks_are_not_heard(tiny, batch):
    controls = random_controls(keys(0), 3)
    loud, every = batch.tracks.copy(), all_active(2)
    loud[~batch.mask] = 1.0
    clean, dirty = (
        mix_batch(jnp.asarray(x), controls, jnp.asarray(batch.mask), tiny.console, keys(1), every)
        for x in (batch.tracks, loud)
    )
    np.testing.assert_array_equal(clean, dirty)

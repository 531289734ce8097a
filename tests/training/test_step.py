import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from diffmst_jax.data.examples import Example
from diffmst_jax.training.config import OptimizerConfig, ScheduleConfig
from diffmst_jax.training.devices import make_devices
from diffmst_jax.training.step import (
    initial_state,
    make_optimizer,
    make_schedule,
    make_train_step,
)
from tests.data.conftest import noise
from tests.models.small import fresh

PLAIN = OptimizerConfig(
    learning_rate=0.1,
    b1=0.9,
    b2=0.999,
    weight_decay=0.0,
    clip_norm=1e9,
    accumulate=1,
    ema_decay=0.0,
    skip_nonfinite=3,
)


def schedule_of(tiny, schedule, steps):
    trainer = dataclasses.replace(tiny.trainer, steps=steps)
    return make_schedule(dataclasses.replace(tiny, schedule=schedule, trainer=trainer))


def test_constant_schedule_is_the_peak_from_the_first_update(tiny):
    rate = schedule_of(tiny, ScheduleConfig("constant", 0, 1.0, ()), 100)
    assert float(rate(0)) == float(rate(99)) == pytest.approx(tiny.optimizer.learning_rate)


def test_cosine_schedule_rises_and_ends_at_its_share(tiny):
    peak = tiny.optimizer.learning_rate
    rate = schedule_of(tiny, ScheduleConfig("cosine", 10, 0.1, ()), 100)
    assert float(rate(0)) == 0.0
    assert float(rate(10)) == pytest.approx(peak)
    assert float(rate(100)) == pytest.approx(0.1 * peak)


def test_step_schedule_falls_at_its_shares_to_its_end(tiny):
    peak = tiny.optimizer.learning_rate
    rate = schedule_of(tiny, ScheduleConfig("step", 10, 0.01, (0.5, 0.9)), 100)
    shares = [float(rate(count)) / peak for count in (0, 5, 49, 51, 89, 91)]
    np.testing.assert_allclose(shares, [0.0, 0.5, 1.0, 0.1, 0.1, 0.01], rtol=1e-5)


def updates(config, gradients):
    optimizer = make_optimizer(config, optax.constant_schedule(config.learning_rate))
    params = jnp.zeros(2)
    state = optimizer.init(params)
    steps = []
    for gradient in gradients:
        update, state = jax.jit(optimizer.update)(gradient, state, params)
        steps.append(np.asarray(update))
    return steps, state


def test_accumulated_batches_move_weights_once_by_their_mean():
    gradients = [jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])]
    steps, _ = updates(dataclasses.replace(PLAIN, accumulate=2), gradients)
    mean, _ = updates(PLAIN, [jnp.array([0.5, 0.5])])
    assert not np.any(steps[0])
    np.testing.assert_allclose(steps[1], mean[0], rtol=1e-5)


def test_gradient_is_clipped_before_adam_sees_it():
    clipped, _ = updates(dataclasses.replace(PLAIN, clip_norm=1e-12), [jnp.array([3.0, 4.0])])
    assert np.all(np.abs(clipped[0]) < 1e-4)


@pytest.mark.slow
def test_weights_are_averaged_once_an_update_whatever_is_accumulated(tiny_cnn):
    optimizing = dataclasses.replace(tiny_cnn.optimizer, accumulate=2, ema_decay=0.5)
    trainer = dataclasses.replace(tiny_cnn.trainer, devices=1)
    config = dataclasses.replace(tiny_cnn, optimizer=optimizing, trainer=trainer)
    devices, schedule = make_devices(config.trainer), make_schedule(config)
    optimizer = make_optimizer(config.optimizer, schedule)
    graph, state = initial_state(fresh("cnn14", config.model), optimizer, config)
    state = devices.state(state)
    step = make_train_step(graph, optimizer, schedule, config, devices, state)
    tracks, reference = (np.stack([noise(seed + i, 0.5)[0] for i in range(2)]) for seed in (0, 2))
    batch = Example(tracks[None], np.ones((1, 2), bool), np.zeros((1, 2), np.int8), reference[None])
    expected, moved = flat(state.params), []
    for _ in range(4):
        before = flat(state.params)
        state, _ = step(state, devices.rows(batch, own=True))
        after = flat(state.params)
        moved.append(bool(np.any(after != before)))
        if moved[-1]:
            expected = (expected + after) / 2.0
        np.testing.assert_allclose(flat(state.ema), expected, rtol=1e-6, atol=1e-8)
    assert moved == [False, True, False, True]


def flat(weights):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(weights)])

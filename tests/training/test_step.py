import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from diffmst_jax.training.config import OptimizerConfig, ScheduleConfig
from diffmst_jax.training.step import make_optimizer, make_schedule

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

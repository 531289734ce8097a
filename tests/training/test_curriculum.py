import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.examples import Example
from diffmst_jax.training.config import CurriculumConfig
from diffmst_jax.training.curriculum import Active, active_at, only_active
from diffmst_jax.training.devices import make_devices
from diffmst_jax.training.objective import random_controls
from diffmst_jax.training.step import (
    initial_state,
    make_optimizer,
    make_schedule,
    make_train_step,
)
from tests.compiling import quick_jit
from tests.data.conftest import noise
from tests.models.small import fresh

EVERY = CurriculumConfig(equalizer=0, compressor=0, pan=0, reverb=0, master_bus=0)


@functools.cache
def random_params() -> dsp.ConsoleParams:
    @quick_jit
    def draw(keys):
        controls = (part[0] for part in random_controls(keys, 2))
        return dsp.console_params(*controls, sample_rate=SAMPLE_RATE)

    return draw(jax.random.split(jax.random.key(0), 1))


choose = quick_jit(only_active)


def effect(params: dsp.ConsoleParams, name: str):
    if name == "reverb":
        return params.tracks.send_db, params.fx_bus
    return params.master_bus if name == "master_bus" else getattr(params.tracks, name)


@pytest.mark.parametrize("name", Active._fields)
def test_an_effect_is_neutral_until_its_step_and_then_what_the_model_says(name):
    params, neutral = random_params(), dsp.neutral_console(2, sample_rate=SAMPLE_RATE)
    config = dataclasses.replace(EVERY, **{name: 10})
    for step, wanted in ((9, neutral), (10, params)):
        active = jax.tree.map(lambda a: a[0], active_at(jnp.asarray(step), config, 1))
        chosen = choose(params, active)
        jax.tree.map(np.testing.assert_array_equal, effect(chosen, name), effect(wanted, name))
        for other in set(Active._fields) - {name}:
            same = effect(chosen, other), effect(params, other)
            jax.tree.map(np.testing.assert_array_equal, *same)


@pytest.mark.slow
def test_reverb_bus_is_trained_from_its_step_on(tiny_cnn):
    """Every control of the effects bus and the sends: weights rest before it and move after."""
    config = dataclasses.replace(
        tiny_cnn,
        console=dataclasses.replace(tiny_cnn.console, reverb=True),
        optimizer=dataclasses.replace(tiny_cnn.optimizer, ema_decay=0.0),
        trainer=dataclasses.replace(
            tiny_cnn.trainer, curriculum=dataclasses.replace(EVERY, reverb=1), devices=1
        ),
    )
    devices, schedule = make_devices(config.trainer), make_schedule(config)
    optimizer = make_optimizer(config.optimizer, schedule)
    graph, state = initial_state(fresh("cnn14", config.model), optimizer, config)
    state = devices.state(state)
    step = make_train_step(graph, optimizer, schedule, config, devices, state)
    tracks = np.stack([noise(i, 0.5)[0] for i in range(2)])[None]
    batch = Example(tracks, np.ones((1, 2), bool), np.zeros((1, 2), np.int8), noise(2, 0.5)[None])
    batch = batch._replace(reference=np.repeat(batch.reference, 2, axis=1))
    seen = []
    for _ in range(3):
        track, fx_bus = (
            np.array(state.params[head]["bias"][...]) for head in ("track_head", "fx_bus_head")
        )
        seen.append((track[0], track[-1:], fx_bus))
        state, _ = step(state, devices.rows(batch, own=True))
    moved = [
        [np.all(a != b) for a, b in zip(*pair, strict=True)] for pair in itertools.pairwise(seen)
    ]
    assert moved == [[True, False, False], [True, True, True]]

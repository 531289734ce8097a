import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.training.config import CurriculumConfig
from diffmst_jax.training.curriculum import Active, active_at, all_active, only_active
from diffmst_jax.training.objective import mix_batch, random_controls
from tests.data.conftest import noise

EVERY = CurriculumConfig(equalizer=0, compressor=0, pan=0, reverb=0, master_bus=0)


def random_params() -> dsp.ConsoleParams:
    controls = random_controls(jax.random.split(jax.random.key(0), 1), 2)
    return dsp.console_params(*(part[0] for part in controls), sample_rate=SAMPLE_RATE)


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
        chosen = only_active(params, active, sample_rate=SAMPLE_RATE)
        jax.tree.map(np.testing.assert_array_equal, effect(chosen, name), effect(wanted, name))
        for other in set(Active._fields) - {name}:
            same = effect(chosen, other), effect(params, other)
            jax.tree.map(np.testing.assert_array_equal, *same)


def test_effects_bus_gets_gradients_once_it_is_active():
    tracks = jnp.asarray(np.stack([noise(i, 0.5)[0] for i in range(2)]))[None]
    keys = jax.random.split(jax.random.key(1), 1)
    controls = random_controls(keys, 2)
    # A send in the upper half of its range, so that there is something to hear.
    controls = controls._replace(track=controls.track.at[..., -1].set(0.8))
    console = dsp.ConsoleConfig(
        track_equalizer=False, track_compressor=False, master_bus=False, reverb=True
    )

    @jax.jit
    def slopes(active):
        def energy(controls):
            return jnp.sum(
                jnp.square(mix_batch(tracks, controls, jnp.ones((1, 2)), console, keys, active))
            )

        return jax.grad(energy)(controls)

    heard = slopes(all_active(1))
    assert np.all(np.asarray(heard.fx_bus) != 0.0)
    assert np.all(np.asarray(heard.track[..., -1]) != 0.0)
    silent = slopes(all_active(1)._replace(reverb=jnp.zeros(1, bool)))
    assert not np.any(silent.fx_bus)
    assert not np.any(silent.track[..., -1])

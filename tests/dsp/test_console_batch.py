import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dsp


@pytest.mark.parametrize("batch", [1, 2])
def test_batched_mix_keeps_its_panorama(batch):
    """XLA's multiply-and-reduce fusion gave the left channel twice for a batch of one."""
    rng = np.random.default_rng(0)
    tracks = jnp.asarray(rng.standard_normal((batch, 4, 65536)), jnp.float32)
    settings = dsp.neutral_console(4, sample_rate=44100)
    position = np.array([0.0, 0.2, 0.4, 0.6], np.float32)
    settings = settings._replace(tracks=settings.tracks._replace(pan=jnp.asarray(position)))
    config = dsp.ConsoleConfig(track_equalizer=False, track_compressor=False, master_bus=False)

    def mix(rows):
        return dsp.mix_console(rows, settings, config, sample_rate=44100).mix

    left_right = np.stack([np.cos(position * np.pi / 2), np.sin(position * np.pi / 2)])
    expected = np.einsum("bnt,cn->bct", np.asarray(tracks), left_right)
    np.testing.assert_allclose(jax.jit(jax.vmap(mix))(tracks), expected, atol=1e-5)

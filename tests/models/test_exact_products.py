"""Products whose rounding is heard must not be rounded to an accelerator's short formats."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import dsp
from diffmst_jax.losses import style_features
from diffmst_jax.losses.audibility import band_excitation
from diffmst_jax.models.compact.energies import shared_energy
from diffmst_jax.models.compact.peaks import samples_in_bands
from diffmst_jax.models.compact.picture import Heard, Mix, picture
from tests.dsp.test_console import controls

RATE = 44100
NOISE = jnp.asarray(np.random.default_rng(0).standard_normal((3, 4096)), jnp.float32)


def seen(tracks):
    bands = jnp.full((3, 6), 0.5)
    equalizer = dsp.EqualizerParams(bands, 1000.0 * bands, bands)
    master = jax.tree.map(lambda leaf: leaf[0], equalizer)
    mix = Mix(jnp.zeros(3), jnp.full(3, 0.5), equalizer, master)
    energy = jnp.ones((24, 3, 3))
    peaks = samples_in_bands(tracks, jnp.arange(8), sample_rate=RATE)
    there, hz, lowest = jnp.ones(3, bool), jnp.full((3, 24), 1000.0), jnp.full((3, 6), 1 / 6)
    heard = Heard(energy, jnp.zeros((3, 24)), hz, lowest, there, jnp.zeros(3, jnp.int32), peaks)
    return picture(heard, mix, RATE)


def mixed(tracks):
    settings = dsp.console_params(*controls(tracks=3), sample_rate=RATE)
    return dsp.mix_console(tracks, settings, dsp.ConsoleConfig(), sample_rate=RATE).mix


COMPUTED = {
    "console": mixed,
    "style features": lambda x: style_features(x[:2], sample_rate=RATE),
    "audibility": lambda x: band_excitation(x, sample_rate=RATE),
    "energies": lambda x: shared_energy(
        dsp.stft(x, n_fft=512, hop=256), n_fft=512, sample_rate=RATE
    )[0],
    "picture": seen,
}


def products(jaxpr) -> Iterator[tuple]:
    """The precision of every product, those inside of loops and branches too."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation.params["precision"]
        for inner in jax.tree.leaves(
            equation.params, is_leaf=lambda leaf: hasattr(leaf, "eqns") or hasattr(leaf, "jaxpr")
        ):
            if hasattr(inner, "jaxpr") or hasattr(inner, "eqns"):
                yield from products(getattr(inner, "jaxpr", inner))


@pytest.mark.parametrize("name", COMPUTED)
def test_no_product_may_be_rounded(name):
    found = list(products(jax.make_jaxpr(COMPUTED[name])(NOISE).jaxpr))
    assert found
    assert set(found) == {(lax.Precision.HIGHEST, lax.Precision.HIGHEST)}

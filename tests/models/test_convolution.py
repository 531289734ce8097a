"""Convolutions against XLA's own, gradients too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from diffmst_jax.models.convolution import convolve
from tests.compiling import quick_jit


def layers(channels: int, outputs: int, dtype: type) -> list[nnx.Conv]:
    """The same layer twice: with this convolution, and with XLA's."""
    return [
        nnx.Conv(channels, outputs, (3, 3), padding=1, use_bias=False, dtype=dtype,
                 param_dtype=dtype, rngs=nnx.Rngs(0), **own)
        for own in ({"conv_general_dilated": convolve}, {})
    ]  # fmt: skip


def answers(layer: nnx.Conv, x: jax.Array, weight: jax.Array) -> tuple[jax.Array, ...]:
    """Output, and gradients of its weighted sum to image and kernel."""
    graph, state = nnx.split(layer)

    @quick_jit
    def run(state, x, weight):
        y, pull = jax.vjp(lambda state, x: nnx.merge(graph, state)(x), state, x)
        return y, *pull(weight)

    y, of_state, of_x = run(state, x, weight)
    return y, of_state["kernel"].get_value(), of_x


@pytest.mark.parametrize("height", [1, 7, 8, 11, 21])
@pytest.mark.parametrize(("channels", "outputs"), [(1, 4), (5, 3)])
def test_gradients_are_those_of_xla(height, channels, outputs):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(rng.standard_normal((2, height, 6, channels)))
        weight = jnp.asarray(rng.standard_normal((2, height, 6, outputs)))
        ours, theirs = (answers(x=x, weight=weight, layer=layer)
                        for layer in layers(channels, outputs, jnp.float64))  # fmt: skip
    for own, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-12, atol=1e-12)


def test_half_precision_stays_and_is_summed_in_single():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((2, 64, 64, 3)), jnp.bfloat16)
    weight = jnp.asarray(rng.standard_normal((2, 64, 64, 2)), jnp.bfloat16)
    half, _ = layers(3, 2, jnp.bfloat16)
    _, exact = layers(3, 2, jnp.float32)
    exact.kernel[...] = half.kernel[...].astype(jnp.float32)
    of_kernel = answers(half, x, weight)[1]
    wanted = answers(exact, x.astype(jnp.float32), weight.astype(jnp.float32))[1]
    assert of_kernel.dtype == jnp.bfloat16
    # Of 8192 products, one rounding to 8 bits.
    np.testing.assert_allclose(of_kernel.astype(np.float32), wanted, rtol=2**-8, atol=0.1)


@pytest.mark.parametrize(("platform", "convolutions"), [("cpu", 1), ("cuda", 2), ("tpu", 2)])
def test_accelerators_keep_the_gradient_of_xla(platform, convolutions):
    layer, _ = layers(2, 3, jnp.float32)
    graph, state = nnx.split(layer)
    x = jax.ShapeDtypeStruct((1, 16, 8, 2), jnp.float32)

    def slopes(state, x):
        return jax.grad(lambda state: jnp.sum(nnx.merge(graph, state)(x) ** 2))(state)

    program = jax.jit(slopes).trace(state, x).lower(lowering_platforms=(platform,)).as_text()
    assert program.count("stablehlo.convolution") == convolutions

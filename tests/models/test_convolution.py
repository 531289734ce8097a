"""Convolutions against XLA's own, gradients too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from diffmst_jax.models.convolution import FEW_PIXELS, convolve
from tests.compiling import quick_jit

SMALL, LARGE = (2, 7, 6), (2, 21, 6)  # images, height, width
assert SMALL[1] * SMALL[2] <= FEW_PIXELS < LARGE[1] * LARGE[2]


def kernel(_: jax.Array, shape: tuple[int, ...], dtype: type) -> jax.Array:
    """NumPy's, for it takes a second to compile how Flax draws one."""
    drawn = np.random.default_rng(0).standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))
    return jnp.asarray(drawn, dtype)


def layers(channels: int, outputs: int, dtype: type) -> list[nnx.Conv]:
    """The same layer twice: with this convolution, and with XLA's."""
    return [
        nnx.Conv(
            channels,
            outputs,
            (3, 3),
            padding=1,
            use_bias=False,
            dtype=dtype,
            param_dtype=dtype,
            kernel_init=kernel,
            conv_general_dilated=way,
            rngs=nnx.Rngs(0),
        )
        for way in (convolve, jax.lax.conv_general_dilated)
    ]


def answers(layer: nnx.Conv, x: jax.Array, weight: jax.Array) -> tuple[jax.Array, ...]:
    """Output, and gradients of its weighted sum to kernel and image."""
    graph, state = nnx.split(layer)

    @quick_jit
    def run(state, x, weight):
        y, pull = jax.vjp(lambda state, x: nnx.merge(graph, state)(x), state, x)
        return y, *pull(weight)

    y, of_state, of_x = run(state, x, weight)
    return y, of_state["kernel"].get_value(), of_x


@pytest.mark.parametrize("height", [1, 7, 11, 16, 21])
@pytest.mark.parametrize(("channels", "outputs"), [(1, 4), (5, 3)])
def test_output_and_gradients_are_those_of_xla(height, channels, outputs):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(rng.standard_normal((2, height, 6, channels)))
        weight = jnp.asarray(rng.standard_normal((2, height, 6, outputs)))
        ours, theirs = (answers(way, x, weight) for way in layers(channels, outputs, jnp.float64))
    for own, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(130, 8, 8), (2, 64, 64)])
def test_half_precision_stays_and_is_summed_in_single(shape):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((*shape, 3)), jnp.bfloat16)
    weight = jnp.asarray(rng.standard_normal((*shape, 2)), jnp.bfloat16)
    half, _ = layers(3, 2, jnp.bfloat16)
    _, exact = layers(3, 2, jnp.float32)
    exact.kernel[...] = half.kernel[...].astype(jnp.float32)
    own = answers(half, x, weight)
    wanted = answers(exact, x.astype(jnp.float32), weight.astype(jnp.float32))
    assert {leaf.dtype for leaf in own} == {jnp.dtype(jnp.bfloat16)}
    # Sums of 18 to 8320 products, rounded once to 8 bits.
    for leaf, whole in zip(own, wanted, strict=True):
        np.testing.assert_allclose(leaf.astype(np.float32), whole, rtol=2**-8, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "platform", "convolutions"),
    [
        (SMALL, "cpu", 0),
        (SMALL, "cuda", 3),
        (LARGE, "cpu", 2),
        (LARGE, "cuda", 3),
        (LARGE, "tpu", 3),
    ],
)
def test_accelerators_keep_those_of_xla(shape, platform, convolutions):
    layer, _ = layers(2, 3, jnp.float32)
    graph, state = nnx.split(layer)

    def slopes(state, x):
        return jax.grad(lambda *of: jnp.sum(nnx.merge(graph, of[0])(of[1]) ** 2), (0, 1))(state, x)

    x = jax.ShapeDtypeStruct((*shape, 2), jnp.float32)
    program = jax.jit(slopes).trace(state, x).lower(lowering_platforms=(platform,)).as_text()
    assert program.count("stablehlo.convolution") == convolutions


@pytest.mark.parametrize(
    "change", [{"kernel_size": (3, 1)}, {"strides": 2}, {"padding": 0}, {"feature_group_count": 2}]
)
def test_other_convolutions_are_refused(change):
    settings = {"kernel_size": (3, 3), "padding": 1, "rngs": nnx.Rngs(0), **change}
    layer = nnx.Conv(2, 2, kernel_init=kernel, conv_general_dilated=convolve, **settings)
    with pytest.raises(ValueError, match="stride 1 and padding 1"):
        layer(jnp.zeros((1, 4, 4, 2)))

"""3x3 convolutions of images that are quick on CPUs too, with their gradients.

XLA's own are right but two of them slow there (2 cores, AMD EPYC). Its gradient of the paper's
kernels makes 6 to 20 thousand million operations a second where its forward pass makes 60 to 85: as
products of matrices, a few rows of the image at a time so that they stay in the cache, it makes 30
to 80. And images of 2 by 4 pixels, to which the last block comes with 3 s of audio, take 0.5: as
one product with their patches 18.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

SIZE = 3
ROWS = 8  # of an image at a time
FEW_PIXELS = 64  # of an image: so many patches are one product


def convolve(x: Array, kernel: Array, *places: Any, **options: Any) -> Array:
    """`lax.conv_general_dilated` with stride 1 and one row of zeros around: `nnx.Conv`'s function.

    Reverse mode alone: no forward mode.

    Args:
        x: `(images, height, width, channels)`.
        kernel: `(3, 3, channels, channels of the output)`.
        places: strides and padding, as `nnx.Conv` gives them.
        options: the others likewise.

    Returns:
        `(images, height, width, channels of the output)`.
    """

    def of_xla(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(x, kernel, *places, **options)

    few = x.shape[1] * x.shape[2] <= FEW_PIXELS
    on_cpu = _of_patches if few else of_xla

    def plain(x: Array, kernel: Array) -> Array:
        return lax.platform_dependent(x, kernel, cpu=on_cpu, default=of_xla)

    def forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
        return plain(x, kernel), (x, kernel)

    def pulled(x: Array, kernel: Array, slope: Array) -> tuple[Array, Array]:
        return jax.vjp(of_xla, x, kernel)[1](slope)

    def pulled_on_cpu(x: Array, kernel: Array, slope: Array) -> tuple[Array, Array]:
        (of_x,) = jax.vjp(lambda image: on_cpu(image, kernel), x)[1](slope)
        return of_x, kernel_gradient(x, kernel, slope)

    def backward(saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
        return lax.platform_dependent(*saved, slope, cpu=pulled_on_cpu, default=pulled)

    convolution = jax.custom_vjp(plain)
    convolution.defvjp(forward, backward)
    return convolution(x, kernel)


def _of_patches(x: Array, kernel: Array) -> Array:
    """Convolve small images: a product of matrices with what lies around every pixel."""
    images, height, width, _ = x.shape
    framed = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    around = [
        framed[:, row : row + height, column : column + width]
        for row in range(SIZE)
        for column in range(SIZE)
    ]
    patches = jnp.concatenate(around, axis=-1).reshape(images * height * width, -1)
    summed = jnp.promote_types(x.dtype, jnp.float32)
    flat = kernel.reshape(-1, kernel.shape[-1])
    products = jnp.matmul(patches, flat, preferred_element_type=summed)
    return products.astype(x.dtype).reshape(images, height, width, -1)


def kernel_gradient(x: Array, kernel: Array, slope: Array) -> Array:
    """Gradient of `sum(slope * convolve(x, kernel))` to the kernel, by products of matrices."""
    images, height, width, channels = x.shape
    runs = -(-height // ROWS)
    missing = runs * ROWS - height
    summed = jnp.promote_types(x.dtype, jnp.float32)
    framed = jnp.pad(x, ((0, 0), (1, 1 + missing), (1, 1), (0, 0)))
    slope = jnp.pad(slope, ((0, 0), (0, missing), (0, 0), (0, 0)))

    def add_run(total: Array, run: Array) -> tuple[Array, None]:
        seen = lax.dynamic_slice_in_dim(framed, run * ROWS, ROWS + SIZE - 1, axis=1)
        wanted = lax.dynamic_slice_in_dim(slope, run * ROWS, ROWS, axis=1)
        columns = wanted.reshape(images * ROWS * width, -1)

        def product(row: int, column: int) -> Array:
            part = seen[:, row : row + ROWS, column : column + width].reshape(-1, channels)
            return jnp.matmul(part.T, columns, preferred_element_type=summed)

        of_run = [[product(row, column) for column in range(SIZE)] for row in range(SIZE)]
        return total + jnp.asarray(of_run), None

    nothing = jnp.zeros(kernel.shape, summed)
    total, _ = lax.scan(add_run, nothing, jnp.arange(runs))
    return total.astype(kernel.dtype)

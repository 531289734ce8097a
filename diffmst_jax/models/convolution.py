"""3x3 convolutions of images that are quick on CPUs too, with their gradients.

XLA's own are right, but on CPUs two of them are slow: the gradient to the kernel, and convolutions
of very few pixels, such as the 2 by 4 that the paper's last block has of 3 s of audio. There they
are products of matrices with the patches around the pixels. `benchmarks/convolution_speed.py`
compares both. Among several devices large images keep XLA's gradient: a sum over runs of rows
would be exchanged between the devices after every run.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

SIZE = 3
FEW_PIXELS = 64  # of an image; their patches are one product
ROWS = 8  # of a larger image at a time, so that their patches stay in the cache


def convolve(
    x: Array, kernel: Array, strides: Sequence[int], padding: Any, **options: Any
) -> Array:
    """`lax.conv_general_dilated` for `nnx.Conv(..., (3, 3), padding=1)`.

    Reverse mode alone where images are large and one device works: no forward mode.

    Args:
        x: `(images, height, width, channels)`.
        kernel: `(3, 3, channels, channels of the output)`.
        strides: 1 and 1.
        padding: a row and a column of zeros on every side.
        options: the others, as `nnx.Conv` gives them by default.

    Returns:
        `(images, height, width, channels of the output)`.

    Raises:
        ValueError: another kernel, stride or padding.
    """
    if (
        kernel.shape[:3] != (SIZE, SIZE, x.shape[3])
        or tuple(strides) != (1, 1)
        or list(padding) != [(1, 1), (1, 1)]
    ):
        problem = f"{kernel.shape}, strides {strides} and padding {padding}"
        raise ValueError(f"convolve is for 3x3 kernels, stride 1 and padding 1; got {problem}")

    def of_xla(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(x, kernel, strides, padding, **options)

    if x.shape[1] * x.shape[2] <= FEW_PIXELS:
        return lax.platform_dependent(x, kernel, cpu=_of_patches, default=of_xla)
    if jax.device_count() > 1:
        return of_xla(x, kernel)

    def forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
        return of_xla(x, kernel), (x, kernel)

    def of_kernel(x: Array, kernel: Array, slope: Array) -> Array:
        (gradient,) = jax.vjp(lambda k: of_xla(x, k), kernel)[1](slope)
        return gradient

    def backward(saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
        x, kernel = saved
        (of_x,) = jax.vjp(lambda image: of_xla(image, kernel), x)[1](slope)
        return of_x, lax.platform_dependent(
            x, kernel, slope, cpu=_kernel_gradient, default=of_kernel
        )

    convolution = jax.custom_vjp(of_xla)
    convolution.defvjp(forward, backward)
    return convolution(x, kernel)


def _of_patches(x: Array, kernel: Array) -> Array:
    """Convolve by one product."""
    # So that the gradient to the image, a sum of nine, is rounded once, too.
    summed = _summed(x)
    flat = kernel.astype(summed).reshape(-1, kernel.shape[-1])
    products = jnp.matmul(_patches(_framed(x.astype(summed))), flat)
    return products.astype(x.dtype).reshape(*x.shape[:3], -1)


def _kernel_gradient(x: Array, kernel: Array, slope: Array) -> Array:
    """Gradient of `sum(slope * convolve(x, kernel))` to the kernel, some rows at a time."""
    missing = -x.shape[1] % ROWS
    framed = _framed(x, missing)
    slope = jnp.pad(slope, ((0, 0), (0, missing), (0, 0), (0, 0)))

    def add_rows(total: Array, first: Array) -> tuple[Array, None]:
        seen = lax.dynamic_slice_in_dim(framed, first, ROWS + SIZE - 1, axis=1)
        wanted = lax.dynamic_slice_in_dim(slope, first, ROWS, axis=1)
        columns = wanted.reshape(-1, slope.shape[-1])
        product = jnp.matmul(_patches(seen).T, columns, preferred_element_type=total.dtype)
        return total + product.reshape(kernel.shape), None

    nothing = jnp.zeros(kernel.shape, _summed(x))
    total, _ = lax.scan(add_rows, nothing, jnp.arange(0, slope.shape[1], ROWS))
    return total.astype(kernel.dtype)


def _framed(x: Array, missing: int = 0) -> Array:
    """Images with zeros around them, and as many rows more as are missing."""
    return jnp.pad(x, ((0, 0), (1, 1 + missing), (1, 1), (0, 0)))


def _patches(framed: Array) -> Array:
    """What lies around every pixel inside the frame, `(pixels of all images, 9 * channels)`."""
    height, width = (size - SIZE + 1 for size in framed.shape[1:3])
    around = [
        framed[:, row : row + height, column : column + width]
        for row in range(SIZE)
        for column in range(SIZE)
    ]
    return jnp.concatenate(around, axis=-1).reshape(-1, SIZE * SIZE * framed.shape[-1])


def _summed(x: Array) -> Any:
    """In what to sum: half precision in single."""
    return jnp.promote_types(x.dtype, jnp.float32)

"""Convolutions of the paper's encoder: XLA's own, and `models/convolution.py`, in turn.

    python benchmarks/convolution_speed.py [--images 4] [--samples 131072] [--repeats 3]

The second convolution of each block, on noise: 1e9 operations a second, the best of the repeats,
of the output, of the gradient to the image, and of that to the kernel.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from diffmst_jax.models.config import Cnn14Config
from diffmst_jax.models.convolution import SIZE, convolve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=4, metavar="N", help="(default: 4)")
    parser.add_argument("--samples", type=int, default=131072, metavar="N", help="of audio")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="(default: 3)")
    options = parser.parse_args()
    print(f"{jax.devices()[0].device_kind}; XLA, ours\n")
    print("| pixels, channels | output | to the image | to the kernel |\n|---|---|---|---|")
    for height, width, channels in blocks(Cnn14Config(), options.samples):
        shape = options.images, height, width, channels
        pairs = zip(*(measured(way, shape, options.repeats) for way in WAYS), strict=True)
        cells = " | ".join(f"{theirs:.1f}, {ours:.1f}" for theirs, ours in pairs)
        print(f"| {height} x {width}, {channels} | {cells} |", flush=True)


WAYS = (lax.conv_general_dilated, convolve)


def blocks(config: Cnn14Config, samples: int) -> Iterator[tuple[int, int, int]]:
    """Height, width and channels of the images in each block."""
    height, width = config.n_fft // 2 + 1, samples // config.hop + 1
    for channels, pooling in zip(config.widths, config.poolings, strict=True):
        yield height, width, channels
        height, width = height // pooling[0], width // pooling[1]


def measured(
    way: Callable[..., Array], shape: tuple[int, int, int, int], repeats: int
) -> list[float]:
    """Speed of the output and of both gradients."""
    images, height, width, channels = shape
    layer = nnx.Conv(
        channels,
        channels,
        (SIZE, SIZE),
        padding=1,
        use_bias=False,
        conv_general_dilated=way,
        rngs=nnx.Rngs(0),
    )
    graph, state = nnx.split(layer)

    def run(state: nnx.State, x: Array) -> Array:
        return nnx.merge(graph, state)(x)

    def gradient(which: int, state: nnx.State, x: Array) -> nnx.State | Array:
        return jax.vjp(run, state, x)[1](x)[which]

    x = jax.random.normal(jax.random.key(0), shape, jnp.float32)
    operations = 2 * images * height * width * (SIZE * channels) ** 2
    functions = run, partial(gradient, 1), partial(gradient, 0)
    return [operations / 1e9 / best(jax.jit(f), state, x, repeats) for f in functions]


def best(function: Callable[..., object], state: nnx.State, x: Array, repeats: int) -> float:
    """Seconds of the quickest run after the one that compiles."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        jax.block_until_ready(function(state, x))
        times.append(time.perf_counter() - start)
    return min(times[1:])


if __name__ == "__main__":
    main()

"""What goes from block to block in filters, vectorised over states and over lanes, in turn.

    python benchmarks/recursion_speed.py [--blocks 16384] [--repeats 9]

Milliseconds, medians, on noise; an equalizer of six bands has 12 states, loudness 4. Stereo tracks
are lanes of two channels.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dsp.state_space import accumulate_across, accumulate_within

SIZES = ((1, 2, 12), (4, 1, 12), (8, 1, 12), (16, 1, 12), (8, 2, 12), (16, 2, 12))
SIZES += tuple((16, 1, states) for states in (4, 8, 10, 16, 20, 24, 32))
WAYS = (accumulate_within, accumulate_across)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=16384, metavar="N", help="(default: 16384)")
    parser.add_argument("--repeats", type=int, default=9, metavar="N", help="(default: 9)")
    options = parser.parse_args()
    print("| lanes, channels, states | over states | over lanes |\n|---|---|---|")
    for lanes, channels, states in SIZES:
        within, across = measured(lanes, channels, states, options.blocks, options.repeats)
        print(f"| {lanes}, {channels}, {states} | {within:.1f} | {across:.1f} |", flush=True)


def measured(lanes: int, channels: int, states: int, blocks: int, repeats: int) -> list[float]:
    """Milliseconds of both ways."""
    rng = np.random.default_rng(0)
    e = -0.01 * np.eye(states) - 0.001 * rng.standard_normal((lanes, states, states))
    inputs = rng.standard_normal((lanes, blocks, channels, states))
    given = jnp.asarray(e, jnp.float32), jnp.asarray(inputs, jnp.float32)
    runs = [jax.jit(lambda e, u, way=way: way(e, u, reverse=False)) for way in WAYS]
    for run in runs:
        jax.block_until_ready(run(*given))
    rounds = [[milliseconds(run, *given) for run in runs] for _ in range(repeats)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def milliseconds(run: Callable[..., Array], *given: Array) -> float:
    start = time.perf_counter()
    jax.block_until_ready(run(*given))
    return 1e3 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()

"""What the examples share: a descent that reports its loss, and where pictures go."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
from matplotlib.figure import Figure

SAMPLE_RATE = 44100
Tree = TypeVar("Tree")


def descend(
    loss: Callable[[Tree], jax.Array], start: Tree, *, steps: int, learning_rate: float
) -> tuple[Tree, list[float]]:
    """Adam on any tree of settings; returns where it ended and every loss on the way."""
    optimizer = optax.adam(learning_rate)

    @jax.jit
    def step(settings: Tree, state: optax.OptState) -> tuple[Tree, optax.OptState, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(settings)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(settings, updates), state, value

    settings, state, losses = start, optimizer.init(start), []
    for _ in range(steps):
        settings, state, value = step(settings, state)
        losses.append(float(value))
    return settings, losses


def noise_bursts(seconds: float, *, seed: int = 0) -> jax.Array:
    """Decaying bursts of noise, (1, time): something with a spectrum and with dynamics."""
    time = jnp.arange(int(seconds * SAMPLE_RATE))
    beat = time % (SAMPLE_RATE // 4)
    white = jax.random.normal(jax.random.key(seed), time.shape)
    return (0.3 * jnp.exp(-beat / 3000.0) * white)[None]


def folder() -> Path:
    """The folder that `--out` names, made if needed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("gallery"), help="where pictures go")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    return out


def save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"wrote {path}")

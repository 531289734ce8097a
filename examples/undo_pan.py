"""Undo a pan: find where each source of a stereo mix stands.

python examples/undo_pan.py --out gallery
"""

import gallery
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import dsp

TRUTH = jnp.array([0.1, 0.35, 0.5, 0.9])


@jax.jit
def mix(sources: jax.Array, positions: jax.Array) -> jax.Array:
    return jnp.sum(jax.vmap(lambda x, p: dsp.pan(x[None], p))(sources, positions), axis=0)


def main() -> None:
    out = gallery.folder()
    sources = jnp.concatenate([gallery.noise_bursts(1.0, seed=s) for s in range(len(TRUTH))])
    stereo = mix(sources, TRUTH)
    found, losses = gallery.descend(
        lambda p: jnp.mean((mix(sources, p) - stereo) ** 2),
        jnp.full(len(TRUTH), 0.5),
        steps=200,
        learning_rate=0.02,
    )
    figure, axis = plt.subplots(figsize=(7, 2.6))
    axis.plot(TRUTH, range(len(TRUTH)), "k|", markersize=22, label="true")
    axis.plot(found, range(len(TRUTH)), "o", label="found")
    axis.set(xlim=(0, 1), xlabel="left to right", ylabel="source", title="Pan positions from a mix")
    axis.legend()
    gallery.save(figure, out / "undo_pan.png")
    print(f"largest error {float(jnp.max(jnp.abs(found - TRUTH))):.4f}, loss {losses[-1]:.2e}")


if __name__ == "__main__":
    main()

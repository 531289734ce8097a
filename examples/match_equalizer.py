"""Match an equalizer to a target response by gradient descent on its settings.

    python examples/match_equalizer.py --out gallery

The target is an arbitrary curve; the settings are gains, frequencies and Qs in physical units,
descended as [0, 1] controls so that they stay inside their ranges.
"""

import gallery
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import dsp

FREQUENCIES = np.geomspace(30, 18_000, 200)


def target_db() -> np.ndarray:
    """A warm, slightly hollow curve with some air."""
    octaves = np.log2(FREQUENCIES / 1000)
    warmth, hollow = 5 / (1 + np.exp(2 * (octaves + 3))), 4 * np.exp(-(octaves**2))
    return warmth - hollow + 4 / (1 + np.exp(-2 * (octaves - 3)))


@jax.jit
def response(logits: dsp.EqualizerParams) -> jax.Array:
    ranges = dsp.console_ranges(sample_rate=gallery.SAMPLE_RATE).tracks.equalizer
    settings = dsp.denormalize(jax.tree.map(jax.nn.sigmoid, logits), ranges)
    return dsp.equalizer_response(settings, FREQUENCIES, sample_rate=gallery.SAMPLE_RATE)


def main() -> None:
    out, target = gallery.folder(), target_db()
    start = dsp.EqualizerParams(jnp.zeros(6), jnp.zeros(6), jnp.full(6, -2.0))
    matched, losses = gallery.descend(
        lambda s: jnp.mean((response(s) - target) ** 2), start, steps=500, learning_rate=0.05
    )
    figure, axis = plt.subplots(figsize=(7, 4))
    axis.semilogx(FREQUENCIES, target, "k--", label="target")
    axis.semilogx(FREQUENCIES, response(start), color="0.7", label="start")
    axis.semilogx(FREQUENCIES, response(matched), label="matched")
    axis.set(xlabel="Hz", ylabel="dB", title="Six bands matched to a curve by gradient descent")
    axis.legend()
    gallery.save(figure, out / "match_equalizer.png")
    print(f"mean squared error {losses[0]:.2f} -> {losses[-1]:.4f} dB^2")


if __name__ == "__main__":
    main()

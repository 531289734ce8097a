"""Recover a compressor's settings from dry and wet audio.

python examples/recover_compressor.py --out gallery
"""

import gallery
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import dsp

TRUTH = dsp.CompressorParams(-26.0, 4.0, 12.0, 90.0, 6.0, 3.0)


def steps_of_level(seconds: float) -> jax.Array:
    """Noise at a new random level five times a second: it shows every setting at work."""
    noise_key, level_key = jax.random.split(jax.random.key(0))
    count = int(5 * seconds)
    level = jax.random.uniform(level_key, (count,), minval=-45, maxval=0)
    noise = jax.random.uniform(noise_key, (count, gallery.SAMPLE_RATE // 5), minval=-1, maxval=1)
    return (noise * 10 ** (level[:, None] / 20)).reshape(1, -1)


@jax.jit
def compress(x: jax.Array, params: dsp.CompressorParams) -> jax.Array:
    y: jax.Array = dsp.compressor(x, params, sample_rate=gallery.SAMPLE_RATE)
    return y


@jax.jit
def settings(logits: dsp.CompressorParams) -> dsp.CompressorParams:
    ranges = dsp.console_ranges(sample_rate=gallery.SAMPLE_RATE).tracks.compressor
    return dsp.denormalize(jax.tree.map(jax.nn.sigmoid, logits), ranges)


@jax.jit
def level_db(x: jax.Array) -> jax.Array:
    """Level of frames of 2 ms: what a compressor changes, without the phase of the noise."""
    power = jnp.mean(x.reshape(-1, 84) ** 2, axis=-1)
    return 10 * jnp.log10(power + 1e-7)


def main() -> None:
    out, dry = gallery.folder(), steps_of_level(4.0)
    wet = compress(dry, TRUTH)
    found, losses = gallery.descend(
        lambda s: jnp.mean((level_db(compress(dry, settings(s))) - level_db(wet)) ** 2),
        jax.tree.map(lambda _: jnp.zeros(()), TRUTH),
        steps=250,
        learning_rate=0.1,
    )
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 5))
    top.plot(level_db(dry)[:2000], color="0.7", label="dry")
    top.plot(level_db(wet)[:2000], "k--", label="wet")
    top.plot(level_db(compress(dry, settings(found)))[:2000], label="recovered")
    top.set(ylabel="dB", title="Compressor settings recovered from audio")
    top.legend()
    bottom.semilogy(losses)
    bottom.set(xlabel="step", ylabel="squared error, dB^2")
    gallery.save(figure, out / "recover_compressor.png")
    for name, value, true in zip(TRUTH._fields, settings(found), TRUTH, strict=True):
        print(f"{name:16} {float(value):8.2f}   true {true:8.2f}")
    print(f"squared error {losses[0]:.2f} -> {losses[-1]:.4f} dB^2")


if __name__ == "__main__":
    main()

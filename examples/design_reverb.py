"""Design a reverb: band gains and decays that fit a wanted decay of energy over time and band.

python examples/design_reverb.py --out gallery
"""

import gallery
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import dsp

SAMPLES = 32768
KEY = jax.random.key(0)
IMPULSE = jnp.zeros((2, SAMPLES)).at[:, 0].set(1.0)


@jax.jit
def settings(logits: dsp.ReverbParams) -> dsp.ReverbParams:
    return jax.tree.map(jax.nn.sigmoid, logits)


@jax.jit
def decay_db(params: dsp.ReverbParams) -> jax.Array:
    """Energy of the response in dB, (frames, mel bands)."""
    response = dsp.noise_shaped_reverb(
        KEY, IMPULSE, params, sample_rate=gallery.SAMPLE_RATE, samples=SAMPLES
    )
    spectrum = jnp.abs(dsp.stft(response[0], n_fft=2048, hop=1024)) ** 2
    bands = dsp.mel_filterbank(
        bands=24, n_fft=2048, sample_rate=gallery.SAMPLE_RATE, low_hz=20, high_hz=20_000
    )
    return 10 * jnp.log10(spectrum.T @ bands + 1e-8)


def main() -> None:
    out = gallery.folder()
    wanted = dsp.ReverbParams(
        jnp.linspace(0.9, 0.3, 12), jnp.linspace(0.2, 0.9, 12), jnp.asarray(1.0)
    )
    target = decay_db(wanted)
    start = dsp.ReverbParams(jnp.zeros(12), jnp.zeros(12), jnp.asarray(4.0))
    found, losses = gallery.descend(
        lambda s: jnp.mean((decay_db(settings(s)) - target) ** 2),
        start,
        steps=80,
        learning_rate=0.1,
    )
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True)
    titles = ("start", "designed", "wanted")
    for axis, title, params in zip(
        axes, titles, (settings(start), settings(found), wanted), strict=True
    ):
        axis.imshow(decay_db(params).T, origin="lower", aspect="auto", vmin=-60, vmax=10)
        axis.set(title=title, xlabel="frame")
    axes[0].set_ylabel("mel band")
    gallery.save(figure, out / "design_reverb.png")
    print(f"squared error {losses[0]:.1f} -> {losses[-1]:.2f} dB^2")


if __name__ == "__main__":
    main()

"""Multi-resolution STFT losses between two signals, on their channels or on sum and difference."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from dsp.spectral import power, stft

STFT_POWER_FLOOR = 1e-8  # power of a bin is limited from below here


@dataclass(frozen=True)
class StftResolution:
    """One STFT: transform size, hop and (Hann) window length in samples."""

    n_fft: int
    hop: int
    window: int


def _half_overlap(*sizes: int) -> tuple[StftResolution, ...]:
    return tuple(StftResolution(size, size // 2, size) for size in sizes)


@dataclass(frozen=True)
class MultiResolutionStft:
    """Resolutions and term weights of `multi_resolution_stft_loss`; the defaults are the paper's.

    Attributes:
        resolutions: the STFTs over which the loss is averaged.
        spectral_convergence: weight of the relative Frobenius distance of magnitudes.
        log_magnitude: weight of the mean absolute difference of natural log magnitudes.
        linear_magnitude: weight of the mean absolute difference of magnitudes.
    """

    resolutions: tuple[StftResolution, ...] = _half_overlap(512, 2048, 8192)
    spectral_convergence: float = 0.0
    log_magnitude: float = 1.0
    linear_magnitude: float = 1.0

    @classmethod
    def auraloss(cls) -> "MultiResolutionStft":
        """Return the defaults of auraloss 0.4.0 (as in Parallel WaveGAN)."""
        return cls(
            resolutions=(
                StftResolution(1024, 120, 600),
                StftResolution(2048, 240, 1200),
                StftResolution(512, 50, 240),
            ),
            spectral_convergence=1.0,
            log_magnitude=1.0,
            linear_magnitude=0.0,
        )


def multi_resolution_stft_loss(
    predicted: Array, reference: Array, config: MultiResolutionStft = MultiResolutionStft()
) -> Array:
    """Distance of two signals in magnitude spectrograms of several resolutions.

    Args:
        predicted: audio, `(channels, time)`.
        reference: audio of the same shape, sample-aligned with `predicted`.
        config: resolutions and weights.

    Returns:
        Scalar; 0 for identical signals, where the gradient is finite. Spectral convergence takes
        its norms over all channels together, as auraloss does over a batch.

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != reference.shape:
        raise ValueError(
            f"signals to compare differ in shape: {predicted.shape}, {reference.shape}"
        )
    losses = [_stft_loss(predicted, reference, r, config) for r in config.resolutions]
    return jnp.mean(jnp.stack(losses))


def sum_difference_stft_loss(
    predicted: Array, reference: Array, config: MultiResolutionStft = MultiResolutionStft()
) -> Array:
    """Mean of the multi-resolution STFT losses of left plus right and of left minus right.

    Unlike the loss on left and right it is the same whichever channel is called left, so that two
    mixes which differ only in a mirrored stereo image are equal to it.

    Args:
        predicted: stereo audio, `(2, time)`.
        reference: stereo audio, `(2, time)`.
        config: resolutions and weights.

    Returns:
        Scalar.

    Raises:
        ValueError: an input is not stereo, or the shapes differ.
    """
    if predicted.shape[0] != 2:
        raise ValueError(f"sum and difference need audio of shape (2, time), got {predicted.shape}")
    pairs = (
        (predicted[:1] + predicted[1:], reference[:1] + reference[1:]),
        (predicted[:1] - predicted[1:], reference[:1] - reference[1:]),
    )
    return jnp.mean(jnp.stack([multi_resolution_stft_loss(p, r, config) for p, r in pairs]))


def _stft_loss(
    predicted: Array, reference: Array, resolution: StftResolution, config: MultiResolutionStft
) -> Array:
    p, r = (_magnitude(x, resolution) for x in (predicted, reference))
    loss = jnp.zeros((), p.dtype)
    if config.spectral_convergence:
        loss += config.spectral_convergence * _norm(r - p) / _norm(r)
    if config.log_magnitude:
        loss += config.log_magnitude * jnp.mean(jnp.abs(jnp.log(p) - jnp.log(r)))
    if config.linear_magnitude:
        loss += config.linear_magnitude * jnp.mean(jnp.abs(p - r))
    return loss


def _magnitude(x: Array, resolution: StftResolution) -> Array:
    spectrum = stft(x, n_fft=resolution.n_fft, hop=resolution.hop, window_length=resolution.window)
    return jnp.sqrt(jnp.maximum(power(spectrum), STFT_POWER_FLOOR))


def _norm(x: Array) -> Array:
    """Frobenius norm whose gradient at zero is zero, not NaN."""
    energy = jnp.sum(jnp.square(x))
    return jnp.where(energy > 0, jnp.sqrt(jnp.where(energy > 0, energy, 1.0)), 0.0)

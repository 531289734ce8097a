"""How well every strip would be heard in a mix, without its audio.

What `losses.audibility` says of finished audio, told from energy over time that is measured once:
gains and equalizers multiply it in each band, before it excites the neighbours.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from diffmst_jax.losses.audibility import (
    audibility,
    band_energy,
    band_hz,
    power_spectrum,
    spread,
)
from diffmst_jax.models.compact.bands import style_band_hz
from diffmst_jax.models.compact.picture import NEPERS_PER_DB, Heard, Mix
from dsp.numerics import matmul

SLOTS = 32  # of an excerpt: tracks that take turns do not hide each other


def energy_over_time(tracks: Array, side: Array, *, sample_rate: int) -> Array:
    """Energy of every strip in critical bands.

    Args:
        tracks: audio, `(tracks, time)`; silent where there is no track.
        side: as of `Heard`, `(tracks,)`.
        sample_rate: samples per second.

    Returns:
        `(tracks, 24, slots)`. Both channels of a pair are at the left one; none is at the right.
    """
    frames = band_energy(power_spectrum(tracks), sample_rate=sample_rate)
    count = min(SLOTS, frames.shape[-1])
    parts = np.array_split(np.arange(frames.shape[-1]), count)
    means = jnp.stack([jnp.mean(frames[..., part], axis=-1) for part in parts], axis=-1)
    place = side[:, None, None]
    both = means + jnp.roll(means, -1, axis=0)
    return jnp.where(place < 0, both, jnp.where(place > 0, 0.0, means))


def heard_shares(tracks: Heard, mix: Mix, boosts: Array) -> Array:
    """Share of its own loudness that every strip keeps beside the others.

    Args:
        tracks: what is mixed.
        mix: settings.
        boosts: `picture.boosts_db` of the mix.

    Returns:
        `(tracks,)` in [0, 1]; 1 for what does not play, as the right channel of a pair, and
        where no energy over time is known.
    """
    own = tracks.over_time
    if own is None:
        return jnp.ones(len(tracks.mask))
    plays = jnp.max(own, axis=(1, 2)) > 0.0
    gain_db = mix.gain_db[:, None] + matmul(boosts, jnp.asarray(_at_critical_bands(), own.dtype))
    nepers = NEPERS_PER_DB * jnp.where(tracks.mask[:, None], gain_db, 0.0)[..., None]
    power = jnp.exp(2.0 * nepers) * own  # of both ears: positions leave it as it is
    return audibility(spread(power), plays)


def _at_critical_bands() -> np.ndarray:
    """From values in the bands of the loss, which are nearly the same, `(24, 24)`."""
    places, known = np.log(band_hz()), np.log(style_band_hz())
    return np.stack([np.interp(places, known, row) for row in np.eye(len(known))])

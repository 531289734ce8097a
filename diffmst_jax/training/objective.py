"""The loss of one batch: controls from the model, a mix from the console, a distance in style."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.examples import Example
from diffmst_jax.losses import audio_feature_loss, multi_resolution_stft_loss
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models import REFERENCE_LUFS, Controls
from diffmst_jax.training.config import TrainConfig

# Pan is the last but one of a track's controls, and its range is [0, 1] itself.
PAN = dsp.TRACK_CONTROLS - 2


class Task(NamedTuple):
    """What the model is given and what its mix is compared with; leading axis (batch,).

    Attributes:
      tracks: (tracks, time) that the model sees and mixes.
      mask: (tracks,) bool.
      side: (tracks,) -1, 1 or 0, see `Example`.
      reference: (2, time) that the model sees.
      target: (2, time) that its mix is compared with; the reference itself when unpaired.
    """

    tracks: Array
    mask: Array
    side: Array
    reference: Array
    target: Array


class Mixed(NamedTuple):
    """One evaluated batch.

    Attributes:
      mix: (batch, 2, time) the predicted mixes.
      target: (batch, 2, time).
      controls: what the model set.
      metrics: scalars by name, means over the batch.
    """

    mix: Array
    target: Array
    controls: Controls
    metrics: dict[str, Array]


def make_task(batch: Example, config: TrainConfig, key: Array) -> Task:
    """Complete a batch: as it is when unpaired, else with a random mix of its own tracks.

    For random mixes the window is halved. One random console setting mixes both halves; the model
    sees the raw first half and the mixed second half, and is to reproduce the mixed first half.
    """
    tracks, mask, side, reference = (jnp.asarray(part) for part in batch)
    if config.data.reference == "unpaired":
        return Task(tracks, mask, side, reference, reference)
    controls_key, reverb_key = jax.random.split(key)
    half = tracks.shape[-1] // 2
    first, second = tracks[..., :half], tracks[..., half : 2 * half]
    controls = linked(random_controls(controls_key, mask.shape), side)
    mixes = [mix_batch(x, controls, mask, config.console, reverb_key) for x in (first, second)]
    target, reference = (at_loudness(mix) for mix in mixes)
    return jax.lax.stop_gradient(Task(first, mask, side, reference, target))


def random_controls(key: Array, shape: tuple[int, ...]) -> Controls:
    """Draw uniform controls for a (batch, tracks) of songs."""
    batch, tracks = shape
    track_key, fx_key, master_key = jax.random.split(key, 3)
    return Controls(
        jax.random.uniform(track_key, (batch, tracks, dsp.TRACK_CONTROLS)),
        jax.random.uniform(fx_key, (batch, dsp.FX_BUS_CONTROLS)),
        jax.random.uniform(master_key, (batch, dsp.MASTER_CONTROLS)),
    )


def linked(controls: Controls, side: Array) -> Controls:
    """Give both channels of each pair their mean settings; pan them by `dsp.pair_positions`.

    Args:
      controls: with a leading batch axis.
      side: (batch, tracks), see `Example`.
    """
    left, right = (side < 0)[..., None], (side > 0)[..., None]
    other = jnp.where(
        left, jnp.roll(controls.track, -1, axis=1), jnp.roll(controls.track, 1, axis=1)
    )
    track = jnp.where(left | right, (controls.track + other) / 2, controls.track)
    lean = track[..., PAN]
    of_left, of_right = dsp.pair_positions(lean)
    position = jnp.where(side < 0, of_left, jnp.where(side > 0, of_right, lean))
    return controls._replace(track=track.at[..., PAN].set(position))


def mix_batch(
    tracks: Array, controls: Controls, mask: Array, console: dsp.ConsoleConfig, key: Array
) -> Array:
    """Mix (batch, tracks, time) with control vectors in [0, 1]; returns (batch, 2, time).

    `key` gives the noise of the reverb, one for each song of the batch.
    """

    def one(tracks: Array, controls: Controls, mask: Array, key: Array) -> Array:
        params = dsp.console_params(*controls, sample_rate=SAMPLE_RATE)
        output = dsp.mix_console(
            tracks, params, console, sample_rate=SAMPLE_RATE, mask=mask, key=key
        )
        return output.mix

    return jax.vmap(one)(tracks, controls, mask, jax.random.split(key, len(mask)))


def at_loudness(mixes: Array) -> Array:
    """Bring each (2, time) of a batch to -16 LUFS; silence stays silence."""
    return jax.vmap(lambda mix: normalize_loudness(mix, REFERENCE_LUFS, sample_rate=SAMPLE_RATE))(
        mixes
    )


def evaluate_task(
    model: nnx.Module, task: Task, config: TrainConfig, key: Array
) -> tuple[Array, Mixed]:
    """Run model and console on a task; `key` gives the noise of the reverb.

    Returns:
      The loss (scalar, mean over the batch) and everything worth logging.
    """
    controls = linked(model(task.tracks, task.reference, task.mask), task.side)
    mix = mix_batch(task.tracks, controls, task.mask, config.console, key)
    compared = at_loudness(mix) if config.loss.normalize else mix
    loss, metrics = batch_loss(compared, task.target, config)
    return loss, Mixed(compared, task.target, controls, metrics)


def batch_loss(mixes: Array, targets: Array, config: TrainConfig) -> tuple[Array, dict[str, Array]]:
    """Weighted sum of the losses that have a weight, and each of them by name."""
    metrics: dict[str, Array] = {}
    total = jnp.zeros(())
    if config.loss.audio_features:
        weights = config.loss.feature_weights
        terms = jax.vmap(
            lambda mix, target: audio_feature_loss(mix, target, weights, sample_rate=SAMPLE_RATE)
        )(mixes, targets)
        means = jax.tree.map(jnp.mean, terms)
        total += config.loss.audio_features * means.total
        metrics["audio_features"] = means.total
        metrics |= {f"audio_features_{n}": v for n, v in means._asdict().items() if n != "total"}
    if config.loss.mrstft:
        metrics["mrstft"] = jnp.mean(jax.vmap(multi_resolution_stft_loss)(mixes, targets))
        total += config.loss.mrstft * metrics["mrstft"]
    return total, {"loss": total, **metrics}

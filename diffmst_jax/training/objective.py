"""The loss of a batch: controls from the model, a mix from the console, a distance in style."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.data.examples import Example
from diffmst_jax.losses import (
    MultiResolutionStft,
    ParameterLoss,
    multi_resolution_stft_loss,
    no_narrower,
    parameter_loss,
    style_distance,
    style_features,
    sum_difference_stft_loss,
)
from diffmst_jax.losses.loudness import normalize_loudness
from diffmst_jax.models import REFERENCE_LUFS, Controls
from diffmst_jax.models.compact.picture import positions
from diffmst_jax.sharding import by_rows
from diffmst_jax.training.config import LossConfig, TrainConfig
from diffmst_jax.training.curriculum import Active, only_active

# Pan is the last but one of a track's controls, and its range is [0, 1] itself.
PAN = dsp.TRACK_CONTROLS - 2
STFTS = {"paper": MultiResolutionStft(), "auraloss": MultiResolutionStft.auraloss()}


class Task(NamedTuple):
    """What the model is given and what its mix is compared with; leading axis (batch,).

    Attributes:
      tracks: (tracks, time) that the model sees and mixes.
      mask: (tracks,) bool.
      side: (tracks,) -1, 1 or 0, see `Example`.
      reference: (2, time) that the model sees.
      target: (2, time) that its mix is compared with; the reference itself when unpaired.
      controls: what the target was mixed with; None when unpaired.
    """

    tracks: Array
    mask: Array
    side: Array
    reference: Array
    target: Array
    controls: Controls | None


class Mixed(NamedTuple):
    """One evaluated batch.

    Attributes:
      mix: (batch, 2, time) the predicted mixes.
      task: what they were made from and compared with.
      controls: what the model set.
      metrics: (batch,) losses by name; "loss" is what training minimises.
    """

    mix: Array
    task: Task
    controls: Controls
    metrics: dict[str, Array]


def make_task(batch: Example, config: TrainConfig, keys: Array, active: Active) -> Task:
    """Complete a batch: as it is when unpaired, else with a random mix of its own tracks.

    For random mixes the window is halved. One random console setting mixes both halves; the model
    sees the raw first half and the mixed second half, and is to reproduce the mixed first half.

    Args:
      batch: rows of examples.
      config: of the run.
      keys: (batch,) a PRNG key for each row.
      active: the effects that random mixes use.
    """
    tracks, mask, side, reference = (jnp.asarray(part) for part in batch)
    if config.data.reference == "unpaired":
        return Task(tracks, mask, side, reference, reference, None)
    controls_keys, noise_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
    half = tracks.shape[-1] // 2
    halves = tracks[..., :half], tracks[..., half : 2 * half]
    controls = linked(random_controls(controls_keys, mask.shape[1]), side)
    pairs = _pairs(side, config)
    target, reference = (
        level_batch(mix_batch(x, controls, mask, pairs, config.console, noise_keys, active))
        for x in halves
    )
    return jax.lax.stop_gradient(Task(halves[0], mask, side, reference, target, controls))


def random_controls(keys: Array, tracks: int) -> Controls:
    """Draw uniform controls for a batch of songs, by a (batch,) of keys."""

    def one(key: Array) -> Controls:
        track_key, fx_key, master_key = jax.random.split(key, 3)
        return Controls(
            jax.random.uniform(track_key, (tracks, dsp.TRACK_CONTROLS)),
            jax.random.uniform(fx_key, (dsp.FX_BUS_CONTROLS,)),
            jax.random.uniform(master_key, (dsp.MASTER_CONTROLS,)),
        )

    return jax.vmap(one)(keys)


def linked(controls: Controls, side: Array) -> Controls:
    """Give both channels of each pair their mean settings; pan them by `dsp.pair_positions`.

    Args:
      controls: with a leading batch axis.
      side: (batch, tracks), see `Example`.
    """
    track = jax.vmap(dsp.pair_mean)(controls.track, side)
    return controls._replace(track=track.at[..., PAN].set(positions(track[..., PAN], side)))


def _pairs(side: Array, config: TrainConfig) -> Array | None:
    """What the console looks for; nothing where every channel is a track of its own."""
    return side if config.data.linked_pairs else None


def mix_batch(
    tracks: Array,
    controls: Controls,
    mask: Array,
    side: Array | None,
    console: dsp.ConsoleConfig,
    keys: Array,
    active: Active,
) -> Array:
    """Mix (batch, tracks, time) with control vectors in [0, 1]; returns (batch, 2, time).

    The compressors of pairs are linked, by `side`, (batch, tracks); None where there are none.
    `keys`, (batch,), give the noise of the reverb; effects that are not `active` are neutral.
    """

    def one(
        tracks: Array,
        controls: Controls,
        mask: Array,
        side: Array | None,
        key: Array,
        active: Active,
    ) -> Array:
        params = dsp.console_params(*controls, sample_rate=SAMPLE_RATE)
        params = only_active(params, active)
        output = dsp.mix_console(
            tracks, params, console, sample_rate=SAMPLE_RATE, mask=mask, side=side, key=key
        )
        return output.mix

    return by_rows(jax.vmap(one))(tracks, controls, mask, side, keys, active)


def level_batch(mixes: Array) -> Array:
    """Bring each (2, time) of a batch to -16 LUFS; silence stays silence.

    Of the mixes that random settings make, one in five is too faint for BS.1770 to hear anything,
    so all are brought to one peak first.
    """

    def one(mix: Array) -> Array:
        peak = jax.lax.stop_gradient(jnp.max(jnp.abs(mix)))
        raised = mix / jnp.where(peak > 0.0, peak, 1.0)
        return normalize_loudness(raised, REFERENCE_LUFS, sample_rate=SAMPLE_RATE)

    return by_rows(jax.vmap(one))(mixes)


def evaluate_task(
    model: nnx.Module, task: Task, config: TrainConfig, keys: Array, active: Active
) -> Mixed:
    """Run model and console on a task; `keys`, (batch,), give the noise of the reverb."""
    controls = linked(model(task.tracks, task.reference, task.mask, task.side), task.side)
    pairs = _pairs(task.side, config)
    mix = mix_batch(task.tracks, controls, task.mask, pairs, config.console, keys, active)
    compared = level_batch(mix) if config.loss.normalize else mix
    metrics = losses(compared, task.target, config.loss)
    if config.loss.parameters:
        metrics |= parameter_errors(controls, task, config.console, active)
        metrics["loss"] += config.loss.parameters * metrics["parameters"]
    return Mixed(compared, task, controls, metrics)


def losses(mixes: Array, targets: Array, config: LossConfig) -> dict[str, Array]:
    """Each loss of audio that has a weight, by name, and as "loss" their sum; all (batch,).

    What sounds mono counts as `no_narrower` has it: a mono reference would weigh more than 100
    others, by a side that no mix should come nearer to.
    """

    def one(mix: Array, target: Array) -> dict[str, Array]:
        metrics: dict[str, Array] = {}
        total = jnp.zeros(())
        if config.audio_features:
            made, wanted = (
                no_narrower(style_features(audio, sample_rate=SAMPLE_RATE))
                for audio in (mix, target)
            )
            terms = style_distance(made, wanted, config.feature_weights)
            total += config.audio_features * terms.total
            metrics["audio_features"] = terms.total
            parts = terms._asdict().items()
            metrics |= {f"audio_features_{name}": v for name, v in parts if name != "total"}
        if config.mrstft:
            metrics["mrstft"] = multi_resolution_stft_loss(mix, target, STFTS[config.stft])
            total += config.mrstft * metrics["mrstft"]
        if config.sum_difference:
            value = sum_difference_stft_loss(mix, target, STFTS[config.stft])
            metrics["sum_difference"] = value
            total += config.sum_difference * value
        return {"loss": total, **metrics}

    return by_rows(jax.vmap(one))(mixes, targets)


def parameter_errors(
    controls: Controls, task: Task, console: dsp.ConsoleConfig, active: Active
) -> dict[str, Array]:
    """Mean squared errors of controls against those of a random mix; all (batch,).

    Controls of effects that the console or the curriculum leaves out count as right.
    """
    assert task.controls is not None

    def one(found: Controls, truth: Controls, mask: Array, active: Active) -> ParameterLoss:
        used, wanted = (in_use(each, console, active) for each in (found, truth))
        return parameter_loss(used, wanted, mask)

    errors = jax.vmap(one)(controls, task.controls, task.mask, active)._asdict()
    parts = {f"parameters_{name}": value for name, value in errors.items() if name != "total"}
    return {"parameters": errors["total"], **parts}


def in_use(controls: Controls, console: dsp.ConsoleConfig, active: Active) -> Controls:
    """Return one song's controls with those neutral that do nothing."""
    heard = Active(
        equalizer=active.equalizer & console.track_equalizer,
        compressor=active.compressor & console.track_compressor,
        pan=active.pan,
        reverb=active.reverb & console.reverb,
        master_bus=active.master_bus & console.master_bus,
    )
    params = dsp.console_params(*controls, sample_rate=SAMPLE_RATE)
    params = only_active(params, heard)
    return Controls(*dsp.console_controls(params, sample_rate=SAMPLE_RATE))

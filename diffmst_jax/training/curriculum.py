"""A curriculum of effects: one that the model does not yet set is neutral, in targets too."""

from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.training.config import CurriculumConfig

T = TypeVar("T")


class Active(NamedTuple):
    """Which effects are in use, bool; a batch has one row per example, all alike.

    Attributes:
      equalizer: of the tracks.
      compressor: of the tracks.
      pan: of the tracks.
      reverb: the tracks' sends and the effects bus.
      master_bus: everything on it.
    """

    equalizer: Array
    compressor: Array
    pan: Array
    reverb: Array
    master_bus: Array


def active_at(step: Array, config: CurriculumConfig, rows: int) -> Active:
    """Return the effects in use at a step, for `rows` examples."""
    return Active(
        *(jnp.broadcast_to(step >= getattr(config, name), (rows,)) for name in Active._fields)
    )


def all_active(rows: int) -> Active:
    """Return the mark of every effect in use, for `rows` examples."""
    return Active(*[jnp.ones(rows, bool)] * len(Active._fields))


def only_active(params: dsp.ConsoleParams, active: Active) -> dsp.ConsoleParams:
    """Replace the settings of effects that are not in use by neutral ones.

    Args:
      params: of one mix.
      active: scalars.

    Returns:
      The settings; no gradient reaches those that were replaced.
    """
    neutral = dsp.neutral_console(len(params.tracks.pan), sample_rate=SAMPLE_RATE)
    tracks, rest = params.tracks, neutral.tracks
    return params._replace(
        tracks=tracks._replace(
            equalizer=_choose(active.equalizer, tracks.equalizer, rest.equalizer),
            compressor=_choose(active.compressor, tracks.compressor, rest.compressor),
            pan=_choose(active.pan, tracks.pan, rest.pan),
            send_db=_choose(active.reverb, tracks.send_db, rest.send_db),
        ),
        fx_bus=_choose(active.reverb, params.fx_bus, neutral.fx_bus),
        master_bus=_choose(active.master_bus, params.master_bus, neutral.master_bus),
    )


def _choose(active: Array, settings: T, neutral: T) -> T:
    return jax.tree.map(lambda a, b: jnp.where(active, a, b), settings, neutral)

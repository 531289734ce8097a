"""The state that evolves during training and the one jitted step that moves it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from diffmst_jax.data.examples import Example
from diffmst_jax.training.config import OptimizerConfig, TrainConfig
from diffmst_jax.training.objective import Mixed, evaluate_task, make_task


class TrainState(NamedTuple):
    """Everything that evolves; a checkpoint holds exactly this and the data iterator's state.

    Attributes:
      step: batches seen, int32.
      params: trainable weights.
      others: the model's remaining state, such as batch statistics.
      optimizer: optax state.
      ema: averaged weights; an empty tuple without averaging.
      key: key data (uint32) that the random mixes are derived from, with the step folded in.
    """

    step: Array
    params: nnx.State
    others: nnx.State
    optimizer: optax.OptState
    ema: nnx.State | tuple[()]
    key: Array


Metrics = dict[str, Array]
Step = Callable[[TrainState, Example], tuple[TrainState, Metrics]]


def make_schedule(config: TrainConfig) -> optax.Schedule:
    """Learning rate by update."""
    kind, peak = config.schedule, config.optimizer.learning_rate
    updates = config.trainer.steps // config.optimizer.accumulate
    if kind.kind == "constant":
        warm = optax.linear_schedule(0.0, peak, max(kind.warmup_steps, 1))
        constant = optax.constant_schedule(peak)
        return optax.join_schedules([warm, constant], [kind.warmup_steps])
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=peak,
        warmup_steps=kind.warmup_steps,
        decay_steps=max(updates, kind.warmup_steps + 1),
        end_value=peak * kind.final_share,
    )


def make_optimizer(
    config: OptimizerConfig, schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Clip by global norm, then Adam; skip updates that are not finite; accumulate batches."""
    adam = optax.adamw(schedule, b1=config.b1, b2=config.b2, weight_decay=config.weight_decay)
    chain = optax.chain(optax.clip_by_global_norm(config.clip_norm), adam)
    guarded = optax.apply_if_finite(chain, max_consecutive_errors=config.skip_nonfinite)
    if config.accumulate == 1:
        return guarded
    return optax.MultiSteps(guarded, config.accumulate).gradient_transformation()


def split_model(model: nnx.Module) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
    """Take a module apart: structure, trainable weights, and the rest of its state."""
    graph, params, others = nnx.split(model, nnx.Param, ...)
    return graph, params, others


def initial_state(
    model: nnx.Module, optimizer: optax.GradientTransformation, config: TrainConfig
) -> tuple[nnx.GraphDef, TrainState]:
    """Return the model's structure and the state before the first step."""
    graph, params, others = split_model(model)
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        others=others,
        optimizer=optimizer.init(params),
        ema=jax.tree.map(jnp.copy, params) if config.optimizer.ema_decay else (),
        key=jax.random.key_data(jax.random.key(config.trainer.seed)),
    )
    return graph, state


def averaged(state: TrainState) -> nnx.State:
    """Return the weights to validate and export: the averaged ones where there are."""
    return state.params if isinstance(state.ema, tuple) else state.ema


def make_train_step(
    graph: nnx.GraphDef, optimizer: optax.GradientTransformation, config: TrainConfig
) -> Step:
    """Return the jitted step; the state it is given is donated and must not be used again."""

    def loss_fn(
        params: nnx.State, others: nnx.State, batch: Example, key: Array
    ) -> tuple[Array, tuple[nnx.State, Metrics]]:
        # Copied, for batch statistics may only be written by the trace that made them.
        model = nnx.merge(graph, params, others, copy=True)
        task_key, noise_key = jax.random.split(key)
        loss, mixed = evaluate_task(model, make_task(batch, config, task_key), config, noise_key)
        return loss, (nnx.split(model, nnx.Param, ...)[2], mixed.metrics)

    def step(state: TrainState, batch: Example) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
        gradient_of = jax.value_and_grad(loss_fn, has_aux=True)
        (_, (others, metrics)), gradient = gradient_of(state.params, state.others, batch, key)
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        norms = {
            "norm_gradient": optax.tree.norm(gradient),
            "norm_update": optax.tree.norm(updates),
            "norm_params": optax.tree.norm(params),
        }
        new = state._replace(
            step=state.step + 1,
            params=params,
            others=_if_finite(norms["norm_gradient"], others, state.others),
            optimizer=optimizer_state,
            ema=_average(state, params, config.optimizer.ema_decay),
        )
        return new, metrics | norms

    return jax.jit(step, donate_argnums=0)


def make_eval_step(
    graph: nnx.GraphDef, config: TrainConfig
) -> Callable[[nnx.State, nnx.State, Example, Array], Mixed]:
    """Return a jitted function of weights, other state, a batch and key data: its mixes, scored."""

    def step(params: nnx.State, others: nnx.State, batch: Example, key: Array) -> Mixed:
        model = nnx.merge(graph, params, others, copy=True)
        model.eval()
        task_key, noise_key = jax.random.split(jax.random.wrap_key_data(key))
        return evaluate_task(model, make_task(batch, config, task_key), config, noise_key)[1]

    return jax.jit(step)


def _average(state: TrainState, params: nnx.State, decay: float) -> nnx.State | tuple[()]:
    if isinstance(state.ema, tuple):
        return ()
    return optax.incremental_update(params, state.ema, 1.0 - decay)


def _if_finite(norm: Array, new: nnx.State, old: nnx.State) -> nnx.State:
    """Keep the old state after a batch whose gradient was not finite."""
    return jax.tree.map(lambda a, b: jnp.where(jnp.isfinite(norm), a, b), new, old)

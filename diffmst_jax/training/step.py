"""The state that evolves during training and the one jitted step that moves it."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from diffmst_jax.data.examples import Example
from diffmst_jax.training.config import OptimizerConfig, TrainConfig
from diffmst_jax.training.curriculum import active_at, all_active
from diffmst_jax.training.devices import Devices
from diffmst_jax.training.objective import Mixed, evaluate_task, make_task


class TrainState(NamedTuple):
    """Everything that evolves; a checkpoint holds exactly this.

    Attributes:
      step: batches seen, int32; it says which batch comes next.
      params: trainable weights.
      others: the model's remaining state, such as batch statistics.
      optimizer: optax state.
      ema: weights averaged over updates; an empty tuple without averaging.
      key: key data (uint32) that the random mixes are derived from, with the step folded in.
      skipped: batches skipped since the last that was not, int32.
      skipped_in_all: batches skipped since the start, int32.
    """

    step: Array
    params: nnx.State
    others: nnx.State
    optimizer: optax.OptState
    ema: nnx.State | tuple[()]
    key: Array
    skipped: Array
    skipped_in_all: Array


T = TypeVar("T")
Metrics = dict[str, Array]
Step = Callable[[TrainState, Example], tuple[TrainState, Metrics]]
EvalStep = Callable[[nnx.State, nnx.State, Example, Array], Mixed]


def updates_of(config: TrainConfig) -> int:
    """How many updates a run has."""
    return config.trainer.steps // config.optimizer.accumulate


def make_schedule(config: TrainConfig) -> optax.Schedule:
    """Learning rate by update."""
    kind, peak = config.schedule, config.optimizer.learning_rate
    updates = updates_of(config)
    if kind.kind == "cosine":
        return optax.warmup_cosine_decay_schedule(
            init_value=0.0,
            peak_value=peak,
            warmup_steps=kind.warmup_steps,
            decay_steps=max(updates, kind.warmup_steps + 1),
            end_value=peak * kind.final_share,
        )
    drops = kind.drops if kind.kind == "step" else ()
    factors = {round(at * updates): kind.final_share ** (1 / len(drops)) for at in drops}
    fall = optax.piecewise_constant_schedule(peak, factors)
    if not kind.warmup_steps:
        return fall
    rise = optax.linear_schedule(0.0, 1.0, kind.warmup_steps)
    return lambda count: rise(count) * fall(count)


def make_optimizer(
    config: OptimizerConfig, schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Clip by global norm, then Adam; accumulate batches."""
    adam = optax.adamw(schedule, b1=config.b1, b2=config.b2, weight_decay=config.weight_decay)
    chain = optax.chain(optax.clip_by_global_norm(config.clip_norm), adam)
    if config.accumulate == 1:
        return chain
    return optax.MultiSteps(chain, config.accumulate).gradient_transformation()


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
        ema=params if config.optimizer.ema_decay else (),
        key=jax.random.key_data(jax.random.key(config.trainer.seed)),
        skipped=jnp.zeros((), jnp.int32),
        skipped_in_all=jnp.zeros((), jnp.int32),
    )
    return graph, state


def averaged(state: TrainState) -> nnx.State:
    """Return the weights to validate and export: the averaged ones where there are."""
    return state.params if isinstance(state.ema, tuple) else state.ema


def make_train_step(
    graph: nnx.GraphDef,
    optimizer: optax.GradientTransformation,
    schedule: optax.Schedule,
    config: TrainConfig,
    devices: Devices,
    like: TrainState,
) -> Step:
    """Return the jitted step; the state it is given is donated and must not be used again.

    A batch whose loss or gradient is not finite changes nothing but the counters.

    Args:
      graph: structure of the model.
      optimizer: from `make_optimizer`.
      schedule: from `make_schedule`, for the record.
      config: of the run.
      devices: where batch and state lie.
      like: a state as the step will be given; new ones will lie on the devices as it does.
    """

    def loss_fn(
        params: nnx.State, state: TrainState, batch: Example, key: Array
    ) -> tuple[Array, tuple[nnx.State, Metrics]]:
        # Copied, for batch statistics may only be written by the trace that made them.
        model = nnx.merge(graph, params, state.others, copy=True)
        rows = len(batch.mask)
        active = active_at(state.step, config.trainer.curriculum, rows)
        task_keys, noise_keys = jax.random.split(key, (2, rows))
        task = make_task(batch, config, task_keys, active)
        mixed = evaluate_task(model, task, config, noise_keys, active)
        metrics = jax.tree.map(jnp.mean, mixed.metrics)
        return metrics["loss"], (split_model(model)[2], metrics)

    def step(state: TrainState, batch: Example) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
        gradient_of = jax.value_and_grad(loss_fn, has_aux=True)
        (loss, (others, metrics)), gradient = gradient_of(state.params, state, batch, key)
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        norms = {
            "norm_gradient": optax.tree.norm(gradient),
            "norm_update": optax.tree.norm(updates),
        }
        finite = jnp.isfinite(loss) & jnp.isfinite(norms["norm_gradient"])
        moved = state._replace(
            params=params,
            others=others,
            optimizer=optimizer_state,
            ema=_average(state, params, optimizer_state, config.optimizer),
        )
        new = _choose(finite, moved, state)._replace(
            step=state.step + 1,
            skipped=jnp.where(finite, 0, state.skipped + 1),
            skipped_in_all=state.skipped_in_all + ~finite,
        )
        norms["norm_params"] = optax.tree.norm(new.params)
        counts = {"skipped": new.skipped, "skipped_in_all": new.skipped_in_all}
        rate = {"learning_rate": schedule(_updates(state.optimizer))}
        return new, metrics | norms | rate | counts

    places = jax.tree.map(lambda leaf: leaf.sharding, like)
    jitted = jax.jit(step, donate_argnums=0, out_shardings=(places, devices.everywhere))
    return devices.run(jitted)


def make_eval_step(graph: nnx.GraphDef, config: TrainConfig, devices: Devices) -> EvalStep:
    """Return a jitted function of weights, other state, a batch and (batch,) numbers of examples.

    The numbers say which random mixes there are, the same each time. Every effect is in use,
    whatever the curriculum says. What it returns is whole on every device.
    """

    def step(params: nnx.State, others: nnx.State, batch: Example, numbers: Array) -> Mixed:
        model = nnx.merge(graph, params, others, copy=True)
        model.eval()
        key = jax.random.key(config.trainer.seed)
        pairs = jax.vmap(lambda n: jax.random.split(jax.random.fold_in(key, n)))(numbers)
        active = all_active(len(numbers))
        task = make_task(batch, config, pairs[:, 0], active)
        return evaluate_task(model, task, config, pairs[:, 1], active)

    return devices.run(jax.jit(step, out_shardings=devices.everywhere))


def _average(
    state: TrainState, params: nnx.State, optimizer: optax.OptState, config: OptimizerConfig
) -> nnx.State | tuple[()]:
    """Average the new weights into the old average, where this batch has moved them."""
    if isinstance(state.ema, tuple):
        return ()
    average: nnx.State = optax.incremental_update(params, state.ema, 1.0 - config.ema_decay)
    if config.accumulate == 1:
        return average
    return _choose(_updates(optimizer) > _updates(state.optimizer), average, state.ema)


def _updates(optimizer: optax.OptState) -> Array:
    """How often Adam has moved the weights."""
    (_, count), *_ = optax.tree.get_all_with_path(optimizer, "count")
    return jnp.asarray(count)


def _choose(condition: Array, yes: T, no: T) -> T:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)

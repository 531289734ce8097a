"""One training step of an experiment on this device: seconds, the console's share, memory.

    python benchmarks/train_step.py [--torch] [--kept] [--repeats N] experiment=af_16 [key=value]

Run it once for each variant (`model.compute_dtype=bfloat16 model.remat=true ...`): memory in use at
its peak is counted from the start of a program. Audio is noise. `--torch` times the same step in
PyTorch with dasp-pytorch before it, in a process of its own (benchmarks/requirements.txt;
experiments of the paper with the audio-feature loss and unpaired references). `--kept` runs nothing
and says what the forward pass leaves in memory for the backward pass, from shapes alone, so that it
needs no device.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from hydra import compose, initialize_config_dir

from diffmst_jax.data.examples import Example
from diffmst_jax.models import Controls, build_model
from diffmst_jax.training.config import TrainConfig
from diffmst_jax.training.curriculum import all_active
from diffmst_jax.training.devices import make_devices
from diffmst_jax.training.export import starting_model
from diffmst_jax.training.objective import evaluate_task, make_task, random_controls
from diffmst_jax.training.settings import read_settings
from diffmst_jax.training.step import (
    initial_state,
    make_optimizer,
    make_schedule,
    make_train_step,
    split_model,
)
from diffmst_jax.training.watch import peak_memory_gb

CONF = str(Path(__file__).resolve().parents[1] / "conf")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--torch", action="store_true", help="time PyTorch too")
    parser.add_argument("--only-torch", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--kept", action="store_true", help="count what is kept, run nothing")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="(default: 5)")
    parser.add_argument("overrides", nargs="+", metavar="key=value", help="as for train.py")
    options = parser.parse_args()
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose("config", overrides=["name=benchmark", *options.overrides])
    config = read_settings(composed, ())[0]
    model = config.model
    if not options.only_torch:
        print(f"{' '.join(options.overrides)}: {model.compute_dtype}, remat {model.remat}")
    if options.kept:
        print(f"kept for the backward pass: {kept_gb(config):.1f} GB")
        return
    batch = noise(config)
    if options.only_torch:
        print(f"PyTorch  step {time_torch(config, batch, options.repeats)}", flush=True)
        return
    if options.torch:  # before JAX holds memory of the device
        subprocess.run([sys.executable, __file__, "--only-torch", *sys.argv[1:]], check=False)
    print(f"{jax.devices()[0].device_kind}, {len(jax.devices())} device(s)")
    seconds, memory_gb = time_step(config, batch, options.repeats)
    print(f"JAX      step {seconds:.3f} s, peak {memory_gb:.1f} GB", flush=True)
    seconds = time_console(config, batch, options.repeats)
    print(f"         console and loss, of it {seconds:.3f} s", flush=True)


def noise(config: TrainConfig) -> Example:
    """A batch as the pipeline gives it: tracks and references at about their levels."""
    rng = np.random.default_rng(0)
    rows, tracks = config.trainer.batch_size, config.data.max_tracks
    samples = config.data.samples
    length = samples if config.data.reference == "unpaired" else 0
    return Example(
        0.004 * rng.standard_normal((rows, tracks, samples), np.float32),
        np.ones((rows, tracks), bool),
        np.zeros((rows, tracks), np.int8),
        0.1 * rng.standard_normal((rows, 2, length), np.float32),
    )


def time_step(config: TrainConfig, batch: Example, repeats: int) -> tuple[float, float]:
    """Seconds of the step of `train.py`, and gigabytes in use at its peak."""
    devices, schedule = make_devices(config.trainer), make_schedule(config)
    optimizer = make_optimizer(config.optimizer, schedule)
    graph, state = initial_state(starting_model(config), optimizer, config)
    state = devices.state(state)
    step = make_train_step(graph, optimizer, schedule, config, devices, state)
    rows = devices.rows(batch, own=True)

    def run() -> None:
        nonlocal state
        state, metrics = step(state, rows)
        jax.block_until_ready(metrics)

    return best(run, repeats), peak_memory_gb()


def time_console(config: TrainConfig, batch: Example, repeats: int) -> float:
    """Seconds of mixing, loss and the gradient to the controls, without the model."""
    devices = make_devices(config.trainer)
    rows = devices.rows(batch, own=True)
    keys = jax.random.split(jax.random.key(0), len(batch.mask))
    controls = random_controls(keys, batch.mask.shape[1])

    def loss(controls: Controls, rows: Example) -> jax.Array:
        return batch_loss(lambda *_: controls, rows, config)

    gradient = devices.run(jax.jit(jax.value_and_grad(loss)))
    return best(lambda: jax.block_until_ready(gradient(controls, rows)) and None, repeats)


def batch_loss(model: Callable[..., Controls], batch: Example, config: TrainConfig) -> jax.Array:
    """What training minimises, of a batch, every effect in use."""
    rows = len(batch.mask)
    keys, active = jax.random.split(jax.random.key(0), rows), all_active(rows)
    task = make_task(batch, config, keys, active)
    return jnp.mean(evaluate_task(model, task, config, keys, active).metrics["loss"])


def kept_gb(config: TrainConfig) -> float:
    """Gigabytes between the passes: an upper bound, for a compiler may compute some of it anew."""
    module = nnx.eval_shape(lambda: build_model(config.model, rngs=nnx.Rngs(0)))
    graph, params, others = split_model(module)

    def loss(params: nnx.State, others: nnx.State, batch: Example) -> jax.Array:
        return batch_loss(nnx.merge(graph, params, others, copy=True), batch, config)

    backward = jax.eval_shape(
        lambda params, *rest: jax.vjp(lambda p: loss(p, *rest), params)[1],
        params,
        others,
        noise(config),
    )
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(backward)) / 1e9


def time_torch(config: TrainConfig, batch: Example, repeats: int) -> str:
    import torch  # noqa: PLC0415 (optional)
    import torch_model  # noqa: PLC0415

    step, device = torch_model.training_step(
        config.model,
        config.loss.feature_weights,
        batch.tracks,
        batch.reference,
        clip_norm=config.optimizer.clip_norm,
    )
    seconds = best(step, repeats)
    if device == "cpu":
        return f"{seconds:.3f} s"
    return f"{seconds:.3f} s, peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB"


def best(run: Callable[[], None], repeats: int) -> float:
    run()  # compiled, libraries loaded
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()

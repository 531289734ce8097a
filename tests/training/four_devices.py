"""Run by test_devices in a process of four CPU devices: training steps on one and on four.

It saves what both came to as JSON in the folder given, and lets one device go on from the four's
checkpoint.
"""

import dataclasses
import json
import sys
from pathlib import Path

import jax
import numpy as np
import optax
from flax import nnx

from diffmst_jax.data.examples import Example
from diffmst_jax.models import Cnn14Config, TransformerConfig
from diffmst_jax.training.checkpoint import Checkpoints
from diffmst_jax.training.config import TrainConfig, train_config
from diffmst_jax.training.devices import Devices, make_devices
from diffmst_jax.training.step import TrainState, initial_state, make_train_step
from tests.models.small import fresh
from tests.training.conftest import composed

STEPS = 2
# Adam would make whole steps of the rounding of gradients that are all but zero.
SCHEDULE = optax.constant_schedule(0.1)
OPTIMIZER = optax.sgd(SCHEDULE, momentum=0.9)


def config_of(devices: int, fsdp: int) -> TrainConfig:
    """Random mixes, and batch norms, which look at the whole batch."""
    config = train_config(
        composed(
            "experiment=smoke",
            "console.track_equalizer=false",
            "console.track_compressor=false",
            "console.master_bus=false",
            "data=random_mix",
            "loss.normalize=true",
            "data.samples=40000",
            "data.max_tracks=2",
            "optimizer.ema_decay=0.5",
            "trainer.batch_size=4",
            f"trainer.devices={devices}",
            f"trainer.fsdp={fsdp}",
        )
    )
    encoder = Cnn14Config(n_fft=512, hop=256, widths=(8,), poolings=((8, 4),))
    transformer = TransformerConfig(layers=1, heads=2, width=32, feed_forward=64)
    model = dataclasses.replace(config.model, encoder=encoder, transformer=transformer)
    return dataclasses.replace(config, model=model)


def batch(seed: int) -> Example:
    """Noise; one row lacks a track, so that devices have unequal counts of signals."""
    rng = np.random.default_rng(seed)
    tracks = 0.005 * rng.standard_normal((4, 2, 40000)).astype(np.float32)
    mask = np.array([[True, True], [True, False], [True, True], [True, True]])
    side = np.zeros((4, 2), np.int8)
    return Example(tracks * mask[..., None], mask, side, np.zeros((4, 2, 0), np.float32))


def trained(devices: Devices, config: TrainConfig, state: TrainState, graph: nnx.GraphDef):
    """Take two steps; returns the state and every step's metrics."""
    step = make_train_step(graph, OPTIMIZER, SCHEDULE, config, devices, state)
    seen = []
    for number in range(STEPS):
        state, metrics = step(state, devices.rows(batch(number), own=True))
        seen.append({name: float(value) for name, value in metrics.items()})
    return state, seen


def main(folder: Path) -> None:
    """Compare, and resume."""
    result = {}
    states = {}
    for count, fsdp in ((1, 1), (4, 2)):
        config = config_of(count, fsdp)
        devices = make_devices(config.trainer)
        model = fresh("cnn14", config.model)
        graph, state = initial_state(model, OPTIMIZER, config)
        state = devices.state(state)
        after, seen = trained(devices, config, state, graph)
        states[count] = after
        result[str(count)] = seen
    leaves = {n: [np.asarray(x) for x in jax.tree.leaves(s)] for n, s in states.items()}
    pairs = zip(jax.tree.leaves_with_path(states[1]), leaves[1], leaves[4], strict=True)
    # Momentum is a sum of gradients: one unit of it is the largest gradient, not 1.
    gradient = max(float(np.max(np.abs(x))) for x in jax.tree.leaves(states[1].optimizer))
    result["differences"] = {
        jax.tree_util.keystr(path): float(np.max(np.abs(a - b), initial=0.0))
        / (gradient if path[0] == jax.tree_util.GetAttrKey("optimizer") else 1.0)
        for (path, _), a, b in pairs
    }
    spread = [leaf.sharding.spec for leaf in jax.tree.leaves(states[4].params)]
    result["divided"] = sum("fsdp" in spec for spec in spread)

    checkpoints = Checkpoints(folder, config_of(4, 2))
    checkpoints.save(STEPS, states[4], 1.0)
    checkpoints.close()
    restored = Checkpoints(folder, config_of(1, 1)).restore_last(states[1], print)
    found = [np.asarray(x) for x in jax.tree.leaves(restored)]
    result["restored"] = all(map(np.array_equal, found, leaves[4]))
    result["devices"] = len(jax.tree.leaves(restored)[0].devices())
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

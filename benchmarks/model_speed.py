"""Time of the full-size model on 8 tracks of 262144 samples, against the same network in PyTorch.

    python benchmarks/model_speed.py [--torch] [--compute-dtype bfloat16] [--repeats 2]
    python benchmarks/model_speed.py --difference       how far settings in bfloat16 are off

The PyTorch side (benchmarks/requirements.txt) is the encoder alone, run on the ten channels:
it is over 99 % of the work.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from diffmst_jax.models import Controls, ModelConfig
from diffmst_jax.models.folder import module_with_weights, weight_shapes

TRACKS, SAMPLES = 8, 262144


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", action="store_true", help="time PyTorch too")
    parser.add_argument("--compute-dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--difference", action="store_true", help="of bfloat16 from float32")
    options = parser.parse_args()
    if options.difference:
        print_difference()
        return
    config = dataclasses.replace(ModelConfig.cnn14(), compute_dtype=options.compute_dtype)
    report("JAX, whole model", jax_model(config), options.repeats)
    if options.torch:
        report("PyTorch, encoders", torch_encoders(ModelConfig.cnn14()), options.repeats)


def report(name: str, run: Callable[[], None], repeats: int) -> None:
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    print(f"{name:20s} first {first:6.2f} s, best of {repeats}: {min(times):6.2f} s", flush=True)


def print_difference() -> None:
    """Of every setting's range, by random weights: those of a fresh model in training."""
    exact, rough = (
        jax_answer(dataclasses.replace(ModelConfig.cnn14(), compute_dtype=dtype), tracks=3)()
        for dtype in ("float32", "bfloat16")
    )
    for name, a, b in zip(exact._fields, exact, rough, strict=True):
        error = np.abs(np.asarray(a) - np.asarray(b))
        print(f"{name:8s} largest {error.max():.4f}, mean {error.mean():.4f}")


def jax_model(config: ModelConfig) -> Callable[[], None]:
    answer = jax_answer(config, tracks=TRACKS)
    return lambda: jax.block_until_ready(answer()) and None


def jax_answer(config: ModelConfig, *, tracks: int) -> Callable[[], Controls]:
    rng = np.random.default_rng(0)
    module = module_with_weights(config, weights(config, rng), "benchmark")
    module.eval()
    graph, state = nnx.split(module)
    predict = jax.jit(lambda state, *audio: nnx.merge(graph, state)(*audio))
    audio = jnp.asarray(0.004 * rng.standard_normal((1, tracks, SAMPLES)), jnp.float32)
    reference = jnp.asarray(0.1 * rng.standard_normal((1, 2, SAMPLES)), jnp.float32)
    mask = jnp.ones((1, tracks), bool)
    return lambda: predict(state, audio, reference, mask)


def weights(config: ModelConfig, rng: np.random.Generator) -> dict[str, np.ndarray]:
    found = {}
    for name, shape in weight_shapes(config).items():
        values = rng.standard_normal(shape, np.float32)
        if name.endswith("kernel"):
            values *= np.float32(np.sqrt(2.0 / np.prod(shape[:-1])))
        elif not name.endswith("token"):
            values = 0.1 * values + name.endswith(("scale", "var"))
        found[name] = np.abs(values) if name.endswith("var") else values
    return found


def torch_encoders(config: ModelConfig) -> Callable[[], None]:
    import torch  # noqa: PLC0415 (optional)
    from torch_model import Encoder  # noqa: PLC0415

    track_encoder, mix_encoder = (
        Encoder(config.encoder, config.transformer.width).eval() for _ in range(2)
    )
    audio = 0.1 * torch.randn(TRACKS + 2, SAMPLES)

    def run() -> None:
        with torch.no_grad():
            track_encoder(audio[:TRACKS])
            mix_encoder(audio[TRACKS:])

    return run


if __name__ == "__main__":
    main()

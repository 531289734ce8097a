"""Time of the full-size model on 8 tracks of 262144 samples, against the same network in PyTorch.

    python benchmarks/model_speed.py [--torch] [--compute-dtype bfloat16] [--repeats 2]
    python benchmarks/model_speed.py --difference       how far settings in bfloat16 are off

The PyTorch side (`pip install 'diffmst-jax[torch]'`) is the encoder alone, run on the ten channels:
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

from diffmst_jax.models import Cnn14Config, Controls, ModelConfig
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
        report("PyTorch, encoders", torch_encoders(Cnn14Config()), options.repeats)


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


def torch_encoders(config: Cnn14Config) -> Callable[[], None]:
    import torch  # noqa: PLC0415 (optional)

    def block(channels: int, width: int, pooling: tuple[int, int]) -> list[torch.nn.Module]:
        layers: list[torch.nn.Module] = []
        for size in (channels, width):
            layers.append(torch.nn.Conv2d(size, width, 3, padding=1, bias=False))
            layers += [torch.nn.BatchNorm2d(width), torch.nn.ReLU()]
        return [*layers, torch.nn.AvgPool2d(pooling)]

    sizes = (1, *config.widths)
    shapes = zip(sizes, config.widths, config.poolings, strict=False)
    network = torch.nn.Sequential(*(layer for shape in shapes for layer in block(*shape))).eval()
    audio = 0.1 * torch.randn(TRACKS + 2, SAMPLES)
    window = torch.hann_window(config.n_fft)

    def run() -> None:
        with torch.no_grad():
            spectrum = torch.stft(
                audio, config.n_fft, config.hop, window=window, return_complex=True
            )
            for part in ((spectrum.abs() + 1e-8) ** config.exponent).split(TRACKS):
                network(part[:, None])

    return run


if __name__ == "__main__":
    main()

"""Time of the full-size model on 8 tracks of 262144 samples, against the same network in PyTorch.

    python benchmarks/model_speed.py [--torch] [--compute-dtype bfloat16] [--repeats 2]

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

from diffmst_jax.models import Cnn14Config, ModelConfig
from diffmst_jax.models.folder import module_with_weights, weight_shapes

TRACKS, SAMPLES = 8, 262144


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", action="store_true", help="time PyTorch too")
    parser.add_argument("--compute-dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
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


def jax_model(config: ModelConfig) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    weights = {
        name: np.ones(shape, np.float32)
        if name.endswith(("scale", "var"))
        else (0.02 * rng.standard_normal(shape, np.float32))
        for name, shape in weight_shapes(config).items()
    }
    module = module_with_weights(config, weights, "benchmark")
    module.eval()
    graph, state = nnx.split(module)
    predict = jax.jit(lambda state, *audio: nnx.merge(graph, state)(*audio))
    tracks = jnp.asarray(0.004 * rng.standard_normal((1, TRACKS, SAMPLES)), jnp.float32)
    reference = jnp.asarray(0.1 * rng.standard_normal((1, 2, SAMPLES)), jnp.float32)
    mask = jnp.ones((1, TRACKS), bool)
    return lambda: jax.block_until_ready(predict(state, tracks, reference, mask)) and None


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

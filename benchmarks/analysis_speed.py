"""Time that a model takes to analyse a song, first with its compilation and then without.

    python benchmarks/analysis_speed.py [--model compact] [--tracks 16] [--seconds 24 240]

Tracks are noise that swells and fades, each at its own pace; their loudness is measured on the way,
as `diffmst mix` measures it while it reads files.
"""

import argparse
import time

import numpy as np

from diffmst_jax import load_model
from diffmst_jax.audio import SAMPLE_RATE

REFERENCE_S = 24.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="compact", help="a name or a folder")
    parser.add_argument("--tracks", type=int, default=16)
    parser.add_argument("--seconds", type=float, nargs="+", default=[24.0, 240.0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    model = load_model(options.model)
    rng = np.random.default_rng(0)
    reference = _noise(rng, 2, REFERENCE_S)
    for seconds in options.seconds:
        tracks = _noise(rng, options.tracks, seconds)
        times = []
        for _ in range(options.repeats + 1):
            start = time.perf_counter()
            model.controls(tracks, reference)
            times.append(time.perf_counter() - start)
        rest = " ".join(f"{t:.2f}" for t in times[1:])
        print(f"{options.tracks} tracks of {seconds:g} s: first {times[0]:.1f} s, then {rest} s")


def _noise(rng: np.random.Generator, count: int, seconds: float) -> np.ndarray:
    """Noise `(count, time)` under slow envelopes."""
    place = np.arange(round(seconds * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    swells = [np.abs(np.sin(place * (row + 1), dtype=np.float32)) for row in range(count)]
    return np.stack([0.05 * rng.standard_normal(len(s), np.float32) * s for s in swells])


if __name__ == "__main__":
    main()

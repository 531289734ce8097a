"""Measure `dsp` against dasp-pytorch and pedalboard: same machine, same run, interleaved.

    make bench                                  # everything, with the table in benchmarks/results
    python benchmarks/dsp_speed.py --rounds 3   # quicker, noisier
    python benchmarks/dsp_speed.py --only compressor   # some rows, printed and not stored

Every figure is a median over rounds; every ratio is the median of ratios within a round, so that a
machine whose speed drifts does not favour whoever ran first.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dsp
from diffmst_jax.processors import usable_processors

SAMPLE_RATE = 44100
TIME = 262144
TRACKS = 16
RESULTS = Path(__file__).parent / "results"
# What each row must reach, as a multiple of the peer's speed, on a CPU and on an accelerator.
CPU_TARGETS = {
    ("equalizer, forward", "dasp-pytorch"): 20,
    ("equalizer, forward", "pedalboard"): 2,
    ("equalizer, forward + backward", "dasp-pytorch"): 15,
    ("compressor, forward", "dasp-pytorch"): 12,
    ("compressor, forward", "pedalboard"): 1,
    ("compressor, forward + backward", "dasp-pytorch"): 15,
    ("compressor, forward + backward to the input", "dasp-pytorch"): 15,
    ("console, forward", "dasp-pytorch"): 10,
    ("console, forward + backward", "dasp-pytorch"): 12,
    ("console with reverb, forward", "dasp-pytorch"): 150,
}
ACCELERATOR_TARGETS = {
    (f"{work}, forward + backward", "dasp-pytorch"): 5
    for work in ("equalizer", "compressor", "console")
}

Work = Callable[[], Any]


def signals(tracks: int, time: int) -> tuple[jax.Array, dsp.ConsoleParams]:
    """Noise and random settings inside the console's ranges."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.uniform(-0.5, 0.5, (tracks, time)), jnp.float32)
    shapes = ((tracks, dsp.TRACK_CONTROLS), (dsp.FX_BUS_CONTROLS,), (dsp.MASTER_CONTROLS,))
    controls = [jnp.asarray(rng.uniform(0.2, 0.8, s), jnp.float32) for s in shapes]
    return x, dsp.console_params(*controls, sample_rate=SAMPLE_RATE)


def equalizer(x: jax.Array, params: dsp.EqualizerParams) -> jax.Array:
    return jax.vmap(lambda s, p: dsp.parametric_eq(s[None], p, sample_rate=SAMPLE_RATE))(x, params)


def compressor(x: jax.Array, params: dsp.CompressorParams) -> jax.Array:
    return jax.vmap(lambda s, p: dsp.compressor(s[None], p, sample_rate=SAMPLE_RATE))(x, params)


def console(x: jax.Array, params: dsp.ConsoleParams, *, reverb: bool = False) -> jax.Array:
    config = dsp.ConsoleConfig(reverb=reverb)
    key = jax.random.key(0)
    return dsp.mix_console(x, params, config, sample_rate=SAMPLE_RATE, key=key).mix


def jax_work(work: Callable[..., jax.Array], x: jax.Array, params: Any) -> tuple[Work, Work, Work]:
    """Forward, forward + backward to input and settings, and to the input alone; compiled."""

    def loss(x: jax.Array, p: Any) -> jax.Array:
        return jnp.sum(jnp.square(work(x, p)))

    functions = (jax.jit(work), jax.jit(jax.grad(loss, argnums=(0, 1))), jax.jit(jax.grad(loss)))
    forward, both, to_input = (partial(_finish, f, x, params) for f in functions)
    return forward, both, to_input


def _finish(function: Callable[..., Any], *arguments: Any) -> None:
    jax.block_until_ready(function(*arguments))


def rows() -> dict[str, dict[str, Work]]:
    """Every piece of work, by whom it can be done."""
    import peers  # noqa: PLC0415 - heavy, and only here

    x, params = signals(TRACKS, TIME)
    numpy_x = np.array(x)
    eq, comp = (
        jax.tree.map(np.asarray, p) for p in (params.tracks.equalizer, params.tracks.compressor)
    )
    eq_jax = jax_work(equalizer, x, params.tracks.equalizer)
    eq_dasp = peers.torch_work(peers.equalizer, numpy_x, peers.eq_arguments(eq))
    comp_jax = jax_work(compressor, x, params.tracks.compressor)
    comp_dasp = peers.torch_work(peers.compressor, numpy_x, peers.comp_arguments(comp))
    arguments = console_arguments(peers, params, reverb=False)
    mix_jax = jax_work(console, x, params)
    mix_dasp = peers.torch_work(peers.console, numpy_x, arguments)
    wet_jax = jax_work(partial(console, reverb=True), x, params)
    wet_dasp = peers.torch_work(
        peers.console, numpy_x, console_arguments(peers, params, reverb=True)
    )
    ours, dasp, board = "dsp", "dasp-pytorch", "pedalboard"
    return {
        "equalizer, forward": {
            ours: eq_jax[0], dasp: eq_dasp[0], board: peers.pedalboard_equalizer(numpy_x, eq),
        },
        "equalizer, forward + backward": {ours: eq_jax[1], dasp: eq_dasp[1]},
        "compressor, forward": {
            ours: comp_jax[0],
            dasp: comp_dasp[0],
            board: peers.pedalboard_compressor(numpy_x, comp),
        },
        "compressor, forward + backward": {ours: comp_jax[1], dasp: comp_dasp[1]},
        "compressor, forward + backward to the input": {ours: comp_jax[2], dasp: comp_dasp[2]},
        "console, forward": {ours: mix_jax[0], dasp: mix_dasp[0]},
        "console, forward + backward": {ours: mix_jax[1], dasp: mix_dasp[1]},
        "console with reverb, forward": {ours: wet_jax[0], dasp: wet_dasp[0]},
    }  # fmt: skip


def console_arguments(peers: Any, params: dsp.ConsoleParams, *, reverb: bool) -> list[Any]:
    """The settings in the order of `peers.console`."""
    tracks, master = jax.tree.map(np.asarray, (params.tracks, params.master_bus))
    one = jax.tree.map(lambda v: v[None], master)
    arguments = [tracks.input_gain_db, tracks.pan, one.input_fader_db, one.output_fader_db]
    tensors = peers.comp_arguments(tuple(arguments))
    tensors += peers.eq_arguments(tracks.equalizer) + peers.comp_arguments(tracks.compressor)
    tensors += peers.eq_arguments(one.equalizer) + peers.comp_arguments(one.compressor)
    if reverb:
        bus = jax.tree.map(np.asarray, params.fx_bus.reverb)
        bands = [v[None] for v in (*bus.band_gain, *bus.band_decay, bus.mix)]
        tensors += peers.comp_arguments((tracks.send_db, *bands))
    return tensors


def measure(row: dict[str, Work], rounds: int, seconds: float = 60.0) -> dict[str, list[float]]:
    """Milliseconds of each work, once per round, in turn; fewer rounds where one is very slow."""
    for work in row.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in row}
    begun = time.perf_counter()
    for _ in range(rounds):
        for name, work in row.items():
            start = time.perf_counter()
            work()
            times[name].append(1e3 * (time.perf_counter() - start))
        if time.perf_counter() - begun > seconds:
            break
    return times


def speeds(rounds: int, only: str = "") -> list[dict[str, Any]]:
    table = []
    for name, row in rows().items():
        if only not in name:
            continue
        times = measure(row, rounds)
        own = np.array(times["dsp"])
        entry: dict[str, Any] = {"work": name, "rounds": len(own), "ms": {}, "ratio": {}}
        for who, values in times.items():
            entry["ms"][who] = float(np.median(values))
            if who != "dsp":
                entry["ratio"][who] = float(np.median(np.array(values) / own))
        table.append(entry)
        print(
            name, {k: round(v, 1) for k, v in {**entry["ms"], **entry["ratio"]}.items()}, flush=True
        )
    return table


def scaling(rounds: int) -> list[dict[str, Any]]:
    """Nanoseconds per sample and track of the console, over tracks and over length."""
    shapes = [(n, TIME) for n in (4, 8, 16, 32, 64)]
    shapes += [(4, int(s * SAMPLE_RATE)) for s in (1.5, 10, 60, 300)]
    out = []
    for tracks, time_ in shapes:
        forward, *_ = jax_work(console, *signals(tracks, time_))
        ms = float(np.median(measure({"dsp": forward}, rounds)["dsp"]))
        out.append({"tracks": tracks, "seconds": time_ / SAMPLE_RATE, "ms": ms,
                    "ns_per_sample": 1e6 * ms / (tracks * time_)})  # fmt: skip
        print(out[-1], flush=True)
    return out


def compilation() -> float:
    """Seconds to trace and compile the console's gradient."""
    x, params = signals(TRACKS, TIME)
    both = jax.jit(jax.grad(lambda x, p: jnp.sum(jnp.square(console(x, p))), argnums=(0, 1)))
    start = time.perf_counter()
    both.lower(x, params).compile()
    return time.perf_counter() - start


def peak_memory() -> dict[str, float]:
    """MiB that the console's forward + backward adds, each in a process of its own.

    On a CPU to the memory of the process, on an accelerator to that of the device.
    """
    peaks = {}
    for who in ("dsp", "dasp-pytorch"):
        command = [sys.executable, __file__, "--memory-of", who]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[who] = float(done.stdout.split()[-1])
    return peaks


def memory_of(who: str) -> float:
    x, params = signals(TRACKS, TIME)
    if who == "dsp":
        work = jax_work(console, x, params)[1]
    else:
        import peers  # noqa: PLC0415

        arguments = console_arguments(peers, params, reverb=False)
        work = peers.torch_work(peers.console, np.array(x), arguments)[1]
    work()  # compiled, libraries loaded, pools made
    if jax.default_backend() != "cpu":
        return _device_mib(who, work)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = _status_mib("VmRSS")
    work()
    return _status_mib("VmHWM") - before


def _device_mib(who: str, work: Work) -> float:
    if who == "dsp":
        statistics = jax.devices()[0].memory_stats()
        return (statistics["peak_bytes_in_use"] - statistics["bytes_in_use"]) / 2**20
    import torch  # noqa: PLC0415

    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def _status_mib(field: str) -> float:
    """A figure of this process from the Linux kernel."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def report(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    targets = CPU_TARGETS if jax.default_backend() == "cpu" else ACCELERATOR_TARGETS
    lines = [
        f"Measured by `make bench` on {results['machine']}; {TRACKS} tracks of {TIME} samples,",
        "float32, medians in ms; `x` is how many times faster `dsp` is, in brackets the target.",
        "",
        "| work | dsp | dasp-pytorch | x | pedalboard | x |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["speed"]:
        cells = [row["work"], f"{row['ms']['dsp']:.1f}"]
        for who in ("dasp-pytorch", "pedalboard"):
            if who in row["ms"]:
                target = targets.get((row["work"], who))
                wanted = f" ({target})" if target else ""
                cells += [f"{row['ms'][who]:.0f}", f"{row['ratio'][who]:.1f}{wanted}"]
            else:
                cells += ["", ""]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Compiling the console's gradient: {results['compile_s']:.1f} s. Peak memory of the "
        f"console's forward + backward: {results['peak_mib']['dsp']:.0f} MiB, dasp-pytorch "
        f"{results['peak_mib']['dasp-pytorch']:.0f} MiB.",
        "",
        "| tracks | seconds | console forward, ms | ns per track and sample |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {r['tracks']} | {r['seconds']:.1f} | {r['ms']:.0f} | {r['ns_per_sample']:.2f} |"
        for r in results["scaling"]
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    cores = usable_processors()
    device = jax.devices()[0].device_kind
    versions = f"JAX {jax.__version__}, Python {platform.python_version()}"
    return f"{cores} cores ({platform.machine()}), {device}, {versions}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=9, help="rounds per row (default %(default)s)"
    )
    parser.add_argument("--only", metavar="TEXT", help="rows with this in their name, not stored")
    parser.add_argument("--memory-of", choices=("dsp", "dasp-pytorch"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(memory_of(options.memory_of))
        return
    if options.only:
        speeds(options.rounds, options.only)
        return
    results = {
        "machine": machine(),
        "compile_s": compilation(),
        "speed": speeds(options.rounds),
        "scaling": scaling(3),
        "peak_mib": peak_memory(),
    }
    RESULTS.mkdir(exist_ok=True)
    name = f"dsp_{jax.default_backend()}"
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(report(results))
    print(report(results))


if __name__ == "__main__":
    main()

"""Measure `diffmst render` on a long song: times real time, and peak memory.

    python benchmarks/render_speed.py                            # 24 tracks of 5 minutes
    python benchmarks/render_speed.py --minutes 20 --format flac --resampled

The song is written to a temporary folder first (1 GB at 24 bits). Every figure is that of a whole
process, start, reading, both passes over the mix, and writing included; the first run compiles,
later ones find what it compiled in the user's cache.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=24, help="(default %(default)s)")
    parser.add_argument("--minutes", type=float, default=5.0, help="(default %(default)s)")
    parser.add_argument("--format", choices=("wav", "flac"), default="wav", help="of the tracks")
    parser.add_argument("--resampled", action="store_true", help="tracks at 48 kHz")
    parser.add_argument("--write-song", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write_song:
        write_song(options.write_song, options)
        return
    with tempfile.TemporaryDirectory() as scratch:
        song = Path(scratch) / "song"
        # In a process of its own: what starts a process lends it its own peak of memory.
        subprocess.run([sys.executable, *sys.argv, "--write-song", song], check=True)
        for run in range(RUNS):
            seconds, busy, peak_mib = render(song, Path(scratch))
            times = 60 * options.minutes / seconds
            print(
                f"run {run + 1}: {seconds:.1f} s, {times:.0f}x real time, {peak_mib:.0f} MiB; "
                f"{busy:.1f} s of processor time"
            )


def render(song: Path, scratch: Path) -> tuple[float, float, float]:
    """Seconds, seconds of all processors, and peak memory in MiB of one `diffmst render`."""
    out = ["--out", str(scratch / "mix.wav")]
    command = [sys.executable, "-m", "diffmst_jax", "render", str(song), str(song / "console.json")]
    start = time.perf_counter()
    process = subprocess.Popen([*command, *out], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("diffmst render failed")
    busy = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, busy, usage.ru_maxrss / 1024


def write_song(folder: Path, options: argparse.Namespace) -> None:
    """Hits and tones of different pitch and pace, and a console that has something to do."""
    import dataclasses  # noqa: PLC0415 - all of this stays out of the measuring process

    import jax  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    import dsp  # noqa: PLC0415
    from diffmst_jax.audio import write_audio  # noqa: PLC0415
    from diffmst_jax.mixing.analyse import neutral_settings  # noqa: PLC0415
    from diffmst_jax.mixing.console.file import console_text  # noqa: PLC0415
    from diffmst_jax.mixing.console.settings import rounded  # noqa: PLC0415
    from diffmst_jax.mixing.finishing.output import OutputTarget  # noqa: PLC0415
    from diffmst_jax.mixing.sources.tracks import Multitrack, Strip  # noqa: PLC0415

    rate = 48000 if options.resampled else 44100
    rng = np.random.default_rng(0)
    bar = np.arange(20 * rate) / rate
    names = []
    for track in range(options.tracks):
        decay = np.exp(-rng.uniform(3, 30) * (bar % (1 / rng.integers(1, 9))))
        sound = np.sin(2 * np.pi * 55 * 2 ** (track / 4) * bar) + 0.2 * rng.standard_normal(
            bar.size
        )
        audio = np.tile(0.2 * decay * sound, -(-int(60 * options.minutes) // 20))
        audio = audio[np.newaxis, : int(60 * options.minutes * rate)].astype(np.float32)
        names.append(f"{track:02d}.{options.format}")
        write_audio(folder / names[-1], audio, sample_rate=rate)
    strips = tuple(Strip(name, (1,)) for name in names)
    loudness = np.full(len(strips), -20.0)
    song = Multitrack(strips, np.zeros((len(strips), 1), np.float32), loudness, ())
    controls = [rng.uniform(0.3, 0.7, (len(strips), dsp.TRACK_CONTROLS))]
    controls += [rng.uniform(0.3, 0.7, n) for n in (dsp.FX_BUS_CONTROLS, dsp.MASTER_CONTROLS)]
    params = dsp.console_params(*(jax.numpy.asarray(c) for c in controls), sample_rate=44100)
    settings = dataclasses.replace(
        neutral_settings(song, target=OutputTarget()),
        params=rounded(jax.tree.map(np.asarray, params)),
    )
    (folder / "console.json").write_text(console_text(settings), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Runs of train.py as processes of their own, of a model so small that compiling is most of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.compiling import FLAGS
from tests.training.conftest import CONF

ROOT = Path(CONF).parent
TIMEOUT_S = 300
TINY = [
    "experiment=af_16",
    "console=default",
    "model.encoder={n_fft: 512, hop: 256, widths: [2], poolings: [[8, 4]]}",
    "model.transformer={layers: 1, heads: 2, width: 16, feed_forward: 32}",
    "console.track_equalizer=false",
    "console.track_compressor=false",
    "console.master_bus=false",
    "data.samples=20000",
    "data.max_tracks=2",
    "data.workers=0",
    "data.validation_examples=2",
    "optimizer.accumulate=2",
    "optimizer.learning_rate=1e-3",
    "optimizer.ema_decay=0.5",
    "logger=none",
    "trainer.steps=8",
    "trainer.batch_size=2",
    "trainer.log_every=1",
    "trainer.validate_every=4",
    "trainer.checkpoint_every=3",
]


def start(arguments: list[str], cache: Path, **environment: str) -> subprocess.Popen[str]:
    """Start train.py; compiled programs are shared by what has the same cache."""
    return subprocess.Popen(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "XLA_FLAGS": FLAGS,
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def children(process: subprocess.Popen[str]) -> list[int]:
    """Numbers of the processes that a running program has started; none where there is no /proc."""
    lists = Path(f"/proc/{process.pid}/task").glob("*/children")  # of each of its threads
    return [int(number) for place in lists for number in place.read_text().split()]


def finish(process: subprocess.Popen[str], status: int = 0, *, timeout_s: float = TIMEOUT_S) -> str:
    """Wait for the end, check the exit status, return what was said on standard error."""
    _, said = process.communicate(timeout=timeout_s)
    assert process.returncode == status, said
    return said


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, while the process lives."""
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.005)


def scalars(run_dir: Path) -> list[dict[str, Any]]:
    """Read the scalars of a run, without those that are measured in seconds or bytes."""
    lines = [json.loads(line) for line in (run_dir / "scalars.jsonl").read_text().splitlines()]
    clock = ("examples_per_second", "data_wait_share", "memory_gb")
    return [{k: v for k, v in line.items() if not k.endswith(clock)} for line in lines]

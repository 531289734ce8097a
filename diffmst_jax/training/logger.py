"""What a run leaves to look at: TensorBoard files, and its scalars as lines of JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.files import written_beside
from diffmst_jax.training.config import LoggerConfig

SCALARS_NAME = "scalars.jsonl"


class Logger:
    """Writes into a run folder; without `tensorboard` only the lines of scalars.

    What an interrupted run wrote after its last checkpoint is hidden or taken away: it comes again.
    `first_step` is that checkpoint's, which is finished and stays; 0 for a run that begins.
    """

    def __init__(self, run_dir: Path, config: LoggerConfig, *, first_step: int):
        self._writer = None
        if config.tensorboard:
            hidden_from = first_step + 1 if first_step else None
            self._writer = SummaryWriter(
                str(run_dir / "tensorboard"), purge_step=hidden_from, write_to_disk=True
            )
        self._path = run_dir / SCALARS_NAME
        kept = [line for line in read_scalars(self._path) if line["step"] <= first_step]
        with written_beside(self._path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def scalars(self, values: Mapping[str, float], step: int, *, group: str) -> None:
        """Write `group/name` for every value."""
        named = {f"{group}/{name}": float(value) for name, value in values.items()}
        with self._path.open("a") as lines:
            lines.write(json.dumps({"step": step, **named}) + "\n")
        if self._writer is not None:
            for name, value in named.items():
                self._writer.add_scalar(name, value, step)

    def audio(self, name: str, mix: np.ndarray, step: int) -> None:
        """Write (2, time) audio, turned down where it would clip."""
        if self._writer is not None:
            safe = mix / max(float(np.max(np.abs(mix), initial=0.0)), 1.0)
            self._writer.add_audio(name, safe.T, step, sample_rate=SAMPLE_RATE)

    def picture(self, name: str, picture: np.ndarray, step: int) -> None:
        """Write a (height, width, 3) uint8 picture."""
        if self._writer is not None:
            self._writer.add_image(name, picture, step, dataformats="HWC")

    def histograms(self, values: Mapping[str, np.ndarray], step: int) -> None:
        """Write the distribution of each array."""
        if self._writer is not None:
            for name, array in values.items():
                self._writer.add_histogram(name, array, step)

    def close(self) -> None:
        """Write what is buffered."""
        if self._writer is not None:
            self._writer.close()


def read_scalars(path: Path) -> list[dict[str, float]]:
    """Read what `Logger.scalars` wrote; a last line that was cut off is left out."""
    if not path.is_file():
        return []
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole]

"""Scalars and audio for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.training.config import LoggerConfig


class Logger:
    """Writes event files into a run folder, or nothing at all."""

    def __init__(self, run_dir: Path, config: LoggerConfig, *, first_step: int):
        self._writer = None
        self.audio_examples = config.audio_examples
        if config.tensorboard:
            # What an interrupted run wrote after its last checkpoint is hidden: it comes again.
            self._writer = SummaryWriter(
                str(run_dir / "tensorboard"), purge_step=first_step or None, write_to_disk=True
            )

    def scalars(self, values: Mapping[str, float], step: int, *, group: str) -> None:
        """Write `group/name` for every value."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", float(value), step)

    def audio(self, name: str, mix: np.ndarray, step: int) -> None:
        """Write (2, time) audio, turned down where it would clip."""
        if self._writer is not None:
            safe = mix / max(float(np.max(np.abs(mix), initial=0.0)), 1.0)
            self._writer.add_audio(name, safe.T, step, sample_rate=SAMPLE_RATE)

    def close(self) -> None:
        """Write what is buffered."""
        if self._writer is not None:
            self._writer.close()

"""What a run leaves to look at: TensorBoard files, and its scalars as lines of JSON."""

import json
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import masked_crc32c

from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.files import appending, written_beside
from diffmst_jax.training.config import LoggerConfig

SCALARS_NAME = "scalars.jsonl"
TENSORBOARD_NAME = "tensorboard"
HISTOGRAM_BINS = 64


class Logger:
    """Writes into a run folder; without `tensorboard` only the lines of scalars.

    What an interrupted run wrote after its last checkpoint is hidden or taken away: it comes again.
    `first_step` is that checkpoint's, which is finished and stays; 0 for a run that begins. Each
    call leaves on disk what it was given, so that no run ends with some of it still in memory.

    Raises:
      InputError: from every method, if the disk is full.
    """

    def __init__(self, run_dir: Path, config: LoggerConfig, *, first_step: int):
        self._path = run_dir / SCALARS_NAME
        kept = [line for line in read_scalars(self._path) if line["step"] <= first_step]
        with written_beside(self._path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self._events: Path | None = None
        if config.tensorboard:
            self._events = run_dir / TENSORBOARD_NAME / f"events.out.tfevents.{time.time():.6f}"
            self._events.parent.mkdir(exist_ok=True)
            self._write(Event(file_version="brain.Event:2"))
            if first_step:
                start = SessionLog(status=SessionLog.START)
                self._write(Event(step=first_step + 1, session_log=start))

    def scalars(self, values: Mapping[str, float], step: int, *, group: str) -> None:
        """Write `group/name` for every value."""
        named = {f"{group}/{name}": float(value) for name, value in values.items()}
        with appending(self._path), self._path.open("a") as lines:
            lines.write(json.dumps({"step": step, **named}) + "\n")
        self._show([Summary.Value(tag=n, simple_value=v) for n, v in named.items()], step)

    def audio(self, name: str, mix: np.ndarray, step: int) -> None:
        """Write (2, time) audio, turned down where it would clip."""
        safe = mix / max(float(np.max(np.abs(mix), initial=0.0)), 1.0)
        self._show(summary.audio(name, safe.T, sample_rate=SAMPLE_RATE).value, step)

    def picture(self, name: str, picture: np.ndarray, step: int) -> None:
        """Write a (height, width, 3) uint8 picture."""
        self._show(summary.image(name, picture, dataformats="HWC").value, step)

    def histograms(self, values: Mapping[str, np.ndarray], step: int) -> None:
        """Write the distribution of each array."""
        drawn = [summary.histogram(n, x, bins=HISTOGRAM_BINS) for n, x in values.items()]
        self._show([value for one in drawn for value in one.value], step)

    def _show(self, values: Sequence[Summary.Value], step: int) -> None:
        self._write(Event(step=step, summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        """Append an event to the file, which is then closed.

        SummaryWriter has a thread, which a full disk would end and which would be waited for, and
        its EventsWriter holds on to a file that cannot be closed while the disk is full.
        """
        if self._events is not None:
            event.wall_time = time.time()
            content = event.SerializeToString()
            length = struct.pack("<Q", len(content))
            checked = [part + struct.pack("<I", masked_crc32c(part)) for part in (length, content)]
            with appending(self._events), self._events.open("ab") as file:
                file.write(b"".join(checked))


def read_scalars(path: Path) -> list[dict[str, float]]:
    """Read what `Logger.scalars` wrote; a last line that was cut off is left out."""
    if not path.is_file():
        return []
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole]

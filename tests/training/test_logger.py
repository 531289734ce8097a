"""What TensorBoard shows of a run that goes on."""

import struct
from itertools import chain

from tensorboardX.proto.event_pb2 import Event, SessionLog

from diffmst_jax.training.config import LoggerConfig
from diffmst_jax.training.logger import Logger


def events(path):
    """Read an event file: records of a length, its checksum, an event and its checksum."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        yield Event.FromString(content[at + 12 : at + 12 + length])
        at += 12 + length + 4


def shown(paths):
    """Steps of `train/loss` that TensorBoard shows: a start hides those from its step on."""
    steps: list[int] = []
    for event in chain.from_iterable(map(events, paths)):
        if event.session_log.status == SessionLog.START:
            steps = [step for step in steps if step < event.step]
        steps += [event.step for value in event.summary.value if value.tag == "train/loss"]
    return steps


def test_a_resumed_run_shows_every_step_once(tmp_path):
    config, paths = LoggerConfig(tensorboard=True, audio_examples=0), []
    for first_step, last in ((0, 4), (3, 5)):
        logger = Logger(tmp_path, config, first_step=first_step)
        for step in range(first_step + 1, last + 1):
            logger.scalars({"loss": 1.0}, step, group="train")
        logger.close()
        (written,) = (tmp_path / "tensorboard").iterdir()
        # It is named after the second: the next file would replace it.
        paths.append(written.rename(tmp_path / f"{first_step}.events"))
    assert shown(paths) == [1, 2, 3, 4, 5]

"""What TensorBoard shows of a run that goes on, and what is said when the disk is full."""

import errno
import os
import struct
from itertools import chain
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from diffmst_jax.errors import InputError
from diffmst_jax.training.config import LoggerConfig
from diffmst_jax.training.logger import SCALARS_NAME, TENSORBOARD_NAME, Logger


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
    """All of them are there while it goes on: a run that is killed closes nothing."""
    config = LoggerConfig(tensorboard=True, audio_examples=0)
    for first_step, last in ((0, 4), (3, 5)):
        logger = Logger(tmp_path, config, first_step=first_step)
        for step in range(first_step + 1, last + 1):
            logger.scalars({"loss": 1.0}, step, group="train")
    assert shown(sorted((tmp_path / "tensorboard").iterdir())) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("full", [SCALARS_NAME, TENSORBOARD_NAME])
def test_a_full_disk_is_said_at_once(full, tmp_path, monkeypatch):
    logger = Logger(tmp_path, LoggerConfig(tensorboard=True, audio_examples=0), first_step=0)
    opened = Path.open

    def no_space(path, mode):
        if full in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", no_space)
    with pytest.raises(InputError, match=rf"{full}.*: cannot be written \(No space left"):
        logger.scalars({"loss": 1.0}, 1, group="train")

"""How long-running work reports its progress: the types of the callbacks."""

from collections.abc import Callable

Tell = Callable[[str, float], None]
"""Told which stage is under way and which fraction of the whole job is done."""

Progress = Callable[[float], None]
"""Told now and then which fraction of one stage is done."""


def tell_nobody(stage: str, done: float) -> None:
    """Take what is told where nobody listens."""
    del stage, done

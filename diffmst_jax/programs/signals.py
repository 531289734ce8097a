"""Leaving in good order when the system asks for it."""

import signal
from types import FrameType

from diffmst_jax.data.processes import stop_signals


class Stopped(Exception):  # noqa: N818  (nothing went wrong)
    """A run was asked to stop, saved its state, and can be resumed.

    Attributes:
      status: exit status by convention, 128 and the signal's number: 143 for SIGTERM, 130 for
        Ctrl-C.
    """

    def __init__(self, number: int):
        super().__init__(f"stopped by signal {number}")
        self.status = 128 + number


class StopRequest:
    """While active, signals to end and the first Ctrl-C set `wanted` instead of ending the program.

    A second Ctrl-C ends it at once. Handlers that a launcher has set are back in place afterwards.

    Attributes:
      wanted: whether to stop.
      number: the signal that said so; SIGTERM if another process got it.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.number: int = signal.SIGTERM
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        for number in stop_signals():
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted, self.number = True, number

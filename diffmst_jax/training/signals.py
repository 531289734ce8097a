"""Leaving in good order when the system asks for it."""

import signal
from types import FrameType, TracebackType


class StopRequest:
    """While active, SIGTERM and the first Ctrl-C set `wanted` instead of ending the program.

    A second Ctrl-C ends it at once.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True

"""The answer to a request that cannot be served: a status and one line that people can act on."""


class RefusalError(Exception):
    """A request is refused.

    Attributes:
        status: HTTP status.
        message: what is wrong and what to do, one line.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)

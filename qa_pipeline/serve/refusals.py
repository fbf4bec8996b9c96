"""Why a service does not answer: it is busy, it took too long, it ends, or what was asked for is not its to give.

What is wrong with the question itself is a DataError or ConfigError, as everywhere in this package. Knows no HTTP.
"""

from __future__ import annotations

from qa_pipeline.errors import DataError, QAError


class BusyError(QAError):
    """Too much waits already; the same may be asked again later.

    Args:
        waiting: how many wait.
        retry_after: seconds after which it is worth to ask again.
    """

    def __init__(self, waiting: int, retry_after: float):
        super().__init__(
            f"{waiting:,} requests wait already, which is the most; ask again in {max(1, round(retry_after))} s"
        )
        self.retry_after = retry_after


class OutOfTimeError(QAError):
    """An answer took longer than the caller may wait.

    Args:
        seconds: that it could take.
    """

    def __init__(self, seconds: float):
        super().__init__(f"there was no answer within {seconds:g} s, which is the most; ask for less at once, or later")


class StoppingError(QAError):
    """The service ends, and takes nothing more."""

    def __init__(self) -> None:
        super().__init__("the service is being stopped and takes no more requests; ask again when it is back")


class NotAllowedError(QAError):
    """What was asked for is for the owner of the service alone."""


class NoSuchDocumentError(DataError):
    """There is no document of this name."""


class NameTakenError(DataError):
    """There is a document of this name already."""


class NothingToAskError(DataError):
    """The service has no documents."""

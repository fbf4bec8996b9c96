"""Gives an assistant the tools ask, highlight and verify by the Model Context Protocol, over stdin and stdout.

Standard output belongs to the protocol: while it is spoken, whatever else is printed goes to standard error. The model
and the index are opened in the background as soon as the client has been greeted, since clients wait some seconds
only; a call that comes before they are there waits, and reports progress where the client asks for it. What the tools
are is in `mcp_tools`; importing this imports neither the SDK nor a model.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from qa_pipeline.errors import ConfigError, QAError

if TYPE_CHECKING:
    from qa_pipeline.serve.service import Service

logger = logging.getLogger(__name__)

_LAST_SECONDS = 1.0
"""That an answer may still take when the client is gone; clients wait two before they end the process."""


class BackgroundService:
    """A service that another thread opens. Whoever needs it waits for it.

    Args:
        open_service: loads the model and the documents; may take long, and may raise a QAError.

    Example:
        >>> background = BackgroundService(lambda: "a service")
        >>> background.start()
        >>> background.wait(10), background.result()
        (True, 'a service')
    """

    def __init__(self, open_service: Callable[[], Service]):
        self._open, self._lock = open_service, threading.Lock()
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self._service: Service | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begins to open it, once; again where it failed before, since what was wrong may have been mended."""
        with self._lock:
            if self._service is not None or (self._thread is not None and not self._done.is_set()):
                return
            self._error = None
            self._done.clear()
            self._thread = threading.Thread(target=self._run, name="open-service", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._service = self._open()
        except BaseException as error:  # noqa: BLE001 (whoever waits is to see it)
            self._error = error
            if not isinstance(error, QAError):
                logger.exception("the model or the documents could not be opened")
            else:
                logger.error("%s", error)
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Whether it is there, or has failed, within so many seconds."""
        return self._done.wait(seconds)

    @property
    def was_started(self) -> bool:
        """Whether it was begun, however it ended."""
        return self._thread is not None

    def close(self) -> None:
        """Closes the service, if it is there."""
        if self._service is not None:
            self._service.close(_LAST_SECONDS)

    def result(self) -> Service:
        """The service; to be called when `wait` says True.

        Raises:
            QAError: it could not be opened.
        """
        if self._service is None:
            raise self._error or RuntimeError("the service is not open yet")
        return self._service


def serve_mcp(open_service: Callable[[], Service]) -> NoReturn:
    """Speaks the protocol until the client closes standard input, or a signal ends it; then the process ends with 0.

    Args:
        open_service: loads the model and the documents, after the client was greeted.

    Raises:
        ConfigError: the `mcp` package is not installed.

    Example:
        >>> serve_mcp(lambda: Service(QAPredictor.from_pretrained("runs/policies")))  # doctest: +SKIP
    """
    check_mcp()
    import anyio

    from qa_pipeline.serve.mcp.tools import build_mcp_server

    background = BackgroundService(open_service)
    server = build_mcp_server(background)
    for one in (signal.SIGINT, signal.SIGTERM):
        # A thread waits for the next line of the client and cannot be interrupted.
        signal.signal(one, lambda *_: _end(background))
    try:
        anyio.run(server.run_stdio_async)
    except* BrokenPipeError:
        pass  # the client is gone
    _end(background)


def _end(background: BackgroundService) -> NoReturn:
    """Ends the process. Clients end one that is still there after two seconds, which Python takes to leave torch."""
    background.close()
    sys.stderr.flush()
    os._exit(0)


def check_mcp() -> None:
    """Checks that the SDK is there.

    Raises:
        ConfigError: it is not, or is of another major version.
    """
    try:
        import mcp.server.mcpserver  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "--mcp", f'needs mcp 2, which cannot be imported ({error}); run: pip install "mcp>=2"'
        ) from None
